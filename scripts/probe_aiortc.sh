#!/usr/bin/env bash
# Calls between a bot and aiortc, a WebRTC stack of others, through a real server: pictures and sound both ways, by content.
cd "$(dirname "$0")/.."
. scripts/server.sh

scripts/tools.sh python
python=$PWD/target/tools/python/bin/python
PYTHON=$python OUT=$room/generated examples/python/generate.sh
build_castle
start_server
invite 9
PYTHONPATH=$room/generated timeout 240 "$python" scripts/interop_aiortc.py "$url" "$invitation" "$castle_desktop" "$room" ||
  fail "a call with aiortc is not what it should be" "$room"/{calling,called,calling-h264,called-h264,calling-small,called-small,called-hostile}.err "$room/server.err"
