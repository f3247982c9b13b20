#!/usr/bin/env bash
# Makes a clip of a real photograph: 640x360, 30 frames/s, 10 s, y4m (4:2:0, BT.601 limited range), about 104 MB.
#
#   scripts/make_clip.sh OUT.y4m
#
# A slow pan and zoom over a portrait, like a head before a camera; the last frame leads into the first, so that it
# can be repeated. The same bytes on every run of the same ImageMagick. The photograph and its licence:
# docs/THIRD-PARTY-MEDIA.md. Needs imagemagick, python3 and python-matplotlib-data.
set -euo pipefail
out=${1:?usage: scripts/make_clip.sh OUT.y4m}

photo=${CASTLE_CLIP_PHOTO:-$(dpkg -L python-matplotlib-data 2>/dev/null | grep '/grace_hopper\.jpg$' || true)}
[ -f "$photo" ] || { echo "make_clip: no photograph; install python-matplotlib-data, or set CASTLE_CLIP_PHOTO" >&2; exit 1; }

exec python3 - "$photo" "$out" <<'PY'
import math, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

photo, out = sys.argv[1:]
WIDTH, HEIGHT, FPS, FRAMES = 640, 360, 30, 300
LUMA, CHROMA = WIDTH * HEIGHT, WIDTH * HEIGHT // 4
# ImageMagick writes full-range YCbCr; video is limited range.
LIMIT_LUMA = bytes(round(16 + v * 219 / 255) for v in range(256))
LIMIT_CHROMA = bytes(round(128 + (v - 128) * 224 / 255) for v in range(256))


def view(n):
    """Centre (in the 512x600 photograph) and magnification of frame n: a closed curve, nowhere abrupt."""
    turn = 2 * math.pi * n / FRAMES
    return 256 + 26 * math.sin(turn), 206 + 40 * math.sin(2 * turn), 1.44 + 0.10 * math.cos(turn)


def frame(n):
    x, y, zoom = view(n)
    run = subprocess.run(
        ["convert", photo, "-depth", "8", "-filter", "point", "-interpolate", "catrom",
         "-define", f"distort:viewport={WIDTH}x{HEIGHT}+0+0", "-virtual-pixel", "mirror",
         "-distort", "SRT", f"{x:.3f},{y:.3f} {zoom:.5f} 0 {WIDTH / 2},{HEIGHT / 2}",
         "+repage", "-sampling-factor", "4:2:0", "yuv:-"],
        stdout=subprocess.PIPE, check=False, env={**os.environ, "MAGICK_THREAD_LIMIT": "1"})
    raw = run.stdout  # ImageMagick 6 ends with 1 after every good `yuv:`: the size tells whether the picture is whole.
    assert len(raw) == LUMA + 2 * CHROMA, f"convert gave {len(raw)} bytes for frame {n}"
    return raw[:LUMA].translate(LIMIT_LUMA) + raw[LUMA:].translate(LIMIT_CHROMA)


part = f"{out}.{os.getpid()}.part"
try:
    with open(part, "wb") as clip, ThreadPoolExecutor(os.cpu_count()) as pool:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n".encode())
        for picture in pool.map(frame, range(FRAMES)):
            clip.write(b"FRAME\n" + picture)
    os.replace(part, out)
finally:
    if os.path.exists(part):
        os.remove(part)
PY
