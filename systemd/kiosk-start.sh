#!/bin/sh
# Starts the kiosk browser on one screen of this terminal. The address with its token goes into a private file, so that
# no list of processes shows it. Called by xinguan-kiosk.service, which hands over the tokens as a credential.
set -eu
umask 077
token=$(sed -n 's/.*"display"[^"]*"\([^"]*\)".*/\1/p' "$CREDENTIALS_DIRECTORY/api-tokens")
page=$RUNTIME_DIRECTORY/start.html
printf '<!doctype html><meta http-equiv="refresh" content="0;url=http://127.0.0.1:8470/%s#token=%s">\n' \
  "$XINGUAN_SCREEN" "$token" > "$page"
exec /usr/bin/cage -d -s -- /usr/bin/chromium --kiosk --noerrdialogs --disable-infobars \
  --disable-session-crashed-bubble --autoplay-policy=no-user-gesture-required --ozone-platform=wayland \
  --user-data-dir="$RUNTIME_DIRECTORY/profile" "file://$page"
