#!/bin/sh
# Takes away what install.sh laid out. What was redeemed stays in /var/lib/xinguan, unless --purge is said.
set -eu
[ "$(id -u)" = 0 ] || { echo "请以 root 运行 · run it as root: sudo $0" >&2; exit 1; }
case "${1:-}" in "" | --purge) ;; *) echo "usage: $0 [--purge]" >&2; exit 2 ;; esac
if [ -d /run/systemd/system ]; then
  for unit in terminal kiosk update central hub; do systemctl disable --now "xinguan-$unit.service" 2>/dev/null || true; done
  systemctl stop xinguan-camera.socket xinguan-camera-net.socket 2>/dev/null || true
fi
for list in /opt/xinguan/installed/*; do
  while IFS= read -r path; do
    case "$path" in /opt/xinguan/*) continue ;; esac
    rm -f "$path"
    rmdir --ignore-fail-on-non-empty "$(dirname "$path")" 2>/dev/null || true
  done < "$list"
done
rmdir --ignore-fail-on-non-empty /usr/share/doc/xinguan /usr/share/xinguan 2>/dev/null || true
rm -rf /opt/xinguan
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl reset-failed 'xinguan-*' 2>/dev/null || true
fi
if [ "${1:-}" = --purge ]; then
  rm -rf /var/lib/xinguan /var/lib/xinguan-central /var/lib/xinguan-hub /etc/xinguan
  echo "程序与数据均已删除 · program and data are gone"
else
  echo "程序已删除，数据保留在 /var/lib/xinguan · the program is gone, the data stays in /var/lib/xinguan"
fi
