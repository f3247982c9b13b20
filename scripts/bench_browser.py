#!/usr/bin/env python3
"""Two browsers in a call over a bad network, and what it was like beside two bots.

    bench_browser.py clip FILE                        the moving pictures of both, 720p30
    bench_browser.py play ROOM NS_A NS_B CASE...      after scripts/bench_network.sh made target/network.json

Both ends of a call are told apart by nothing: figures are of the worse end. Times go from the making of a picture to its
coming out of the decoder at the other end, read from its stamp; bits are counted by the link for both kinds alike.
"""
import json, os, queue, signal, subprocess, sys, time

import numpy

from chromium import Chromium

PAGE = "file://" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop_page.html")
WIDTH, HEIGHT, FPS, FRAMES = 1280, 720, 30, 90


def clip(path):
    """A textured room that swings to and fro, with grain, and a disc that crosses: it begins where it ends."""
    rng = numpy.random.default_rng(1)
    coarse = rng.integers(0, 110, (10, 18)).repeat(92, 0).repeat(92, 1)
    fine = rng.integers(0, 48, (180, 330)).repeat(5, 0).repeat(5, 1)
    for axis in (0, 1):
        coarse = sum(numpy.roll(coarse, n, axis) for n in range(-40, 41, 4)) // 21
        fine = sum(numpy.roll(fine, n, axis) for n in range(-2, 3)) // 5
    room = (44 + coarse[:800, :1600] + fine[:800, :1600]).astype(numpy.uint8)
    y, x = numpy.mgrid[:HEIGHT, :WIDTH]
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            turn = number / FRAMES * 2 * numpy.pi
            left = int(120 + 100 * numpy.sin(turn))
            luma = room[20:20 + HEIGHT, left:left + WIDTH] + rng.integers(0, 9, (HEIGHT, WIDTH)).astype(numpy.uint8)
            luma[(x - 640 - 400 * numpy.cos(turn)) ** 2 + (y - 380) ** 2 < 90 ** 2] = 200
            chroma = luma[::2, ::2] // 4 + 90
            file.write(b"FRAME\n" + luma.tobytes() + chroma.tobytes() + (255 - chroma).tobytes())


def freezes(gaps):
    """(ms frozen, longest), as W3C has it: a gap much longer than those before."""
    frozen, longest, last = 0.0, 0.0, []
    for gap in gaps:
        mean = sum(last) / len(last) if last else gap
        if last and gap >= max(3 * mean, mean + 150):
            frozen, longest = frozen + gap, max(longest, gap)
        last = (last + [gap])[-30:]
    return frozen, longest


def carry(ends, seconds):
    """Lets the pages talk for so long, and carries what they say to each other."""
    until, states = time.monotonic() + seconds, set()
    while time.monotonic() < until:
        for end, other in (ends, ends[::-1]):
            try:
                said = end.said.get(timeout=0.02)
            except queue.Empty:
                continue
            if said["kind"] == "description":
                other.call("hearDescription", said["value"])
            elif said["kind"] == "candidate" and said["value"]:
                other.call("hearCandidate", said["value"])
            elif said["kind"] == "state":
                states.add((end is ends[0], said["value"]))
            elif said["kind"] == "fault":
                raise AssertionError(said["value"])
    return states


def sent(browser):
    stats = browser.run("stats()")
    return sum(row["bytesSent"] for row in stats if row["type"] == "outbound-rtp" and row["kind"] == "video")


def play(room, world, seconds, steps):
    here = os.path.dirname(os.path.abspath(__file__))
    trace = f"{room}/trace.json"
    link = subprocess.Popen([sys.executable, f"{here}/link.py", world[0], "10.99.0.1/30", world[1], "10.99.0.2/30",
                             "--steps", steps, "--trace", trace], stdout=subprocess.PIPE)
    link.stdout.readline()
    browsers = []
    try:
        for side, namespace in zip("ab", world):
            os.makedirs(f"{room}/{side}", exist_ok=True)
            browser = Chromium(f"{room}/{side}", PAGE, prefix=("ip", "netns", "exec", namespace))
            browsers.append(browser)
            browser.choose("clip", f"{room}/clip.y4m")
        for offers, browser in zip((True, False), browsers):
            browser.call("begin", {"offers": offers, "servers": [], "source": WIDTH})
        for browser in browsers[::-1]:
            browser.start("playClip", WIDTH, HEIGHT, FPS, 2_500_000)
        states, began = set(), time.monotonic()
        while not states >= {(True, "connected"), (False, "connected")}:
            states |= carry(browsers, 0.2)
            assert time.monotonic() < began + 20, f"no connection: {states}"
        for browser in browsers:
            browser.call("look")
        spent, sent_before = [browser.cpu_s() for browser in browsers], [sent(browser) for browser in browsers]
        carry(browsers, seconds)
        ends = []
        for browser, cpu_s, bytes_before in zip(browsers, spent, sent_before):
            cpu_s = browser.cpu_s() - cpu_s
            view = next(iter(browser.call("look")["views"].values()))
            frozen, longest = freezes(view["gaps"])
            delays = sorted(view["delays"]) or [None]
            ends.append({
                "fps": len(view["gaps"]) / seconds, "frozen_pct": frozen / seconds / 10, "longest_freeze_ms": longest,
                "glass_to_glass_p50": delays[len(delays) // 2], "glass_to_glass_p95": delays[len(delays) * 95 // 100],
                "bitrate_bps": (sent(browser) - bytes_before) * 8 / seconds, "cpu_s_per_min": cpu_s * 60 / seconds,
                "height": view["height"]})
    finally:
        for browser in browsers:
            browser.close()
        link.send_signal(signal.SIGTERM)
        link.wait()
    worse = {"fps": min, "height": min, "bitrate_bps": max}
    return {figure: worse.get(figure, max)(values) if (values := [end[figure] for end in ends if end[figure] is not None]) else None
            for figure in ends[0]}


def main():
    if sys.argv[1] == "clip":
        return clip(sys.argv[2])
    room, world, cases = sys.argv[2], sys.argv[3:5], sys.argv[5:]
    if not os.path.exists("target/network.json"):
        return print("the bots were not measured, so there is nothing to compare with")
    ours = {row["case"]: row["figures"] for row in json.load(open("target/network.json"))}
    found = []
    for case in cases:
        said = subprocess.run([sys.executable, "scripts/bench_network.py", "case", case], stdout=subprocess.PIPE, text=True, check=True)
        seconds, steps = said.stdout.rstrip("\n").split("\t")
        theirs = play(room, world, int(seconds), steps)
        rows = {figure: [ours[case].get(figure), value] for figure, value in theirs.items()}
        found.append({"case": case, "figures": rows})
        print(f"{case}:  two bots, two browsers")
        for figure, pair in rows.items():
            print(f"  {figure:<22}", *("–".rjust(12) if value is None else f"{value:12.1f}" for value in pair), flush=True)
    with open("target/browser.json", "w") as file:
        json.dump(found, file, indent=1)


main()
