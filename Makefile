# What people type. Each target installs what it is missing (scripts/setup.sh) and can be run on a fresh machine.

.PHONY: demo test test-all bench pictures setup

# Two guests meet through Match and talk: two windows, or two bots where there is no display (or DEMO=headless).
demo:
	@scripts/setup.sh build window
	@scripts/demo.sh

# Everything that must hold before a change goes in.
test:
	@scripts/setup.sh build window test
	@scripts/test.sh

# `test`, then what is long or needs other people's programs.
test-all: test
	@scripts/setup.sh foreign desktop
	@CASTLE_BIN=$(CURDIR)/target/debug scripts/probe_grpcurl.sh
	@CASTLE_BIN=$(CURDIR)/target/debug scripts/probe_chromium.sh
	@CASTLE_BIN=$(CURDIR)/target/debug scripts/probe_gstreamer.sh
	@CASTLE_BIN=$(CURDIR)/target/debug scripts/walk_xvfb.sh
	@CASTLE_SEEDS=0..20000 cargo test --locked --workspace --lib -- simulation
	@CASTLE_IDLE_STREAMS=10000 cargo test --locked --workspace --test it -- idle_streams

# The scoreboard, as a table and as target/bench.json; ROWS=match,login,store,relay,memory,turn,call,ui picks groups;
# ROWS=network: calls over bad networks, ROWS=browser: beside two browsers; ten minutes each, as root. Release profile.
bench:
	@case ",$(ROWS)," in *,browser,*) scripts/setup.sh build test foreign ;; *) scripts/setup.sh build bench ;; esac
	@case ",$(ROWS)," in ,,|*,relay,*) scripts/tools.sh socketio || echo "no rows beside Socket.IO: it could not be fetched" ;; esac
	@cargo bench --locked --workspace --bench scoreboard

# The kept pictures of every screen, and those of README, as the app looks now. Look at what changed before it goes in.
pictures:
	@scripts/setup.sh build window test
	@scripts/pictures.sh

# Installs what every target above needs, and builds nothing.
setup:
	@scripts/setup.sh build window test foreign desktop bench
