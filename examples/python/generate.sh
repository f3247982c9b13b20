#!/usr/bin/env bash
# Generates the Python client of castle.v1 into $OUT (generated/ beside this script) with grpcio-tools.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
proto=$here/../../proto
out=${OUT:-$here/generated}
mkdir -p "$out"
"${PYTHON:-python3}" -m grpc_tools.protoc -I "$proto" --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" "$proto"/castle/v1/*.proto
