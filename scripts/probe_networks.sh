#!/usr/bin/env bash
# Calls between real programs in networks of their own, made here of namespaces: behind NATs of both kinds, where UDP is
# blocked, where only TCP 443 is open, by IPv6 alone, while an address changes, while a relay dies (one of two others': the
# embedded one dies with its server alone), where the first address of the server's name is dead. And what the doctor finds of
# the relay's ports from outside: open, behind a firewall, and where it cannot tell.
#
#   scripts/probe_networks.sh [CASE...]     all cases without one
#
# Each case but the doctor's ends in a call with moving pictures by the route expected, or this fails. Needs root; where namespaces are
# not permitted it says so and is skipped, except under CI=true.
cd "$(dirname "$0")/.."
. scripts/server.sh

CASES="cone symmetric noudp only443 ipv6 moved relaydies names ports"
world=c$$
ip_in() { local name=$1; shift; ip -n "$world-$name" "$@"; }
in_world() { local name=$1; shift; ip netns exec "$world-$name" "$@"; }

undo() {
  local name
  for name in net srv na nb a b; do
    ip netns del "$world-$name" 2>/dev/null || true
    rm -rf "/etc/netns/$world-$name"
  done
  rmdir /etc/netns 2>/dev/null || true
}

# Ends the programs of a case.
pids_gone() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  for _ in $(seq 50); do
    for pid in ${pids[@]+"${pids[@]}"}; do kill -0 "$pid" 2>/dev/null && { sleep 0.1; continue 2; }; done
    break
  done
  for pid in ${pids[@]+"${pids[@]}"}; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  pids=()
}

if ! ip netns add "$world-srv" 2>"$room/refused"; then
  [ "${CI-}" = true ] && fail "network namespaces are not permitted here" "$room/refused"
  echo "SKIPPED: network namespaces are not permitted here: $(tr '\n' ' ' <"$room/refused")"
  exit 0
fi
ip netns del "$world-srv"

# link LEFT LEFTDEV RIGHT RIGHTDEV
link() {
  ip link add "$2" netns "$world-$1" type veth peer name "$4" netns "$world-$3"
  ip_in "$1" link set dev "$2" up
  ip_in "$3" link set dev "$4" up
}

# The internet, the server in it, and a router each before two guests. Addresses are ones that a relay takes for public.
make_world() {
  local name
  undo
  for name in net srv na nb a b; do
    ip netns add "$world-$name"
    ip_in "$name" link set dev lo up
    in_world "$name" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
  done
  for name in a b; do in_world "$name" sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0; done
  link srv eth net s
  link na out net a
  link nb out net b
  link a eth na in
  link b eth nb in
  if [ "$1" = 6 ]; then
    address net s 2001:db8:5::1/64; address srv eth 2001:db8:5::10/64; via srv 2001:db8:5::1
    address net a 2001:db8:a0::1/64; address na out 2001:db8:a0::2/64; via na 2001:db8:a0::1
    address net b 2001:db8:b0::1/64; address nb out 2001:db8:b0::2/64; via nb 2001:db8:b0::1
    address na in 2001:db8:a::1/64; address a eth 2001:db8:a::2/64; via a 2001:db8:a::1
    address nb in 2001:db8:b::1/64; address b eth 2001:db8:b::2/64; via b 2001:db8:b::1
    ip_in net -6 route add 2001:db8:a::/64 via 2001:db8:a0::2
    ip_in net -6 route add 2001:db8:b::/64 via 2001:db8:b0::2
  else
    address net s 203.0.113.1/24; address srv eth 203.0.113.10/24; via srv 203.0.113.1
    address net a 198.51.100.1/30; address na out 198.51.100.2/30; via na 198.51.100.1
    address net b 192.0.2.1/30; address nb out 192.0.2.2/30; via nb 192.0.2.1
    address na in 10.1.0.1/24; address a eth 10.1.0.2/24; via a 10.1.0.1
    address nb in 10.2.0.1/24; address b eth 10.2.0.2/24; via b 10.2.0.1
  fi
}
address() { ip_in "$1" address add "$3" dev "$2" $(case $3 in *:*) echo nodad ;; esac); }
via() { ip_in "$1" $(case $2 in *:*) echo -6 ;; esac) route add default via "$2"; }

