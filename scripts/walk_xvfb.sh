#!/usr/bin/env bash
# Two people walk through two real windows (scripts/walk.py), in a session of their own: a bus, a keyring, two screens.
#
#   scripts/walk_xvfb.sh [FOLDER]        pictures of every step (target/walk); STEPS=enter,talk picks some
cd "$(dirname "$0")/.."
. scripts/server.sh
out=${1:-target/walk}
build_castle
export room castle_server castle_desktop out
# A keyring that is open, as after a login to the desktop; nothing of this user's own is touched.
export HOME=$room XDG_RUNTIME_DIR=$room XDG_DATA_HOME=$room/data-home XDG_CONFIG_HOME=$room/config NO_AT_BRIDGE=1
unset XDG_CURRENT_DESKTOP DBUS_SESSION_BUS_ADDRESS
# Debian's own Python has the bindings.
exec_walk='printf walk | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
/usr/bin/python3 scripts/walk.py "$castle_server" "$castle_desktop" "$out"'
: >"$room/bus.out"
start bus dbus-run-session -- bash -c "$exec_walk"
tail -f --pid="$started" "$room/bus.out" &
pids+=("$!")
wait "$started" || fail "walk_xvfb: the walk stopped" "$room/bus.err"
