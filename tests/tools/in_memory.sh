#!/bin/sh
# usage: in_memory.sh COMMAND…: runs it with temporary folders in memory where that can be had, else where they always are.
# Waiting for a disk is most of what fast tests would wait for. What needs a real one is in other targets, which do not
# ask here. The memory is seen by this command alone and is gone with it (a mount namespace, which needs root).
set -eu
room=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo 2>/dev/null || echo 0)
if [ "$(id -u)" = 0 ] && [ "${room:-0}" -ge 8000000 ] && unshare --mount true 2>/dev/null; then
  folder=$(mktemp -d "${TMPDIR:-/tmp}/xinguan-tests.XXXXXX")
  unshare --mount sh -c '
    folder=$1
    shift
    mount -t tmpfs -o mode=1777,size=6g xinguan-tests "$folder" 2>/dev/null && export TMPDIR="$folder"
    exec "$@"' sh "$folder" "$@" && code=0 || code=$?
  rmdir "$folder" 2>/dev/null || true
  exit $code
fi
exec "$@"
