#!/bin/sh
# Makes .venv with pinned, hashed dependencies and sees to the system libraries.
# usage: setup.sh demo|dev     PYTHON=python3.13 picks the interpreter
set -eu
kind=${1:-dev}
python=${PYTHON:-python3}
cd "$(dirname "$0")/../.."

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Xinguan needs Python 3.11 or newer; $python is $("$python" -V 2>&1). Set PYTHON=python3.11 (or newer)." >&2
  exit 1
}

# System libraries: what a shared object is called, and the Debian package that brings it.
missing=
for pair in libzbar.so.0=libzbar0 libGL.so.1=libgl1 libglib-2.0.so.0=libglib2.0-0; do
  "$python" - "${pair%%=*}" <<'PY' || missing="$missing ${pair#*=}"
import ctypes, sys
try:
    ctypes.CDLL(sys.argv[1])
except OSError:
    sys.exit(1)
PY
done
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
if [ "$kind" = dev ] && ! command -v chromium >/dev/null 2>&1; then missing="$missing chromium fonts-noto-cjk"; fi
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing system packages:$missing" >&2
    apt-get update -q >/dev/null || true   # an old package list is still a list; the install below is the judge
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >/dev/null
  elif [ "$kind" = dev ] && [ "$missing" = " chromium fonts-noto-cjk" ]; then
    echo "no Chromium: browser tests will be skipped. To run them: sudo apt-get install$missing" >&2
  else
    echo "Missing system libraries. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y$missing" >&2
    exit 1
  fi
fi

.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv

# once STAMP WANTED COMMAND…: runs COMMAND unless .venv/STAMP already says WANTED.
once() {
  stamp=.venv/$1 wanted=$2
  shift 2
  [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ] && return
  "$@" && printf '%s' "$wanted" > "$stamp"
}
pip() { .venv/bin/python -m pip install -q --disable-pip-version-check "$@"; }
dependencies() {
  echo "installing pinned dependencies into .venv (once)" >&2
  pip --require-hashes --only-binary :all: -r requirements/"$kind".txt
}
once dependencies."$kind" "$(cksum < requirements/"$kind".txt)" dependencies
once project "$(cksum < pyproject.toml) $(pwd)" pip --no-deps --no-build-isolation -e .