# router NAME MASQUERADE [RULE...]: what a home router does, and what it does not let out.
router() {
  local name=$1 masquerade=$2
  shift 2
  {
    echo 'table ip castle {'
    echo '  chain out { type nat hook postrouting priority 100; oifname "out" '"$masquerade"'; }'
    # An unasked packet leaves no trace, or it would take the port that the answer to come needs.
    echo '  chain here { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "in" accept; }'
    echo '  chain through { type filter hook forward priority 0; policy accept; iifname "out" ct state new drop;'
    [ "$#" -eq 0 ] || printf '    %s;\n' "$@"
    printf '  }\n}\n'
  } | in_world "$name" nft -f - 
}
CONE="masquerade"
SYMMETRIC="masquerade fully-random"

# serve ADDRESS [FLAG...]: guests come to $called, where that is set.
serve() {
  local listen=$1 host=${called:-$1}
  shift
  # What the server of the last case said is not taken for this one's.
  rm -rf "$room/data" "$room/server.out"
  start server ip netns exec "$world-srv" "$castle_server" serve --json --data-dir "$room/data" --listen "$listen:443" \
    --tls-self-signed --http-listen 127.0.0.1:0 ${called:+--public-url "https://$called"} "$@"
  local server=$started
  for _ in $(seq 200); do
    grep -qs '"grpc"' "$room/server.out" && break
    kill -0 "$server" 2>/dev/null || fail "castle-server ended before it served" "$room/server.err"
    sleep 0.1
  done
  invite_link=$(in_world srv "$castle_server" invite create --uses 2 --json --public-url "https://$host" --data-dir "$room/data" |
    tr -d '\n')
  link_of=$(printf '%s' "$invite_link" | field link)
  code_of=$(printf '%s' "$invite_link" | field code)
  [ -n "$link_of" ] || fail "no invitation: $invite_link" "$room/server.err"
}

# guest NAME FLAG...
guest() {
  local name=$1
  shift
  echo "correct horse battery" >"$room/password"
  rm -f "$room/$name.json"
  start "$name" ip netns exec "$world-$name" env LC_ALL=en_GB.UTF-8 "$castle_desktop" bot --log castle_desktop=info --server "$link_of" --invite "$code_of" --name "guest-$name" \
    --password-file "$room/password" --camera pattern:320x180@15 --mic silence --report "$room/$name.json" "$@"
  eval "$name=\$started"
}

# until_true WHAT COMMAND...: waits for COMMAND, however busy the machine, but not for ever.
until_true() {
  local what=$1
  shift
  for _ in $(seq 600); do
    "$@" && return
    sleep 0.1
  done
  fail "never: $what" "$room"/{a,b}.err "$room/server.err"
}

a_is_online() {
  in_world srv "$castle_server" guest list --json --data-dir "$room/data" | tr -d '\n ' |
    grep -q '"name":"guest-a"[^}]*"online":true\|"online":true[^}]*"name":"guest-a"'
}

# call SECONDS [FLAG...]: b calls a once a is there, and hangs up so long after they were connected.
call() {
  local seconds=$1
  shift
  guest a --answer --duration 120s "$@"
  until_true "guest-a is online" a_is_online
  guest b --call guest-a --duration "${seconds}s" "$@"
}

received() { in_world "$1" cat /sys/class/net/eth/statistics/rx_bytes; }
has_received() { [ "$(received "$1")" -gt "$2" ]; }

# Waits until pictures come to both guests: many bytes on their wires.
flowing() {
  local name before
  for name in a b; do
    before=$(received $name)
    until_true "pictures come to $name" has_received $name $((before + 100000))
  done
}

