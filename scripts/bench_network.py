#!/usr/bin/env python3
"""The cases of scripts/bench_network.sh, and what is made of their reports and traces."""
import json, os, sys

# name: (seconds, steps of the link, what should be: (figure, at most or at least, goal)...)
CASES = {
    "clean": (15, [{}], [("glass_to_glass_p50", "<", 50), ("glass_to_glass_p95", "<", 80), ("fps", ">", 29),
                      ("first_frame_ms", "<", 300)]),
    "start_3mbit": (15, [{"bps": 3e6, "queue_ms": 200, "delay_ms": 20}], [("s_to_2mbit", "<", 3)]),
    "dip": (45, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20}, {"at": 15, "bps": 3e5}, {"at": 27, "bps": 2e6}],
            [("longest_freeze_ms", "<", 1000), ("s_back_to_80pct", "<", 5)]),
    "loss_5": (30, [{"delay_ms": 50, "loss": 0.05}],
               [("frozen_pct", "<", 1), ("concealed_pct", "<", 3), ("psnr_below_clean_db", "<", 3)]),
    "loss_20": (30, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20, "loss": 0.2}], [("use_pct", ">", 60)]),
    "burst": (30, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20, "burst": [0.1, 0.5, 1]}],
              [("concealed_pct", "<", 10), ("longest_freeze_ms", "<", 5000)]),
    "spike": (40, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20}, {"at": 10, "loss": 0.3}, {"at": 20, "loss": 0}],
              [("s_back_to_80pct", "<", 5), ("longest_freeze_ms", "<", 5000)]),
    "jitter_250": (30, [{"bps": 3e5, "queue_ms": 500, "delay_ms": 150, "jitter_ms": 200}],
                   [("concealed_pct", "<", 10), ("longest_freeze_ms", "<", 5000)]),
    "bufferbloat": (30, [{"bps": 1e6, "queue_ms": 1000, "delay_ms": 20}], [("queue_p95_ms", "<", 150)]),
    "beside_tcp": (40, [{"bps": 1e6, "queue_ms": 1000, "delay_ms": 20}], [("ours_pct", ">", 20), ("theirs_pct", ">", 20), ("fps", ">", 10)]),
}
# LONG=1: thirty minutes; another number: so many.
if os.environ.get("LONG"):
    minutes = int(os.environ["LONG"])
    CASES["long"] = (60 * (30 if minutes == 1 else minutes), [{}], [
        ("glass_to_glass_p95", "<", 80), ("mouth_to_ear_p50", "<", 120), ("memory_growth_pct", "<", 5), ("cpu_growth_pct", "<", 10)])


