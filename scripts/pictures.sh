#!/usr/bin/env bash
# Makes anew what is kept of the app's looks: a picture of every screen in both themes (desktop-client/tests), and those of
# README, which are some of these and the two windows of the demo.
set -euo pipefail
cd "$(dirname "$0")/.."

UPDATE_SNAPSHOTS=1 cargo test --locked -p castle-desktop --test it -- looks_as
find desktop-client/tests docs/pictures '(' -name '*.old.png' -o -name '*.diff.png' ')' -delete

scripts/demo_xvfb.sh target/demo-call.png
half() { printf '( target/demo-call.png -crop 960x720+%d+0 +repage )' "$1"; }
# shellcheck disable=SC2046 # words of a command
convert $(half 0) $(half 970) +append -resize 1600x600 -quality 88 docs/pictures/demo-call.jpg
git status --short desktop-client/tests docs/pictures