# ends CASE ROUTES [MOST_FREEZE_MS]: ROUTES is a pattern over `route/relay_protocol` of a, a blank, and that of b. How long
# pictures stood still in all is looked at where it is said: a busy machine has freezes of its own.
ends() {
  local name=$1 guest
  for guest in a b; do wait "${!guest}" || fail "$name: $guest held no call" "$room"/{a,b}.{json,err} "$room/server.err"; done
  python3 - "$room" "$@" <<'PY' || fail "$name: not by the route expected, or no pictures" "$room"/{a,b}.json "$room"/{a,b}.err
import json, re, sys
room, name, wanted, *freeze = sys.argv[1:]
freeze_max = int(freeze[0]) if freeze else float("inf")
fine, routes = True, []
for guest in "ab":
    report = json.load(open(f"{room}/{guest}.json"))
    route = f"{report['route']}/{report['relay_protocol']}"
    video, ms = report["video"], report["ms"]
    print(f"{name}: {guest} by {route}, connected after {ms['ice_connected']:.0f} ms, first picture after "
          f"{ms['first_frame_shown'] or -1:.0f} ms, {video['frames_shown']} pictures, frozen {video['freeze_ms']} ms")
    routes.append(route)
    fine &= video["frames_shown"] >= 45 and video["freeze_ms"] <= freeze_max
sys.exit(not (fine and re.fullmatch(wanted, " ".join(routes))))
PY
  pids_gone
}

# told GUEST WORDS: what a person at that guest would have read of the way that media goes.
told() {
  grep -qF "media goes way=\"$2" "$room/$1.err" || fail "$1 was not told: $2" "$room/$1.err"
  echo "$1 was told: $2"
}

DIRECT='(host|srflx|prflx)/None'
RELAY=(--turn-listen 203.0.113.10:3478)

cone() {
  make_world 4
  router na "$CONE"; router nb "$CONE"
  serve 203.0.113.10 "${RELAY[@]}"
  call 6
  ends cone "$DIRECT $DIRECT"
}

symmetric() {
  make_world 4
  router na "$SYMMETRIC"; router nb "$SYMMETRIC"
  serve 203.0.113.10 "${RELAY[@]}"
  call 6
  # Neither NAT keeps a port: no direct way holds, so that one end at least is at the relay.
  ends symmetric "relay/udp (relay/udp|$DIRECT)|$DIRECT relay/udp"
}

noudp() {
  make_world 4
  router na "$CONE" 'iifname "in" meta l4proto udp drop'; router nb "$SYMMETRIC"
  serve 203.0.113.10 "${RELAY[@]}"
  call 6
  ends noudp "relay/(tcp|tls) (relay/udp|$DIRECT)"
  told a 'Relayed: UDP is blocked'
}

only443() {
  make_world 4
  router na "$CONE" 'iifname "in" meta l4proto udp drop' 'iifname "in" tcp dport != 443 drop'
  router nb "$CONE" 'iifname "in" meta l4proto udp drop' 'iifname "in" tcp dport != 443 drop'
  serve 203.0.113.10 "${RELAY[@]}"
  call 6
  ends only443 'relay/tls relay/tls'
  told a 'Relayed: UDP is blocked (TLS)'
  told b 'Relayed: UDP is blocked (TLS)'
}

ipv6() {
  make_world 6
  serve '[2001:db8:5::10]' --turn-listen '[2001:db8:5::10]:3478'
  call 6
  ends ipv6 "$DIRECT $DIRECT"
  serve '[2001:db8:5::10]' --turn-listen '[2001:db8:5::10]:3478'
  call 6 --relay-only
  ends ipv6-relayed 'relay/udp relay/udp'
}

# A guest's address changes in the middle of the call: the gap stays below 3 s.
moved() {
  make_world 4
  router na "$CONE"; router nb "$CONE"
  serve 203.0.113.10 "${RELAY[@]}"
  call 20
  flowing
  ip_in a address del 10.1.0.2/24 dev eth
  address a eth 10.1.0.3/24
  via a 10.1.0.1
  flowing
  ends moved "$DIRECT $DIRECT" 3000
}

listens() { in_world srv ss -Hlun "sport = :$1" | grep -q .; }

# Bytes that came to a relay's port so far.
came_to() { in_world srv nft list chain inet count in | sed -n "s/.*dport $1 counter packets [0-9]* bytes \([0-9]*\).*/\1/p"; }