def traced(trace, steps, seconds):
    """What the link saw, worst direction first."""
    found = []
    for way in trace:
        bits = [way.get(str(n), {}).get("bits", 0) for n in range(int(seconds * 10))]
        waited = sorted(row["waited_ms"] for n, row in way.items() if int(n) >= 30)
        mean = lambda at, of=10: sum(bits[at:at + of]) / of * 10
        reached = next((n / 10 for n in range(len(bits) - 5) if mean(n, 5) >= 2e6), None)
        # Never: at least as long as there was.
        figures = {"s_to_2mbit": seconds if reached is None else reached, "queue_p95_ms": waited[len(waited) * 95 // 100] if waited else 0}
        if steps[0].get("bps"):
            settled = bits[50:-10]
            share = lambda bits: sum(bits) / len(bits) * 10 / steps[0]["bps"] * 100
            figures["use_pct"] = share(settled)
            streams = [way.get(str(n), {}).get("stream_bits", 0) for n in range(int(seconds * 10))][150:-10]
            figures["theirs_pct"] = share(streams) if streams else 0
            figures["ours_pct"] = share(bits[150:-10]) - figures["theirs_pct"] if streams else 0
        if len(steps) == 3:
            from_s = int(steps[2]["at"] * 10)
            before = mean(int(steps[1]["at"] * 10) - 30, 30)
            back = next((n for n in range(from_s, len(bits) - 5) if mean(n, 5) >= 0.8 * before), None)
            figures["s_back_to_80pct"] = (back or len(bits)) / 10 - steps[2]["at"]
        found.append(figures)
    merged = {}
    for name in found[0]:
        values = [figures[name] for figures in found]
        # A stream beside us goes one way: its share is that of this way.
        if name == "ours_pct" and max(figures["theirs_pct"] for figures in found) > 0:
            values = [figures[name] for figures in found if figures["theirs_pct"] > 1]
        merged[name] = (min if name in ("use_pct", "ours_pct") else max)(values)
    return merged


def grown(path):
    """By how much memory and processor time per second are larger in the last third of a call than in the second, percent."""
    rows = [list(map(float, line.split())) for line in open(path)]
    found = {"memory_growth_pct": 0, "cpu_growth_pct": 0}
    for end in set(row[1] for row in rows):
        of = [(at, cpu, memory) for at, name, cpu, memory in rows if name == end]
        second, last = of[len(of) // 3:2 * len(of) // 3], of[2 * len(of) // 3:]
        if len(second) < 3:
            continue
        rate = lambda part: (part[-1][1] - part[0][1]) / (part[-1][0] - part[0][0])
        mean = lambda part: sum(memory for _, _, memory in part) / len(part)
        for name, figure in (("memory_growth_pct", mean), ("cpu_growth_pct", rate)):
            if before := figure(second):
                found[name] = max(found[name], (figure(last) / before - 1) * 100)
    return found


def row(name, seconds, steps, room):
    seconds, steps = float(seconds), json.loads(steps)
    reports = [json.load(open(f"{room}/{end}.json")) for end in "ab"]
    figures = {**traced(json.load(open(f"{room}/trace.json")), steps, seconds), **grown(f"{room}/samples")}
    each = lambda pick: [value for value in (pick(report) for report in reports) if value is not None]
    worst = lambda of, pick: of(each(pick)) if each(pick) else None
    for figure in ("glass_to_glass_p50", "glass_to_glass_p95", "freezes", "bitrate_bps"):
        figures[figure] = worst(max, lambda report: report["video"][figure])
    figures["fps"] = worst(min, lambda report: report["video"]["fps"])
    figures["psnr_db"] = worst(min, lambda report: report["video"]["psnr_db_p50"])
    figures["height"] = worst(min, lambda report: report["video"]["height"])
    figures["frozen_pct"] = worst(max, lambda report: report["video"]["freeze_ms"] / seconds / 10)
    figures["longest_freeze_ms"] = worst(max, lambda report: report["video"]["longest_freeze_ms"])
    figures["concealed_pct"] = worst(max, lambda report: report["audio"]["concealed_ms"] / seconds / 10)
    figures["mouth_to_ear_p50"] = worst(max, lambda report: report["audio"]["mouth_to_ear_p50"])
    figures["av_offset_ms"] = worst(lambda v: max(v, key=abs), lambda report: report["av_offset_ms_p50"])
    figures["cpu_s_per_min"] = worst(max, lambda report: report["cpu_s"] * 60 / seconds)
    figures["max_rss_kib"] = worst(max, lambda report: report["max_rss_kib"])
    figures["first_frame_ms"] = worst(max, lambda report: report["ms"]["first_frame_shown"])
    kept = "target/network_clean.json"
    if name == "clean":
        os.makedirs("target", exist_ok=True)
        json.dump(figures["psnr_db"], open(kept, "w"))
    elif os.path.exists(kept) and figures["psnr_db"] is not None:
        figures["psnr_below_clean_db"] = json.load(open(kept)) - figures["psnr_db"]
    goals = []
    for figure, sense, goal in CASES[name][2]:
        ours = figures.get(figure)
        met = None if ours is None else (ours <= goal if sense == "<" else ours >= goal)
        goals.append({"figure": figure, "ours": ours, "better": "lower" if sense == "<" else "higher", "goal": goal, "met": met})
    print(json.dumps({"case": name, "goals": goals, "figures": figures}))


def show():
    found = json.loads(sys.stdin.readline())
    number = lambda value: "–" if value is None else f"{value:.1f}"
    print(f"{found['case']}:")
    for goal in found["goals"]:
        word = {True: "yes", False: "NO", None: "–"}[goal["met"]]
        sign = "≤" if goal["better"] == "lower" else "≥"
        print(f"  {goal['figure']:<22} {number(goal['ours']):>9}   {sign} {goal['goal']:<6} {word}")
    print("  " + ", ".join(f"{name} {number(value)}" for name, value in found["figures"].items()), flush=True)


if sys.argv[1] == "cases":
    print(*CASES)
elif sys.argv[1] == "case":
    if sys.argv[2] not in CASES:
        sys.exit(f"no case {sys.argv[2]}; there are: {' '.join(CASES)}")
    seconds, steps, _ = CASES[sys.argv[2]]
    print(seconds, json.dumps(steps), sep="\t")
elif sys.argv[1] == "row":
    row(*sys.argv[2:6])
else:
    show()
