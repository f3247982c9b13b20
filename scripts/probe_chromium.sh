#!/usr/bin/env bash
# Calls between a bot and a headless Chromium, through a real server: pictures and sound both ways, by content, and what
# browsers do meanwhile. In a network of its own, where that is permitted: only there another way has to be looked for by
# the bot, and packets are lost. Where it is not permitted it says so and leaves that out, except under CI=true.
cd "$(dirname "$0")/.."
if [ -z "${NETWORK-}" ]; then
  scripts/tools.sh python
  [ -n "${CASTLE_BIN-}" ] || cargo build --locked --workspace --bins
  export CASTLE_BIN=${CASTLE_BIN:-$PWD/target/debug} NETWORK=shared
  unshare --map-root-user --net true 2>/dev/null && NETWORK=own exec unshare --map-root-user --net "$0"
  [ "${CI-}" = true ] && { echo "no network of its own is permitted here: $(unshare --map-root-user --net true 2>&1)" >&2; exit 1; }
  echo "SKIPPED: loss and a change of network, since no network of its own is permitted here"
fi
. scripts/server.sh

if [ "$NETWORK" = own ]; then
  ip link set dev lo up
  ip link add eth type dummy 2>/dev/null || ip link add eth type veth peer name far
  ip address add 10.78.0.2/24 dev eth
  ip address add 10.78.0.3/24 dev eth
  ip link set dev eth up
  ip route add default dev eth src 10.78.0.2
fi
python=$PWD/target/tools/python/bin/python
PYTHON=$python OUT=$room/generated examples/python/generate.sh
build_castle
start_server
invite 9
GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=$room/generated timeout 440 \
  "$python" scripts/interop_chromium.py "$url" "$invitation" "$castle_desktop" "$room" "$NETWORK" ||
  fail "a call with Chromium is not what it should be" "$room"/{calling,called,calling-h264,called-h264,called-hidden}.err "$room/server.err"
