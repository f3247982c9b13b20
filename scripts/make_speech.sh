#!/usr/bin/env bash
# Makes spoken English: about 12 s, 48 kHz, mono, 16-bit WAV. Needs espeak-ng and python3.
#
#   scripts/make_speech.sh OUT.wav
set -euo pipefail
out=${1:?usage: scripts/make_speech.sh OUT.wav}

raw=$(mktemp --suffix=.wav)
trap 'rm -f "$raw"' EXIT
espeak-ng -v en -s 150 -w "$raw" \
  "Good evening, and welcome to the Great Hall. Can you hear me well? I can see your picture, and the sound is clear. \
Let us count together: one, two, three, four, five, six, seven, eight, nine, ten. Thank you for the call, and good night."

python3 - "$raw" "$out" <<'PY'
# espeak-ng speaks at 22,050 Hz; a call runs at 48,000: a windowed-sinc resampler, one set of taps per phase.
import math, os, struct, sys, wave
from fractions import Fraction

source, out = sys.argv[1:]
RATE, REACH = 48_000, 16  # taps to each side

with wave.open(source) as w:
    assert (w.getnchannels(), w.getsampwidth()) == (1, 2), "espeak-ng writes mono, 16 bit"
    ratio = Fraction(RATE, w.getframerate())
    data = w.readframes(w.getnframes())
speech = struct.unpack(f"<{len(data) // 2}h", data)
up, down = ratio.numerator, ratio.denominator
assert up > down, "the filter below only raises the rate"


def taps(phase):
    offsets = [k - phase / up for k in range(1 - REACH, REACH + 1)]
    raw = [(math.sin(math.pi * t) / (math.pi * t) if t else 1.0) * (0.5 + 0.5 * math.cos(math.pi * t / REACH))
           for t in offsets]
    total = sum(raw)
    return [v / total for v in raw]


bank = [taps(phase) for phase in range(up)]
padded = (0,) * REACH + speech + (0,) * (REACH + 1)
resampled = []
for n in range(len(speech) * up // down):
    at, phase = divmod(n * down, up)
    window = padded[at + 1 : at + 1 + 2 * REACH]
    value = round(sum(map(float.__mul__, bank[phase], map(float, window))))
    resampled.append(max(-32768, min(32767, value)))

part = f"{out}.{os.getpid()}.part"
with wave.open(part, "wb") as w:
    w.setnchannels(1)
    w.setsampwidth(2)
    w.setframerate(RATE)
    w.writeframes(struct.pack(f"<{len(resampled)}h", *resampled))
os.replace(part, out)
PY
