#!/bin/sh
# Starts the kiosk browser on one screen of this terminal. The address with its token goes into a private file, so that
# no list of processes shows it. Called by xinguan-kiosk.service, which hands over the tokens as a credential.
# The browser may be there before the terminal is: the page in that file knocks until somebody answers.
set -eu
umask 077
case $XINGUAN_SCREEN in
  desk* | counter* | staff*) kind=desk ;;
  service*) kind=service ;;
  *) kind=display ;;
esac
kind=${XINGUAN_TOKEN:-$kind}
token=$(sed -n 's/.*"'"$kind"'"[^"]*"\([^"]*\)".*/\1/p' "$CREDENTIALS_DIRECTORY/api-tokens")
page=$RUNTIME_DIRECTORY/start.html
address="${XINGUAN_TERMINAL:-http://127.0.0.1:8470}/$XINGUAN_SCREEN#token=$token"
cat > "$page" <<END
<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>信关</title>
<style>body { font: 5vmin sans-serif; display: grid; place-content: center; text-align: center; height: 96vh }</style>
<p>终端正在启动<br><span lang="en">The terminal is starting</span></p>
<script>
  const address = "$address";
  const knock = () => fetch(address, { mode: "no-cors" }).then(() => location.replace(address), () => setTimeout(knock, 1000));
  knock();
</script>
</html>
END
# shellcheck disable=SC2086  # a browser with its arguments is several words
exec ${XINGUAN_BROWSER:-/usr/bin/cage -d -s -- /usr/bin/chromium --ozone-platform=wayland} --kiosk --noerrdialogs --disable-infobars \
  --disable-session-crashed-bubble --autoplay-policy=no-user-gesture-required --enable-speech-dispatcher \
  --overscroll-history-navigation=0 --disable-pinch --user-data-dir="$RUNTIME_DIRECTORY/profile" "file://$page"
