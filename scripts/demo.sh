#!/usr/bin/env bash
# The demo: a server on loopback in a throw-away folder, two guests by invitation, Match, and a call.
#
# Two windows where there is a display; it ends when either is closed. Without one, or with DEMO=headless, two bots
# hold the call for 10 s and their two reports are the last two lines printed. Leaves nothing running, whatever happens.
cd "$(dirname "$0")/.."
. scripts/server.sh

headless() {
  [ "${DEMO-}" = headless ] && return 0
  [ "$(uname -s)" = Darwin ] && return 1
  [ -z "${DISPLAY-}${WAYLAND_DISPLAY-}" ]
}

guest() { # NAME PROGRAM-AND-FLAGS...
  local name=$1
  shift
  start "$name" "$@" --server "$url" --name "$name" --password-file "$room/$name.password" --invite "$invitation" --match
}

build_castle
start_server
invite 2
(umask 077; for name in ada grace; do head -c 18 /dev/urandom | base64 >"$room/$name.password"; done)
echo "Server at $url. Ada and Grace look for each other through Match."

if headless; then
  for name in ada grace; do
    guest "$name" "$castle_desktop" bot --camera pattern --mic tone --duration 10s --report "$room/$name.json"
    eval "$name=\$started"
  done
  # shellcheck disable=SC2154 # set by eval above
  for name in ada grace; do
    wait "${!name}" || fail "$name held no call" "$room"/{ada,grace}.{out,err} "$room/server.err"
  done
  for name in ada grace; do tr -d '\n' <"$room/$name.json"; echo; done
else
  camera=pattern
  for device in /dev/video*; do [ -e "$device" ] && camera=device:${device#/dev/video} && break; done
  guest ada "$castle_desktop" --profile "$room/ada" --camera "$camera"
  ada=$started
  # One microphone hears both guests, so the second has none and is silent.
  guest grace "$castle_desktop" --profile "$room/grace" --camera pattern --mic silence --speaker off
  grace=$started
  echo "Close either window to end."
  wait -n "$ada" "$grace" || fail "a window ended badly" "$room"/{ada,grace}.{out,err} "$room/server.err"
fi
