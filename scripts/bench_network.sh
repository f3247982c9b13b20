#!/usr/bin/env bash
# Calls between two bots over bad networks: what they look and sound like, beside what they should.
#
#   scripts/bench_network.sh [CASE...]     all cases without one; LONG=1 adds one of 30 minutes, LONG=8 one of 8
#
# Each bot has a network namespace, and between the two is the link of scripts/link.py alone. Prints a table, and writes
# the figures to target/network.json. Gates nothing. Needs root; CASTLE_BIN takes programs that are built already, CAMERA
# another picture than 720p30, for machines that are busy otherwise.
cd "$(dirname "$0")/.."
. scripts/server.sh

world=n$$
camera=${CAMERA:-pattern:1280x720@30}
in_world() { local name=$1; shift; ip netns exec "$world-$name" "$@"; }
undo() { local name; for name in srv a b; do ip netns del "$world-$name" 2>/dev/null || true; done; }

if ! ip netns add "$world-srv" 2>"$room/refused"; then
  echo "SKIPPED: network namespaces are not permitted here: $(tr '\n' ' ' <"$room/refused")"
  exit 0
fi
ip netns add "$world-a"
ip netns add "$world-b"
net=1
for name in a b; do
  ip -n "$world-$name" link set dev lo up
  ip link add eth netns "$world-$name" type veth peer name "$name" netns "$world-srv"
  ip -n "$world-$name" address add "10.88.$net.2/24" dev eth
  ip -n "$world-srv" address add "10.88.$net.1/24" dev "$name"
  ip -n "$world-$name" link set dev eth up
  ip -n "$world-srv" link set dev "$name" up
  # The server has one address for both; nothing is forwarded, so that media has the link alone.
  ip -n "$world-$name" route add 10.88.0.0/16 via "10.88.$net.1"
  net=$((net + 1))
done
ip -n "$world-srv" link set dev lo up

build_castle
start server ip netns exec "$world-srv" "$castle_server" serve --json --data-dir "$room/data" --listen 0.0.0.0:443 \
  --tls-self-signed --public-url https://10.88.1.1 --turn-listen 10.88.1.1:3478 --http-listen 127.0.0.1:0 --match-route direct
for _ in $(seq 200); do
  grep -q '"grpc"' "$room/server.out" && break
  kill -0 "$started" 2>/dev/null || fail "castle-server ended before it served" "$room/server.err"
  sleep 0.1
done
echo "correct horse battery" >"$room/password"

# guest NAME LOGIN FLAG...
guest() {
  local name=$1 login=$2
  shift 2
  start "$name" ip netns exec "$world-$name" "$castle_desktop" bot --server "$link_of" --invite "$code_of" --name "$login" \
    --password-file "$room/password" --camera "$camera" --reference "$camera" --mic tone \
    --speaker off --report "$room/$name.json" "$@"
  eval "$name=\$started"
}

# sample PID...: every second when, whose, processor time (s) and memory (KiB), for as long as it runs
sample() {
  local tick
  tick=$(getconf CLK_TCK)
  while :; do
    for of in "$@"; do
      awk -v tick="$tick" -v now="$(date +%s.%N)" -v of="$of" \
        'FILENAME ~ /stat$/ { cpu = ($14 + $15) / tick } /^VmRSS/ { print now, of, cpu, $2 }' "/proc/$of/stat" "/proc/$of/status" 2>/dev/null
    done
    sleep 1
  done
}

# play CASE SECONDS STEPS
play() {
  local name=$1 seconds=$2 steps=$3 link tcp=
  rm -f "$room"/{a,b}.json "$room/trace.json"
  link_of=$(in_world srv "$castle_server" invite create --uses 2 --json --public-url https://10.88.1.1 --data-dir "$room/data" | tr -d '\n')
  code_of=$(printf '%s' "$link_of" | field code)
  link_of=$(printf '%s' "$link_of" | field link)
  start link python3 scripts/link.py "$world-a" 10.99.0.1/30 "$world-b" 10.99.0.2/30 --steps "$steps" --trace "$room/trace.json"
  link=$started
  for _ in $(seq 100); do grep -q up "$room/link.out" && break; sleep 0.1; done
  grep -q up "$room/link.out" || fail "the link does not come up" "$room/link.err"
  if [ "$name" = beside_tcp ]; then
    start sink ip netns exec "$world-b" python3 -c 'import socket
s = socket.create_server(("10.99.0.2", 5001)); c, _ = s.accept()
while c.recv(65536): pass'
    sleep 0.5
    start tcp ip netns exec "$world-a" python3 -c 'import socket, time
time.sleep(8)
c = socket.create_connection(("10.99.0.2", 5001))
while True: c.sendall(bytes(65536))'
    tcp=$started
  fi
  guest a "$name-a" --answer --duration "$((seconds + 6))s"
  for _ in $(seq 200); do
    in_world srv "$castle_server" guest list --json --data-dir "$room/data" | tr -d '\n ' |
      grep -q "\"name\":\"$name-a\"[^}]*\"online\":true\|\"online\":true[^}]*\"name\":\"$name-a\"" && break
    sleep 0.1
  done
  guest b "$name-b" --call "$name-a" --duration "${seconds}s"
  sample "$a" "$b" >"$room/samples" &
  sampler=$!
  pids+=("$sampler")
  wait "$b" || fail "$name: no call was held" "$room"/{a,b}.err "$room/server.err"
  wait "$a" || true
  kill "$sampler" "$link"
  wait "$link" 2>/dev/null || true
  # Beside whoever comes next it would be a guest too many.
  [ -z "$tcp" ] || kill "$tcp" 2>/dev/null || true
  python3 scripts/bench_network.py row "$name" "$seconds" "$steps" "$room" >>"$room/rows"
  tail -n 1 "$room/rows" | python3 scripts/bench_network.py show
}

[ "$#" -gt 0 ] || set -- $(python3 scripts/bench_network.py cases)
: >"$room/rows"
for name in "$@"; do
  IFS=$'\t' read -r seconds steps < <(python3 scripts/bench_network.py case "$name")
  play "$name" "$seconds" "$steps"
done
mkdir -p target
python3 -c 'import json, sys; json.dump([json.loads(line) for line in sys.stdin], open("target/network.json", "w"), indent=1)' <"$room/rows"
echo "written to target/network.json"
