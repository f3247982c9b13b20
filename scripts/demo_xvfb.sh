#!/usr/bin/env bash
# The demo's two windows under a virtual display: waits until both say in their titles that they are in a call, takes
# a picture of them side by side, checks that pictures move in both, and closes one, which must end it all.
#
#   scripts/demo_xvfb.sh [OUT.png]        (target/demo-call.png)
cd "$(dirname "$0")/.."
set -euo pipefail
out=${1:-target/demo-call.png}
room=$(mktemp -d)
demo=
leave() {
  local code=$?
  trap - EXIT INT TERM
  [ -z "$demo" ] || { kill "$demo" 2>/dev/null && wait "$demo" 2>/dev/null; } || true
  kill "$xvfb" 2>/dev/null && wait "$xvfb" 2>/dev/null || true
  rm -rf "$room"
  exit "$code"
}
die() { echo "demo_xvfb: $1" >&2; cat "$room/demo" >&2; exit 1; }

# Xvfb picks a free display and tells it on descriptor 3.
Xvfb -displayfd 3 -screen 0 1940x800x24 3>"$room/display" 2>/dev/null &
xvfb=$!
trap leave EXIT INT TERM
for _ in $(seq 100); do [ -s "$room/display" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$room/display")
export DISPLAY
unset WAYLAND_DISPLAY DEMO

scripts/demo.sh >"$room/demo" 2>&1 &
demo=$!
window() { # GUEST: the window of a call with them: its title begins with their name
  for _ in $(seq 600); do
    kill -0 "$demo" 2>/dev/null || die "the demo ended before the call"
    xdotool search --onlyvisible --name "^$1 " 2>/dev/null | head -n 1 | grep . && return
    sleep 0.1
  done
  die "no window of a call with $1"
}
# Each window is called after the other guest.
ada=$(window grace)
grace=$(window ada)
for place in "$ada 0" "$grace 970"; do
  read -r id x <<<"$place"
  xdotool windowmove "$id" "$x" 0 windowsize "$id" 960 720
done

colours() { convert "$1" -crop "$2" -resize 160x120 -format '%k' info:; }
differs() { compare -metric RMSE -fuzz 2% \( "$1" -crop "$3" +repage \) \( "$2" -crop "$3" +repage \) null: 2>&1 | sed 's/ .*//;s/\..*//'; }
# Some pictures are given to the encoder's start: the last of them counts.
for _ in $(seq 100); do
  import -window root "$room/one.png"
  sleep 0.5
  import -window root "$room/two.png"
  good=0
  for half in 960x720+0+0 960x720+970+0; do
    [ "$(colours "$room/two.png" $half)" -gt 500 ] && [ "$(differs "$room/one.png" "$room/two.png" $half)" -gt 300 ] && good=$((good + 1))
  done
  [ $good = 2 ] && break
done
[ "$good" = 2 ] || die "no moving pictures in both windows"
mkdir -p "$(dirname "$out")"
cp "$room/two.png" "$out"

xdotool windowclose "$ada" 2>/dev/null || true
for _ in $(seq 150); do kill -0 "$demo" 2>/dev/null || break; sleep 0.1; done
kill -0 "$demo" 2>/dev/null && die "the demo goes on though a window was closed"
demo=
echo "both windows in a call, closed cleanly; $out"
