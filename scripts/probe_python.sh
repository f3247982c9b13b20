#!/usr/bin/env bash
# Runs the Python example, generated from proto/ here and now, against a real server.
cd "$(dirname "$0")/.."
. scripts/server.sh

scripts/tools.sh python
python=$PWD/target/tools/python/bin/python
PYTHON=$python OUT=$room/generated examples/python/generate.sh
build_castle
start_server
invite 2
PYTHONPATH=$room/generated "$python" examples/python/client.py "$url" "$invitation" ||
  fail "the Python client was surprised" "$room/server.err"
