#!/bin/sh
# Makes .venv from the pinned, hashed files of requirements/ and sees to Debian's packages.
# usage: setup.sh demo|dev|clients
#   PYTHON=python3.13      picks the interpreter
#   XINGUAN_NO_SKIPS=1     packages that only tests need are needed too (as .ci/run sets it)
#
# 1. What is written is what is installed: nothing resolves, and .venv is made anew when a pin or the Python changes.
# 2. Only .venv is written. Debian's packages are installed when root runs this; anybody else is told the exact line.
# 3. It talks when it works, and says nothing when there is nothing to do.
set -eu
kind=${1:-dev}
python=${PYTHON:-python3}
cd "$(dirname "$0")/../.."
layers="bootstrap terminal central"
[ "$kind" = demo ] || layers="$layers gpio dev"
[ "$kind" != clients ] || layers="$layers clients"

say() { printf '%s\n' "$*" >&2; }

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || {
  say "需要 Python 3.11 至 3.14 Xinguan needs Python 3.11 to 3.14; $python says: $("$python" -V 2>&1 | head -n 1)"
  say "用 PYTHON=… 指定 name one with PYTHON=…:  PYTHON=/usr/bin/python3 make"
  exit 1
}

# ---- Debian's packages ----
present() {  # present python:MODULE | library:SONAME | command:NAME | file:PATTERN
  case $1 in
    python:*) "$python" -c "import venv, ${1#*:}" 2>/dev/null ;;
    library:*) "$python" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "${1#*:}" 2>/dev/null ;;
    command:*) command -v "${1#*:}" >/dev/null 2>&1 ;;
    # shellcheck disable=SC2086  # the pattern is meant to be one
    file:*) ls ${1#*:} >/dev/null 2>&1 ;;
  esac
}
needed='' wished=''
while read -r need package shown _; do
  case $need in
    run) present "$shown" || needed="$needed $package" ;;
    test) [ "$kind" = demo ] || present "$shown" || wished="$wished $package" ;;
    clients) [ "$kind" != clients ] || present "$shown" || needed="$needed $package" ;;
  esac
done < tests/tools/debian.txt
if [ -n "${XINGUAN_NO_SKIPS:-}" ]; then needed="$needed$wished" wished=''; fi

if [ -n "$needed$wished" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  say "安装系统软件包 installing Debian packages:$needed$wished"
  apt-get update -q >/dev/null 2>&1 || true  # an old package list is still a list; the install below is the judge
  said=$(mktemp)
  # shellcheck disable=SC2086
  if DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $needed$wished >"$said" 2>&1; then
    needed='' wished=''
  else
    tail -n 5 "$said" >&2
  fi
  rm -f "$said"
fi
if [ -n "$needed" ]; then
  say "缺少系统软件包。请管理员（或用 sudo）运行下面一行，然后再试："
  say "Debian packages are missing. Run this line as an administrator, then try again:"
  say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$needed"
  exit 1
fi
if [ -n "$wished" ]; then
  say "这些软件包没有安装，相关测试会跳过 not installed, their tests are skipped:$wished"
  say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends$wished"
fi

# ---- .venv ----
interpreter() { "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }
sum() { cksum < "requirements/$1.txt"; }
installed=.venv/xinguan.installed  # a line a layer: its name and the sum of its file
stale() {
  [ -s "$installed" ] && [ "$(interpreter .venv/bin/python)" = "$(interpreter "$python")" ] || return 0
  while read -r layer recorded; do
    [ -f "requirements/$layer.txt" ] && [ "$(sum "$layer")" = "$recorded" ] || return 0
  done < "$installed"
  return 1
}
log=.venv/install.log
failed() {
  tail -n 15 "$log" >&2
  say "安装没有完成 the installation failed; all of it: $log"
  exit 1
}
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }
pinned() { PYTHONUNBUFFERED=1 pip install --no-deps --require-hashes --only-binary :all: "$@"; }
count() {  # count TOTAL: pip's output on stdin, how far it is on stderr
  done_=0
  while IFS= read -r line; do
    printf '%s\n' "$line" >> "$log"
    case $line in
      Collecting\ *)
        done_=$((done_ + 1)) name=${line#Collecting }
        [ -t 2 ] && printf '\r  3/4 依赖 dependencies: %d/%d %-40.40s' "$done_" "$1" "${name%% *}" >&2 ;;
      Installing\ collected*) [ -t 2 ] && printf '\r  3/4 依赖 dependencies: %d/%d %-40.40s' "$done_" "$1" "unpacking" >&2 ;;
    esac || true
  done
  [ ! -t 2 ] || printf '\r  3/4 依赖 dependencies: %d/%d %-40.40s\n' "$done_" "$1" '' >&2
}

if stale; then
  say "信关 Xinguan: 安装到本文件夹的 .venv，不改动其他地方；Ctrl-C 可中断，再运行一次会重新开始。"
  say "Installing into .venv in this folder; nothing else changes. Ctrl-C stops it, running it again starts anew."
  say "  1/4 $("$python" -V) → .venv"
  "$python" -m venv --clear .venv
  : > "$log"
fi
missing=''
for layer in $layers; do
  grep -q "^$layer " "$installed" 2>/dev/null || missing="$missing $layer"
done
if [ -n "$missing" ]; then
  began=$(date +%s)
  say "  2/4 安装工具 installer: $(grep -o '^[a-z-]*==[^ ]*' requirements/bootstrap.txt | tr '\n' ' ')"
  pinned -q -r requirements/bootstrap.txt >> "$log" 2>&1 || failed
  files='' total=0
  for layer in $missing; do
    total=$((total + $(grep -c '^[a-z].*==' "requirements/$layer.txt")))
    files="$files -r requirements/$layer.txt"
  done
  say "  3/4 依赖 dependencies: $total 个 packages, pinned and hashed"
  # shellcheck disable=SC2086
  { pinned $files 2>&1 || echo "failed" > .venv/failed; } | count "$total"
  if [ -e .venv/failed ]; then rm .venv/failed; failed; fi
fi
project="$(cksum < pyproject.toml) $(pwd)"
if [ "$(cat .venv/xinguan.project 2>/dev/null || true)" != "$project" ]; then
  [ -z "$missing" ] || say "  4/4 信关 Xinguan"
  pip install -q --no-deps --no-build-isolation -e . >> "$log" 2>&1 || failed
  pip check >> "$log" 2>&1 || failed
  printf '%s' "$project" > .venv/xinguan.project
fi
if [ -n "$missing" ]; then
  for layer in $missing; do echo "$layer $(sum "$layer")"; done >> "$installed"
  say "  完成 done: $(($(date +%s) - began)) s, $(du -sm .venv | cut -f1) MB"
fi
