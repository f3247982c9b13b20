#!/usr/bin/env bash
# A walk through the app as two people take it, by keyboard alone, under a virtual display and against a real server:
# register by invitation, call, accept, chat, mute, hang up, call history, find someone, next, report, block, log out;
# then the server is killed and started again while it rings and in a call, and a guest is banned in a call.
# What was reached is read from window titles and from the server; pictures of every step are kept.
#
#   scripts/walk_xvfb.sh [FOLDER]        (target/walk)
cd "$(dirname "$0")/.."
. scripts/server.sh
out=${1:-target/walk}
mkdir -p "$out"
rm -f "$out"/*.png

build_castle
# Xvfb picks a free display and tells it on descriptor 3.
Xvfb -displayfd 3 -screen 0 1940x800x24 3>"$room/display" 2>/dev/null &
pids+=("$!")
for _ in $(seq 100); do [ -s "$room/display" ] && break; sleep 0.1; done
DISPLAY=:$(cat "$room/display")
export DISPLAY LANG=C
unset WAYLAND_DISPLAY LC_ALL LC_MESSAGES
start_server
port=${url##*:}
invite 4

step=0
picture() { # NAME: keeps a picture of both windows
  step=$((step + 1))
  import -window root "$out/$(printf %02d "$step")-$1.png"
}
lost() { picture "failed"; fail "walk_xvfb: $1" "$room"/{ada,ben,server}.err; }
app() { # NAME: a window that opens on registration; its id in $window
  start "$1" "$castle_desktop" --profile "$room/$1-profile" --camera pattern --mic silence --speaker off "$link"
  for _ in $(seq 300); do
    window=$(xdotool search --pid "$started" --name . 2>/dev/null | tail -n 1) && [ -n "$window" ] && return
    kill -0 "$started" 2>/dev/null || lost "the app of $1 ended"
    sleep 0.1
  done
  lost "no window of $1"
}
in_window() { xdotool windowfocus --sync "$1" 2>/dev/null || xdotool windowfocus "$1"; sleep 0.3; }
press() { # WINDOW KEY...
  in_window "$1"
  shift
  local key
  for key in "$@"; do xdotool key --clearmodifiers "$key"; sleep 0.15; done
}
write() { in_window "$1"; xdotool type --delay 25 "$2"; sleep 0.3; } # WINDOW TEXT
titled() { # WINDOW TITLE SECONDS: waits until it says so
  local now=
  for _ in $(seq $(($3 * 5))); do
    now=$(xdotool getwindowname "$1" 2>/dev/null || true)
    [[ $now == $2 ]] && return
    sleep 0.2
  done
  lost "waited for “$2”, the window says “$now”"
}
host() { "$castle_server" "$@" --data-dir "$room/data" 2>>"$room/host.err"; }
told() { # PATTERN COMMAND...: waits until the server's answer holds it
  local pattern=$1
  shift
  for _ in $(seq 100); do host "$@" | grep -q "$pattern" && return; sleep 0.2; done
  lost "the server does not say “$pattern” to $*"
}
register() { # WINDOW NAME: the form has the link and stands at the name
  write "$1" "$2"
  press "$1" Tab
  write "$1" "walking slowly $2"
  press "$1" Return
}

link="castle+plaintext://127.0.0.1:$port/?invite=$invitation"
app ada; ada=$window; ada_app=$started
app ben; ben=$window
xdotool windowmove "$ada" 0 0 windowsize "$ada" 960 720 windowmove "$ben" 970 0 windowsize "$ben" 960 720
sleep 1
picture login
register "$ada" ada
register "$ben" ben
told '"ada"' guest list --json
told '"ben"' guest list --json
sleep 1
picture hall

calls() { # Ada calls Ben by the search of the hall
  press "$ada" ctrl+f ctrl+a
  write "$ada" ben
  sleep 0.5
  press "$ada" Return
  titled "$ben" "ada is calling you" 15
}
calls
picture ringing
press "$ben" ctrl+Return
titled "$ada" "ben – Castle" 20
titled "$ben" "ada – Castle" 20
sleep 2
picture call
press "$ben" c
press "$ada" c
write "$ada" "Can you read this?"
press "$ada" Return
sleep 1
picture chat
press "$ben" Escape c
press "$ada" Escape
press "$ada" Tab Tab Tab
sleep 0.5
press "$ben" m
sleep 1
picture muted
press "$ben" i
sleep 2
picture statistics
press "$ben" s
sleep 1
picture safety
press "$ben" ctrl+h
titled "$ada" Castle 10
titled "$ben" Castle 10
picture ended
press "$ada" Escape
press "$ben" Escape
sleep 0.5
press "$ada" ctrl+y
sleep 1
picture history
press "$ada" Escape

press "$ada" ctrl+m
press "$ben" ctrl+m
titled "$ada" "ben – Castle" 30
titled "$ben" "ada – Castle" 30
picture matched
press "$ada" n
titled "$ben" Castle 10
titled "$ada" Castle 10
sleep 1
picture next
press "$ada" Escape
press "$ben" Escape
sleep 0.5

# The server is killed while it rings, and in a call, and comes back on the same ports and data.
restart() {
  kill -KILL "$server_pid"
  wait "$server_pid" 2>/dev/null || true
  sleep 1
  picture "$1-server-gone"
  start server "$castle_server" serve --json --data-dir "$room/data" --listen "127.0.0.1:$port" --turn-listen 127.0.0.1:0 --http-listen 127.0.0.1:0
  server_pid=$started
}
calls
restart ringing
titled "$ada" Castle 60
titled "$ben" Castle 60
sleep 8
picture ringing-after
press "$ada" Escape
press "$ben" Escape
sleep 1
calls
press "$ben" ctrl+Return
titled "$ada" "ben – Castle" 20
sleep 2
restart call
sleep 12
titled "$ada" "ben – Castle" 5
picture call-goes-on

# Banned in the call: it ends at both ends, and Ben is told why.
host guest ban ben --yes >/dev/null 2>&1 || host guest ban ben >/dev/null || lost "the ban was refused"
titled "$ada" Castle 30
titled "$ben" Castle 30
sleep 1
picture banned
kill -0 "$ada_app" || lost "the app of ada ended"
echo "walked: $step pictures in $out"
