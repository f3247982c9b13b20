#!/usr/bin/env bash
# The same calls over the same bad networks, between two bots and between two browsers, with the same moving pictures of
# 720p30, one after the other on this machine.
#
#   scripts/bench_browser.sh [CASE...]     cases of scripts/bench_network.py
#
# Prints a table, and writes the figures to target/browser.json. Gates nothing. Needs root; CASTLE_BIN takes programs that
# are built already.
cd "$(dirname "$0")/.."
scripts/tools.sh python
python=$PWD/target/tools/python/bin/python
[ "$#" -gt 0 ] || set -- clean start_3mbit loss_5 dip bufferbloat
room=$(mktemp -d "${TMPDIR:-/tmp}/castle.XXXXXX")
world=w$$
undo() { for name in a b; do ip netns del "$world-$name" 2>/dev/null || true; done; rm -rf "$room"; }
trap undo EXIT
set -e
if ! ip netns add "$world-a" 2>"$room/refused"; then
  echo "SKIPPED: network namespaces are not permitted here: $(tr '\n' ' ' <"$room/refused")"
  exit 0
fi
ip netns add "$world-b"
for name in a b; do ip -n "$world-$name" link set dev lo up; done
"$python" scripts/bench_browser.py clip "$room/clip.y4m"
rm -f target/network.json
CAMERA=file:$room/clip.y4m scripts/bench_network.sh "$@"
"$python" scripts/bench_browser.py play "$room" "$world-a" "$world-b" "$@"
