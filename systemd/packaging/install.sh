#!/bin/sh
# Installs this folder's tree below / on a Debian machine without dpkg's help. Run it as root in the unpacked folder.
set -eu
version="@VERSION@"
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || { echo "run it as root: sudo ./install.sh" >&2; exit 1; }
python="$(readlink "opt/xinguan/versions/$version/bin/python" 2>/dev/null || true)"
if [ -n "$python" ] && [ ! -x "$python" ]; then
  echo "this package needs $python. On Debian: sudo apt-get install -y python3 libzbar0" >&2
  exit 1
fi
find . -mindepth 1 -maxdepth 1 -type d -exec cp -a {} / \;
getent passwd xinguan >/dev/null || systemd-sysusers xinguan.conf 2>/dev/null ||
  useradd --system --user-group --home-dir /var/lib/xinguan --no-create-home --shell /usr/sbin/nologin xinguan
"/opt/xinguan/versions/$version/bin/python" -I -m compileall -q -j 0 --invalidation-mode unchecked-hash "/opt/xinguan/versions/$version/lib" || true
ln -sfn "versions/$version" /opt/xinguan/current.new
mv -T /opt/xinguan/current.new /opt/xinguan/current
install -d -m 0755 /etc/xinguan
install -d -m 0700 -o xinguan -g xinguan /var/lib/xinguan
if [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl enable xinguan-update.service || true; fi
echo "信关已安装。下一步：/usr/share/doc/xinguan/install.md"
echo "Xinguan is installed. Next: /usr/share/doc/xinguan/install.md"
