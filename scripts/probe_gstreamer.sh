#!/usr/bin/env bash
# Calls between a bot and a GStreamer pipeline (webrtcbin), through a real server: pictures and sound both ways, by content.
cd "$(dirname "$0")/.."
. scripts/server.sh

scripts/tools.sh python
python=$PWD/target/tools/python/bin/python
PYTHON=$python OUT=$room/generated examples/python/generate.sh
build_castle
start_server
invite 9
GRPC_ENABLE_FORK_SUPPORT=0 PYTHONPATH=$room/generated timeout 120 "$python" scripts/interop_gstreamer.py "$url" "$invitation" "$castle_desktop" "$room" ||
  fail "a call with GStreamer is not what it should be" "$room"/{calling,called}{,-gst}.err "$room/server.err"
