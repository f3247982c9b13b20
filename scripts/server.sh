# Sourced by scripts that need a Castle server for a while. Starts one on free ports of loopback in a folder of its
# own, and ends it, and all else that was started through `start`, on every way out.
#
#   build_castle             builds both programs, or takes them from $CASTLE_BIN; sets $castle_server, $castle_desktop
#   start NAME COMMAND...    runs COMMAND in the background, output to $room/NAME.out and $room/NAME.err; sets $started
#   start_server [FLAG...]   sets $url; $room/server.out has the JSON
#   invite USES              sets $invitation
#
# A function named undo, if there is one, is called at the end, when all programs are gone.

set -euo pipefail
room=$(mktemp -d "${TMPDIR:-/tmp}/castle.XXXXXX")
chmod 700 "$room"
pids=()

leave() {
  local code=$? pid
  trap - EXIT INT TERM HUP
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  # They say goodbye; who has not after 5 s is not asked again.
  for _ in $(seq 50); do
    for pid in ${pids[@]+"${pids[@]}"}; do kill -0 "$pid" 2>/dev/null && { sleep 0.1; continue 2; }; done
    break
  done
  for pid in ${pids[@]+"${pids[@]}"}; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  if declare -F undo >/dev/null; then undo; fi
  rm -rf "$room"
  exit "$code"
}
trap leave EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  printf '%s\n' "$1" >&2
  shift
  local file
  for file in "$@"; do [ -s "$file" ] && { printf -- '--- %s\n' "${file##*/}" >&2; tail -n 20 "$file" >&2; }; done
  exit 1
}

build_castle() {
  # Without the features that only tests switch on, half of the dependencies are built once more: a test run hands
  # over what it has built.
  [ -n "${CASTLE_BIN-}" ] || cargo build --locked --workspace --bins
  castle_server=${CASTLE_BIN:-$PWD/target/debug}/castle-server
  castle_desktop=${CASTLE_BIN:-$PWD/target/debug}/castle-desktop
}

start() {
  local name=$1
  shift
  "$@" >"$room/$name.out" 2>"$room/$name.err" </dev/null &
  started=$!
  pids+=("$started")
}

# The text or number of a field in the one-line JSON object on standard input.
field() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\)\"\{0,1\}.*/\1/p" | head -n 1; }

start_server() {
  start server "$castle_server" serve --json --data-dir "$room/data" --listen 127.0.0.1:0 --turn-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 "$@"
  server_pid=$started
  for _ in $(seq 200); do
    url=$(tr -d '\n' <"$room/server.out" | field url)
    [ -n "$url" ] && return
    kill -0 "$server_pid" 2>/dev/null || fail "castle-server ended before it served" "$room/server.err"
    sleep 0.1
  done
  fail "castle-server did not say within 20 s where it listens" "$room/server.out" "$room/server.err"
}

invite() {
  invitation=$("$castle_server" invite create --uses "$1" --json --data-dir "$room/data" 2>"$room/invite.err" | tr -d '\n' | field code)
  [ -n "$invitation" ] || fail "castle-server made no invitation" "$room/invite.err"
}
