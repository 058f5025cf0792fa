#!/bin/sh
# Installs this folder's tree below / on a Debian machine without dpkg's help. Run it as root in the unpacked folder.
# Whoever unpacked it, with whatever umask: what is laid out is root's and readable, and no folder of the machine changes.
set -eu
version="@VERSION@"
part="@PART@"
cd "$(dirname "$0")"
[ "$(id -u)" = 0 ] || { echo "请以 root 运行 · run it as root: sudo $0" >&2; exit 1; }
machine="$(uname -m)"
case "@ARCH@" in amd64) wanted=x86_64 ;; *) wanted=aarch64 ;; esac
[ "$machine" = "$wanted" ] || { echo "此包用于 @ARCH@，本机为 $machine · it is for @ARCH@, this machine is $machine" >&2; exit 1; }
python="$(readlink "opt/xinguan/versions/$version/bin/python" 2>/dev/null || readlink "/opt/xinguan/versions/$version/bin/python" || true)"
if [ -z "$python" ]; then
  echo "请先安装 xinguan $version · install xinguan $version first" >&2
  exit 1
fi
if [ ! -x "$python" ]; then
  echo "缺少 $python · it is missing: sudo apt-get install -y python3 libzbar0 xz-utils" >&2
  exit 1
fi
install -d -m 0755 /opt/xinguan/installed
find . -mindepth 2 ! -type d | cut -c 2- > "/opt/xinguan/installed/$part"
tar --create --exclude=./install.sh --owner=root --group=root --mode=u=rwX,go=rX . |
  tar --extract --directory=/ --keep-directory-symlink --no-overwrite-dir
getent passwd xinguan >/dev/null || systemd-sysusers xinguan.conf 2>/dev/null ||
  useradd --system --user-group --home-dir /var/lib/xinguan --no-create-home --shell /usr/sbin/nologin xinguan
"$python" -I -m compileall -q -j 0 --invalidation-mode unchecked-hash "/opt/xinguan/versions/$version/lib" || true
ln -sfn "versions/$version" /opt/xinguan/current.new
mv -T /opt/xinguan/current.new /opt/xinguan/current
install -d -m 0755 /etc/xinguan
install -d -m 0700 -o xinguan -g xinguan /var/lib/xinguan
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  systemctl enable xinguan-update.service || true
  systemctl try-restart xinguan-terminal.service xinguan-central.service xinguan-hub.service || true
fi
echo "信关已安装。下一步：/usr/share/doc/xinguan/install.md"
echo "Xinguan is installed. Next: /usr/share/doc/xinguan/install.md"