# Of two relays the one in use dies: the call goes on by the other.
relaydies() {
  local port relays=() flags=() busier=0
  make_world 4
  in_world srv nft -f - <<'NFT'
table inet count { chain in { type filter hook input priority 0; udp dport 3478 counter; udp dport 3479 counter; }; }
NFT
  router na "$SYMMETRIC"; router nb "$SYMMETRIC"
  for port in 3478 3479; do
    start "relay$port" ip netns exec "$world-srv" turnserver -n --no-cli --use-auth-secret --static-auth-secret=probe \
      --realm=castle --listening-ip=203.0.113.10 --relay-ip=203.0.113.10 --listening-port=$port --no-tls --no-dtls \
      --allow-loopback-peers --pidfile="$room/$port.pid" --userdb="$room/$port.db" --no-stdout-log --log-file=/dev/null
    relays+=("$started")
    until_true "coturn listens at $port" listens $port
    flags+=(--turn-url "turn:203.0.113.10:$port")
  done
  serve 203.0.113.10 "${flags[@]}" --turn-secret probe
  call 30 --relay-only
  flowing
  [ "$(came_to 3479)" -gt "$(came_to 3478)" ] && busier=1
  [ "$(came_to $((3478 + busier)))" -gt 100000 ] || fail "relaydies: no relay carries the call" "$room/server.err"
  kill -KILL "${relays[$busier]}"
  # Reaped here, so that the shell has nothing to say about it.
  wait "${relays[$busier]}" 2>/dev/null || true
  flowing
  ends relaydies 'relay/udp relay/udp'
}

# Nobody is at the first address of the server's name: guests learn how they are seen from the second.
names() {
  local name
  make_world 4
  router na "$CONE"; router nb "$CONE"
  for name in a b; do
    mkdir -p "/etc/netns/$world-$name"
    printf '%s\n' '127.0.0.1 localhost' '203.0.113.99 castle.example' '203.0.113.10 castle.example' >"/etc/netns/$world-$name/hosts"
  done
  called=castle.example serve 203.0.113.10 "${RELAY[@]}"
  call 6
  ends names "$DIRECT $DIRECT"
}

# finds WHERE OUTCOME WORDS: what the doctor says about the relay's ports when it is run there. Its exit code is not looked at:
# that tells of this machine's clock too.
finds() {
  in_world "$1" "$castle_server" doctor --json --data-dir "$room/data" >"$room/doctor.out" 2>"$room/doctor.err" || true
  python3 - "$room" "$@" <<'PY' || fail "ports: the doctor at $1 did not find them $2: $3" "$room"/doctor.{out,err} "$room/server.err"
import json, sys
room, where, outcome, words = sys.argv[1:]
about = [one for one in json.load(open(f"{room}/doctor.out"))["findings"] if one["check"].startswith("Relay port")]
for one in about:
    print(f"ports: from {where} {one['outcome']}: {one['detail']}")
sys.exit(not (len(about) == 1 and about[0]["outcome"] == outcome and words in about[0]["detail"]))
PY
}

# What a host is told who lets the doctor run elsewhere: with the range of relayed ports open, behind a firewall, and from a
# machine whose own address is private.
ports() {
  make_world 4
  router na "$CONE"; router nb "$CONE"
  serve 203.0.113.10 "${RELAY[@]}" --turn-port-range 50000-50099
  finds a pass 'packets from outside reach it'
  in_world srv nft -f - <<'NFT'
table inet closed { chain in { type filter hook input priority 0; udp dport 50000-50099 drop; }; }
NFT
  finds a fail 'no packet from outside reaches 203.0.113.10:50'
  address net s 10.9.0.1/24
  ip_in net route add 203.0.113.10/32 dev s src 10.9.0.1
  finds net skipped "this machine's address is private"
  pids_gone
}

[ "$#" -gt 0 ] || set -- $CASES
build_castle
for name in "$@"; do
  case " $CASES " in *" $name "*) "$name" ;; *) fail "no case $name; there are: $CASES" ;; esac
done
