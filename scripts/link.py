#!/usr/bin/env python3
"""A bad network between two network namespaces, in user space, for kernels without netem.

    link.py LEFT_NS ADDRESS RIGHT_NS ADDRESS --steps JSON [--seed N] [--trace FILE]
    link.py --check

Makes a TUN device `link` in each namespace and carries packets between them as the steps say, the same for the same
seed. A step is an object with the second `at` which it begins, and of these what differs from the step before:
  bps        rate of the bottleneck, 0 for none        queue_ms   what waits for it at most; more is dropped
  delay_ms   one way                                   jitter_ms  up to as much more, evenly
  loss       0 to 1                                    reorder    share of packets that overtake others, 0 to 1
  burst      [enter, leave, loss] of a Gilbert chain
Both directions alike, unless a step has `left` or `right` with what holds for what comes from there.
Ends with SIGTERM, and writes what each direction carried in each tenth of a second to FILE. Needs root.
"""
import argparse, fcntl, heapq, json, os, random, select, signal, struct, subprocess, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
STILL = {"bps": 0, "queue_ms": 1000, "delay_ms": 0, "jitter_ms": 0, "loss": 0, "reorder": 0, "burst": None}


class Direction:
    """One direction of the path. Pure: time comes in, arrival times come out."""

    def __init__(self, seed, side, steps):
        self.random = random.Random(f"{seed}/{side}")
        self.steps, state = [], dict(STILL)
        for step in steps:
            state = {**state, **{k: v for k, v in step.items() if k in STILL}, **step.get(side, {})}
            self.steps.append((step.get("at", 0), state))
        self.now = self.steps[0][1]
        self.free_at = self.last = 0.0
        self.in_burst = False
        self.counts = {}

    def send(self, now, size, stream=False):
        """When a packet of `size` bytes that comes at `now` arrives; None if it is lost. A `stream` is counted apart too."""
        for at, state in self.steps:
            if now >= at:
                self.now = state
        path = self.now
        row = self.counts.setdefault(int(now * 10), {"came": 0, "bits": 0, "stream_bits": 0, "lost": 0, "waited_ms": 0.0})
        row["came"] += 1
        wait = max(0.0, self.free_at - now)
        lost = self.random.random() < path["loss"]
        if path["burst"]:
            enter, leave, inside = path["burst"]
            self.in_burst = self.random.random() >= leave if self.in_burst else self.random.random() < enter
            lost = lost or self.in_burst and self.random.random() < inside
        if lost or path["bps"] and wait * 1000 > path["queue_ms"]:
            row["lost"] += 1
            return None
        row["waited_ms"] = max(row["waited_ms"], wait * 1000)
        row["bits"] += size * 8
        row["stream_bits"] += size * 8 * stream
        if path["bps"]:
            self.free_at = max(now, self.free_at) + size * 8 / path["bps"]
            now = self.free_at
        arrival = now + path["delay_ms"] / 1000 + self.random.random() * path["jitter_ms"] / 1000
        if self.random.random() >= path["reorder"]:
            arrival = self.last = max(arrival, self.last)
        return arrival


def check():
    """The emulator against itself, in virtual time."""
    steps = [{"at": 0, "bps": 1_000_000, "queue_ms": 100, "delay_ms": 20, "jitter_ms": 5, "loss": 0.1}]
    plays = [[d.send(n / 200, 1000) for n in range(4000)] for d in (Direction(1, "left", steps) for _ in range(2))]
    assert plays[0] == plays[1], "the same seed plays the same"
    arrived = [(at, n / 200) for n, at in enumerate(plays[0]) if at]
    assert all(a[0] <= b[0] for a, b in zip(arrived, arrived[1:])), "in order"
    delays = [at - sent for at, sent in arrived]
    assert 0.02 < min(delays) and max(delays) < 0.02 + 0.005 + 0.1 + 0.01, (min(delays), max(delays))
    rate = len(arrived) * 8000 / 20
    assert 0.9e6 < rate < 1.05e6, rate
    burst = Direction(2, "left", [{"burst": [0.01, 0.2, 0.5]}])
    lost = [burst.send(n / 100, 100) is None for n in range(100_000)]
    assert 0.015 < sum(lost) / len(lost) < 0.04, sum(lost)
    again = sum(a and b for a, b in zip(lost, lost[1:])) / sum(lost)
    assert again > 0.25, f"losses come together: {again}"
    turned = Direction(3, "right", [{"delay_ms": 10}, {"at": 5, "delay_ms": 90, "right": {"delay_ms": 200}}])
    assert turned.send(1, 1) == 1.01 and turned.send(6, 1) == 6.2
    print("the link emulator is what it says")


def device(namespace, address):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    name = f"link{os.getpid()}"
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TUN | IFF_NO_PI))
    run = lambda *words: subprocess.run(words, check=True)
    run("ip", "link", "set", "dev", name, "netns", namespace, "name", "link")
    run("ip", "-n", namespace, "address", "add", address, "dev", "link")
    run("ip", "-n", namespace, "link", "set", "dev", "link", "mtu", "1500", "up")
    return tun


def carry(options):
    ends = [device(*options.ends[:2]), device(*options.ends[2:])]
    steps = json.loads(options.steps)
    ways = [Direction(options.seed, side, steps) for side in ("left", "right")]
    stopped = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(True))
    # The clock of the steps starts with the first full packet: not while a call is still being agreed on.
    began, flying, count = None, [], 0
    print("up", flush=True)
    while not stopped:
        now = time.monotonic()
        while flying and flying[0][0] <= now:
            _, _, to, packet = heapq.heappop(flying)
            try:
                os.write(to, packet)
            except OSError:
                pass  # a device that is full, or going
        wait = min(0.5, max(0.0, flying[0][0] - now)) if flying else 0.5
        for end in select.select(ends, [], [], wait)[0]:
            for _ in range(64):
                try:
                    packet = os.read(end, 2048)
                except BlockingIOError:
                    break
                now = time.monotonic()
                if began is None and len(packet) > 600:
                    began = now
                side = ends.index(end)
                if began is None:
                    at = now + ways[side].now["delay_ms"] / 1000
                else:
                    # The protocol of IPv4: 6 is TCP.
                    at = ways[side].send(now - began, len(packet), packet[9] == 6)
                    if at is None:
                        continue
                    at += began
                count += 1
                heapq.heappush(flying, (at, count, ends[1 - side], packet))
    if options.trace:
        with open(options.trace, "w") as trace:
            json.dump([way.counts for way in ways], trace)


parser = argparse.ArgumentParser()
parser.add_argument("ends", nargs="*")
parser.add_argument("--steps", default="[{}]")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--trace")
parser.add_argument("--check", action="store_true")
options = parser.parse_args()
if options.check:
    check()
elif len(options.ends) == 4:
    carry(options)
else:
    parser.print_usage()
    sys.exit(2)
