#!/usr/bin/env bash
# Fetches the tools of the tests into target/tools, each at a pinned version, once.
#
#   scripts/tools.sh python|deny|grpcurl|socketio
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO_DENY=0.20.2
SOCKETIO=4.8.4
GRPCURL=v1.8.9 # the newest that Debian 12's Go builds
tools=$PWD/target/tools
mkdir -p "$tools"

case ${1:?usage: scripts/tools.sh python|deny|grpcurl} in
  python)
    # gRPC for the Python example, and buf.
    wanted=$(cat examples/python/requirements.txt scripts/requirements.txt)
    [ "$(cat "$tools/python/wanted" 2>/dev/null)" = "$wanted" ] && exit 0
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check \
      -r examples/python/requirements.txt -r scripts/requirements.txt
    echo "$wanted" >"$tools/python/wanted"
    ;;
  deny)
    command -v cargo-deny >/dev/null && exit 0
    [ "$("$tools/bin/cargo-deny" --version 2>/dev/null)" = "cargo-deny $CARGO_DENY" ] && exit 0
    # The dev profile: it runs for five seconds, so it should not be built for ten minutes.
    cargo install --quiet --locked --profile dev --root "$tools" --target-dir "$tools/build" "cargo-deny@$CARGO_DENY"
    rm -rf "$tools/build"
    ;;
  grpcurl)
    [ -x "$tools/bin/grpcurl" ] || GOBIN=$tools/bin go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL"
    ;;
  socketio)
    [ "$(cat "$tools/socketio/wanted" 2>/dev/null)" = "$SOCKETIO" ] && exit 0
    rm -rf "$tools/socketio"
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$tools/socketio" "socket.io@$SOCKETIO"
    echo "$SOCKETIO" >"$tools/socketio/wanted"
    ;;
  *)
    echo "tools.sh: no tool \`$1\`" >&2
    exit 2
    ;;
esac
