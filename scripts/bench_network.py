#!/usr/bin/env python3
"""The cases of scripts/bench_network.sh, and what is made of their reports and traces."""
import json, os, sys

# name: (seconds, steps of the link, what should be: (figure, at most or at least, goal)...)
CASES = {
    "clean": (15, [{}], [("glass_to_glass_p50", "<", 50), ("glass_to_glass_p95", "<", 80), ("fps", ">", 29)]),
    "start_3mbit": (15, [{"bps": 3e6, "queue_ms": 200, "delay_ms": 20}], [("s_to_2mbit", "<", 3)]),
    "dip": (45, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20}, {"at": 15, "bps": 3e5}, {"at": 27, "bps": 2e6}],
            [("longest_freeze_ms", "<", 1000), ("s_back_to_80pct", "<", 5)]),
    "loss_5": (30, [{"delay_ms": 50, "loss": 0.05}],
               [("frozen_pct", "<", 1), ("concealed_pct", "<", 3), ("psnr_below_clean_db", "<", 3)]),
    "loss_20": (30, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20, "loss": 0.2}], [("use_pct", ">", 60)]),
    "burst": (30, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20, "burst": [0.01, 0.3, 0.5]}],
              [("concealed_pct", "<", 10), ("longest_freeze_ms", "<", 5000)]),
    "spike": (40, [{"bps": 2e6, "queue_ms": 300, "delay_ms": 20}, {"at": 10, "loss": 0.3}, {"at": 20, "loss": 0}],
              [("s_back_to_80pct", "<", 5), ("longest_freeze_ms", "<", 5000)]),
    "jitter_250": (30, [{"bps": 3e5, "queue_ms": 500, "delay_ms": 150, "jitter_ms": 200}],
                   [("concealed_pct", "<", 10), ("longest_freeze_ms", "<", 5000)]),
    "bufferbloat": (30, [{"bps": 1e6, "queue_ms": 1000, "delay_ms": 20}], [("queue_p95_ms", "<", 150)]),
    "beside_tcp": (40, [{"bps": 1e6, "queue_ms": 1000, "delay_ms": 20}], [("use_pct", ">", 90), ("fps", ">", 10)]),
}
LONG = ("thirty_minutes", (1800, [{}], [("glass_to_glass_p50", "<", 50), ("mouth_to_ear_p50", "<", 120)]))
if os.environ.get("LONG"):
    CASES[LONG[0]] = LONG[1]


def traced(trace, steps, seconds):
    """What the link saw, worst direction first."""
    found = []
    for way in trace:
        bits = [way.get(str(n), {}).get("bits", 0) for n in range(int(seconds * 10))]
        waited = sorted(row["waited_ms"] for n, row in way.items() if int(n) >= 30)
        mean = lambda at, of=10: sum(bits[at:at + of]) / of * 10
        reached = next((n / 10 for n in range(len(bits) - 5) if mean(n, 5) >= 2e6), None)
        figures = {"s_to_2mbit": reached, "queue_p95_ms": waited[len(waited) * 95 // 100] if waited else 0}
        if steps[0].get("bps"):
            settled = bits[50:-10]
            figures["use_pct"] = sum(settled) / len(settled) * 10 / steps[0]["bps"] * 100
        if len(steps) == 3:
            from_s = int(steps[2]["at"] * 10)
            before = mean(int(steps[1]["at"] * 10) - 30, 30)
            back = next((n for n in range(from_s, len(bits) - 5) if mean(n, 5) >= 0.8 * before), None)
            figures["s_back_to_80pct"] = (back - from_s) / 10 if back else None
        found.append(figures)
    merged = {}
    for name in found[0]:
        values = [figures[name] for figures in found]
        worst = min if name == "use_pct" else max
        merged[name] = None if None in values else worst(values)
    return merged


def row(name, seconds, steps, room):
    seconds, steps = float(seconds), json.loads(steps)
    reports = [json.load(open(f"{room}/{end}.json")) for end in "ab"]
    figures = traced(json.load(open(f"{room}/trace.json")), steps, seconds)
    each = lambda pick: [value for value in (pick(report) for report in reports) if value is not None]
    worst = lambda of, pick: of(each(pick)) if each(pick) else None
    for figure in ("glass_to_glass_p50", "glass_to_glass_p95", "freezes", "bitrate_bps"):
        figures[figure] = worst(max, lambda report: report["video"][figure])
    figures["fps"] = worst(min, lambda report: report["video"]["fps"])
    figures["psnr_db"] = worst(min, lambda report: report["video"]["psnr_db_p50"])
    figures["height"] = worst(min, lambda report: report["video"]["height"])
    figures["frozen_pct"] = worst(max, lambda report: report["video"]["freeze_ms"] / seconds / 10)
    # Where there was one freeze, this is its length; of several it is the sum, and so a bound.
    figures["longest_freeze_ms"] = worst(max, lambda report: report["video"].get("longest_freeze_ms", report["video"]["freeze_ms"]))
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
