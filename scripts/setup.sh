#!/usr/bin/env bash
# Installs what is missing, through the system's package manager alone.
#
#   scripts/setup.sh GROUP...     groups: build window test foreign desktop bench
#
# Debian and Ubuntu: apt-get, as root or through sudo; without the right to, prints the one line to run and exits 1.
# Elsewhere: looks whether what is needed is there, and says what to install if it is not.
set -euo pipefail

# Debian's names. `a|b`: whichever this release has.
BUILD="build-essential pkg-config cmake libasound2-dev libvpx-dev libclang-dev"
WINDOW="libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libegl1 libgl1 libgl1-mesa-dri libasound2t64|libasound2"
TEST="xvfb xdotool imagemagick coturn espeak-ng fonts-dejavu-core iproute2 nftables pulseaudio pulseaudio-utils python3 python3-venv python-matplotlib-data"
FOREIGN="golang-go chromium|chromium-browser gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-nice python3-gst-1.0 gir1.2-gst-plugins-bad-1.0"
# A desktop for the walk: window manager, keyring, the bus of screen readers and who reads it, another clock.
DESKTOP="openbox dbus-daemon gnome-keyring libsecret-tools at-spi2-core gir1.2-atspi-2.0 python3-gi faketime"
# Who stands beside us on the scoreboard.
BENCH="coturn npm"

say() { printf '%s\n' "$*" >&2; }

rust() {
  local component
  if ! command -v cargo >/dev/null; then
    say "Rust is missing. Install Rust 1.95 or newer with rustup (your browser finds it), then run this again."
    exit 1
  fi
  for component in "$@"; do
    cargo "$component" --version >/dev/null 2>&1 && continue
    say "cargo $component is missing. Run: rustup component add rustfmt clippy"
    exit 1
  done
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Prints one Debian name for `a|b`: an installed one, else the first that this release has, else the last.
resolve() {
  local name names
  IFS='|' read -ra names <<<"$1"
  for name in "${names[@]}"; do installed "$name" && { echo "$name"; return; }; done
  for name in "${names[@]}"; do
    # Read to its end: `grep -q` would break apt-cache's pipe, which counts as a failure.
    apt-cache policy "$name" 2>/dev/null | grep 'Candidate: [^(]' >/dev/null && { echo "$name"; return; }
  done
  echo "${names[-1]}"
}

# Prints what of the given packages (`a|b`: either) is not installed yet, one name a line.
lacking() {
  local package
  for package in "$@"; do
    # Go and Node often come from elsewhere and newer.
    [ "$package" = golang-go ] && command -v go >/dev/null && continue
    [ "$package" = npm ] && command -v npm >/dev/null && continue
    # PulseAudio would take the place of a desktop's PipeWire; the tests that need it say that they are skipped.
    [ "$package" = pulseaudio ] && installed pipewire-pulse && continue
    package=$(resolve "$package")
    installed "$package" || echo "$package"
  done
}

apt() {
  local as_root=() missing
  mapfile -t missing < <(lacking "$@")
  [ ${#missing[@]} -eq 0 ] && return
  say "Missing: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then as_root=(none)
    elif sudo -n true 2>/dev/null; then as_root=(sudo -n)
    elif [ -t 0 ]; then as_root=(sudo)
    else as_root=(none); fi
  fi
  if [ "${as_root[*]:-}" = none ]; then
    say "No right to install them here. Run as root:"
    say "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    exit 1
  fi
  # The lists of a fresh machine or image are empty or old; which of `a|b` this release has, only fresh ones know.
  "${as_root[@]}" apt-get update -q >&2 || say "apt-get update failed; trying with the lists that are here."
  mapfile -t missing < <(lacking "$@")
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" >&2
}

elsewhere() {
  local lacking=() tool
  for tool in cc make pkg-config cmake; do command -v "$tool" >/dev/null || lacking+=("$tool"); done
  if command -v pkg-config >/dev/null; then
    pkg-config --exists vpx || lacking+=("libvpx headers")
    [ "$(uname -s)" = Darwin ] || pkg-config --exists alsa || lacking+=("ALSA headers")
  fi
  case " $* " in *" test "*)
    for tool in python3 espeak-ng convert; do command -v "$tool" >/dev/null || lacking+=("$tool"); done ;;
  esac
  case " $* " in *" foreign "*)
    for tool in go chromium gst-inspect-1.0; do command -v "$tool" >/dev/null || lacking+=("$tool"); done ;;
  esac
  case " $* " in *" desktop "*)
    for tool in openbox dbus-run-session gnome-keyring-daemon secret-tool faketime; do
      command -v "$tool" >/dev/null || lacking+=("$tool")
    done ;;
  esac
  [ ${#lacking[@]} -eq 0 ] && return
  say "Missing: ${lacking[*]}"
  say "Install them, then run this again:"
  say "  Fedora: sudo dnf install gcc gcc-c++ make pkgconf-pkg-config cmake alsa-lib-devel libvpx-devel clang-devel" \
    "libX11-xcb libXcursor libXi libxkbcommon-x11 mesa-libEGL mesa-libGL mesa-dri-drivers" \
    "xorg-x11-server-Xvfb xdotool ImageMagick coturn espeak-ng dejavu-sans-fonts iproute nftables python3 python3-matplotlib-data golang" \
    "chromium gstreamer1-plugins-base gstreamer1-plugins-good gstreamer1-plugins-bad-free libnice-gstreamer1 python3-gstreamer1"
  say "  Arch:   sudo pacman -S --needed base-devel pkgconf cmake alsa-lib libvpx clang libx11 libxcursor libxi" \
    "libxkbcommon-x11 mesa xorg-server-xvfb xdotool imagemagick espeak-ng ttf-dejavu iproute2 nftables python python-matplotlib go chromium gst-plugins-base gst-plugins-good gst-plugins-bad gst-python libnice"
  say "  macOS:  xcode-select --install; brew install pkg-config cmake libvpx espeak-ng imagemagick python go"
  exit 1
}

packages=()
for group in "$@"; do
  case $group in
    build) rust; packages+=($BUILD) ;;
    window) packages+=($WINDOW) ;;
    test) rust fmt clippy; packages+=($TEST) ;;
    foreign) packages+=($FOREIGN) ;;
    desktop) packages+=($DESKTOP) ;;
    bench) packages+=($BENCH) ;;
    *) say "setup.sh: no group \`$group\`; there are build, window, test, foreign, desktop, bench"; exit 2 ;;
  esac
done

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  apt "${packages[@]}"
else
  elsewhere "$@"
fi
