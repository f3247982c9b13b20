#!/usr/bin/env bash
# What `make test` runs, cheapest first. Each step says what it took; the last line adds up cargo's own counts.
set -euo pipefail
cd "$(dirname "$0")/.."
began=$SECONDS
python=target/tools/python/bin

step() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s: %s\n' "$name" "$*"
  "$@" || { printf '\n== %s FAILED after %d s\n' "$name" $((SECONDS - start)) >&2; exit 1; }
  printf '== %s: fine, %d s\n' "$name" $((SECONDS - start))
}

# The advisory database is fetched from the network; where that is out of reach, say so and go on.
advisories() {
  local said
  if said=$(deny check advisories 2>&1); then echo "no advisories against what we build"; return; fi
  case $said in
    *"failed to fetch advisory database"* | *"Could not resolve host"*) echo "SKIPPED: the advisory database is out of reach" ;;
    *) printf '%s\n' "$said"; return 1 ;;
  esac
}

deny() { PATH=$PWD/target/tools/bin:$PATH cargo-deny --workspace --locked --log-level error "$@"; }

counted=$(mktemp)
trap 'rm -f "$counted"' EXIT
cargo_test() { cargo test --workspace --locked 2>&1 | tee "$counted"; }

step "format" cargo fmt --all --check
step "tools" scripts/tools.sh python
step "proto" "$python/buf" lint
# What clients are generated from may only grow. After a change that is meant to break them, or a release:
# target/tools/python/bin/buf build --exclude-source-info -o proto/castle.binpb
step "proto, against what was promised" "$python/buf" breaking --against proto/castle.binpb
step "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
step "docs" env RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --workspace --no-deps --document-private-items --locked
step "tools" scripts/tools.sh deny
step "dependencies" deny check bans licenses sources
step "advisories" advisories
step "tests" cargo_test
# The integration tests needed both programs, so they are built.
export CASTLE_BIN=$PWD/target/debug
step "link emulator" python3 scripts/link.py --check
step "python client" scripts/probe_python.sh
step "networks" scripts/probe_networks.sh
step "aiortc" scripts/probe_aiortc.sh
step "demo" env DEMO=headless scripts/demo.sh
step "demo windows" scripts/demo_xvfb.sh

awk -v took=$((SECONDS - began)) '
  /^test result: / { binaries++; for (i = 1; i < NF; i++) { n = $i + 0
    if ($(i + 1) ~ /^passed/) passed += n; if ($(i + 1) ~ /^failed/) failed += n; if ($(i + 1) ~ /^ignored/) ignored += n } }
  END { printf "\ntest result: %d passed; %d failed; %d ignored in %d test binaries; make test took %d s\n",
    passed, failed, ignored, binaries, took; exit passed == 0 }' "$counted"
