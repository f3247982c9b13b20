#!/usr/bin/env python3
"""A guest in a headless Chromium, in calls with a bot: once it calls, once it is called, both again without VP8, once it shows
no address.

    interop_chromium.py URL INVITATION BOT ROOM own|shared

The page (interop_page.html) makes the calls; this process is its client of castle.v1 and carries what it says.
Camera and microphone are the browser's fake devices, which play files of ours, so that all can be told by its content.
In a network of its `own` it also changes addresses and loses packets. Exits 0 if all of it holds.
"""
import os, queue, subprocess, sys, time

import grpc
import numpy

from chromium import Chromium
from interop import FPS, HEIGHT, RATE, WIDTH, Judge, Server, call_pb2, ended, write_clip, write_note

PAGE = "file://" + os.path.join(os.path.dirname(os.path.abspath(__file__)), "interop_page.html")
SECONDS = 8
# The window that is shared after the first: its size, and pictures a second, which are fewer than are asked of both.
AGAIN = (640, 360, 2)


class Page:
    """The browser's end of one call: carries words between page and server."""

    def __init__(self, browser, server, call, hides=False):
        self.browser, self.server, self.call, self.hides = browser, server, call, hides
        self.states, self.faults, self.channel, self.descriptions, self.candidates = [], [], None, [], []
        # Pictures in a second that are to be seen at least: beside a screen of its own the bot sends half as many.
        self.least = 15
        offers = call.role == call_pb2.CALL_ROLE_OFFERER
        browser.call("begin", {"offers": offers, "servers": []})

    def pump(self):
        """Carries what there is to be carried."""
        call_id, session = self.call.call_id, self.server.session
        while True:
            try:
                said = self.browser.said.get(timeout=0.02)
            except queue.Empty:
                break
            kind, value = said["kind"], said["value"]
            if kind == "description":
                self.descriptions.append(value["sdp"])
                frame = call_pb2.Offer if value["type"] == "offer" else call_pb2.Answer
                session.send(**{value["type"]: frame(call_id=call_id, sdp=value["sdp"])})
            elif kind == "candidate" and value:
                if self.hides:
                    words = value["candidate"].split(" ")
                    words[4] = "1f4712db-ea17-4bcf-a596-105139dfd8bf.local"
                    value["candidate"] = " ".join(words)
                self.candidates.append(value["candidate"])
                session.send(candidate=call_pb2.Candidate(
                    call_id=call_id, candidate=value["candidate"], sdp_mid=value["sdpMid"],
                    sdp_m_line_index=value["sdpMLineIndex"], username_fragment=value.get("usernameFragment") or ""))
            elif kind == "candidate":
                session.send(end_of_candidates=call_pb2.EndOfCandidates(call_id=call_id))
            elif kind == "state":
                self.states.append(value)
            elif kind == "channel":
                self.channel = value
            elif kind == "fault":
                self.faults.append(value)
        for kind, frame in self.server.frames():
            if kind in ("offer", "answer"):
                self.descriptions.append(frame.sdp)
                self.browser.call("hearDescription", {"type": kind, "sdp": frame.sdp})
            elif kind == "candidate":
                self.browser.call("hearCandidate", {
                    "candidate": frame.candidate, "sdpMid": frame.sdp_mid, "sdpMLineIndex": frame.sdp_m_line_index,
                    "usernameFragment": frame.username_fragment or None})

    def until(self, holds, what, seconds=20):
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"never {what}: {self.states} {self.faults}"
            self.pump()

    def hold(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.pump()

    def connect(self):
        self.until(lambda: "connected" in self.states, "connected")
        self.server.session.send(media_connected=call_pb2.MediaConnected(
            call_id=self.call.call_id, route=call_pb2.ROUTE_HOST))


def generations(page):
    """ICE generations of both ends so far: the first is the one that the call began with."""
    return len({line for sdp in page.descriptions for line in sdp.split("\r\n") if line.startswith("a=ice-ufrag:")}) // 2


def goes_on(page, judge, after, seconds=3, wait_ms=None):
    """Pictures of the bot still come, in their numbers and, where it is said, none of them long after the one before."""
    page.browser.call("look")
    page.hold(seconds)
    views = page.browser.call("look")["views"].values()
    count = sum(len(view["numbers"]) for view in views)
    judge.hold(count > seconds * page.least, f"{after}: {count} pictures in {seconds} s")
    if wait_ms:
        gap = max((gap for view in views for gap in view["gaps"]), default=9e9)
        judge.hold(gap < wait_ms, f"the longest wait for one: {gap:.0f} ms")


def renegotiate(page, judge):
    """What browsers do in a call: a window is shared, and no more, and another one, which a browser does by another section;
    another way is looked for."""
    before = len(page.descriptions)
    settled = lambda: len(page.descriptions) >= before + 2 and page.browser.call("look")["signaling"] == "stable"
    page.browser.start("share", 640, 480, 10)
    page.until(settled, "an answer to a second picture")
    goes_on(page, judge, "a window is shared", 7)
    judge.hold(len(page.descriptions) == before + 2, f"one exchange: {len(page.descriptions) - before} descriptions")
    judge.hold(generations(page) == 1, f"over the same way: {generations(page)} generations")
    before = len(page.descriptions)
    page.browser.call("unshare")
    page.until(settled, "an answer to the end of it")
    goes_on(page, judge, "no more")
    before = len(page.descriptions)
    page.browser.start("share", *AGAIN)
    page.until(settled, "an answer to another one")
    goes_on(page, judge, "another one is shared", 5)
    before = len(page.descriptions)
    page.browser.call("unshare")
    page.until(settled, "an answer to the end of that")
    before = len(page.descriptions)
    page.browser.call("restart")
    page.until(settled, "an answer to a restart")
    goes_on(page, judge, "another way is found", 7, 1500)
    judge.hold(generations(page) == 2, f"{generations(page)} generations")
    judge.hold(page.browser.call("look")["state"] == "connected", "connected")


def system(*words):
    subprocess.run(words, check=True)


def move(page, judge, to):
    """This machine comes to another network, as far as the bot can see. Both addresses stay: a browser closes a socket by
    which it cannot reach an address that it was told before."""
    before = len(page.descriptions)
    system("ip", "route", "replace", "default", "dev", "eth", "src", to)
    page.until(lambda: len(page.descriptions) >= before + 2, "an offer of another way")
    goes_on(page, judge, "the bot found another way", 7, 3000)
    judge.hold(generations(page) == 3, f"{generations(page)} generations")


def lose(page, judge, percent=5):
    """Some of all packets of media are lost, both ways."""
    system("nft", f"add table inet bad; add chain inet bad in {{ type filter hook input priority 0; }}; "
                  f"add rule inet bad in udp dport > 1024 numgen random mod 100 < {percent} drop")
    page.browser.call("look")
    page.hold(8)
    views = page.browser.call("look")["views"].values()
    gaps = [gap for view in views for gap in view["gaps"]]
    judge.hold(len(gaps) > 8 * page.least, f"{percent} % of packets are lost: {len(gaps)} pictures in 8 s")
    judge.hold(max(gaps, default=9e9) < 2000, f"the longest wait for one: {max(gaps, default=9e9):.0f} ms")
    system("nft", "delete table inet bad")
    goes_on(page, judge, "none is lost any more")


def play(who, url, server, browser, room, clip, network):
    print(f"Chromium {who}")
    judge = Judge(who)
    shares = who == "called"
    more = ["--screen", "pattern"] if shares else []
    process, call = server.meet(who, 80 if who == "calling" else 70, "--reference", f"file:{clip}", *more, url=url)
    try:
        page = Page(browser, server, call)
        page.least = 10 if shares else 15
        # A browser that likes others better takes what we speak.
        browser.start("addDevices", {"width": WIDTH, "height": HEIGHT, "frameRate": FPS}, "video/VP8" if who == "calling" else None)
        page.connect()
        page.hold(SECONDS)
        seen, sound = browser.call("look"), browser.call("sound")
        # The camera's section is the first.
        views = [seen["views"][name] for name in sorted(seen["views"], key=int)]
        judge.hold(len(views) == 1 + shares, f"what came: {[(view['width'], view['height']) for view in views]}")
        judge.pictures(views[0]["pictures"], views[0]["numbers"], SECONDS * page.least)
        for view in views[1:]:
            print("  and what the bot shares:")
            judge.pictures(view["pictures"], view["numbers"], SECONDS * 2)
            judge.hold(view["width"] * 9 == view["height"] * 16, f"in its shape: {view['width']}x{view['height']}")
        judge.sound(numpy.array(sound["samples"][RATE:], numpy.float64), SECONDS)
        judge.hold(page.channel == "castle", f"the data channel opened: {page.channel}")
        renegotiate(page, judge)
        if network == "own":
            move(page, judge, "10.78.0.3" if who == "calling" else "10.78.0.2")
            lose(page, judge)
        server.session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
        page.hold(0.5)
        report = ended(process)
    finally:
        finish(process, page, room, who)
    judge.report(report, f"{room}/{who}.wav", SECONDS)
    # More than of the second one, and in its shape.
    judge.screen(report, 20, *AGAIN[:2])
    judge.hold(not page.faults, f"the browser finds no fault: {page.faults}")
    return judge.faults


def finish(process, page, room, who):
    if process.poll() is None:
        process.kill()
        process.wait()
    for number, sdp in enumerate(page.descriptions):
        open(f"{room}/{who}-{number}.sdp", "w").write(sdp)


def without_vp8(who, url, server, browser, room, clip):
    """A browser that speaks H.264 alone; later it would share a window in any codec, and the one of the call stays."""
    print(f"Chromium {who}")
    judge = Judge(who)
    process, call = server.meet(who, 40, "--reference", f"file:{clip}", url=url)
    try:
        page = Page(browser, server, call)
        browser.start("addDevices", {"width": WIDTH, "height": HEIGHT, "frameRate": FPS}, None, "video/H264")
        page.connect()
        page.hold(SECONDS)
        views, sound = list(browser.call("look")["views"].values()), browser.call("sound")
        judge.hold(len(views) == 1, f"{len(views)} picture came")
        for view in views:
            judge.pictures(view["pictures"], view["numbers"], SECONDS * 15)
        judge.sound(numpy.array(sound["samples"][RATE:], numpy.float64), SECONDS)
        before = len(page.descriptions)
        browser.start("share", 640, 480, 10)
        page.until(lambda: len(page.descriptions) >= before + 2, "an answer to a second picture")
        goes_on(page, judge, "a window is shared", 5)
        server.session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
        page.hold(0.5)
        report = ended(process)
    finally:
        finish(process, page, room, who)
    judge.report(report, f"{room}/{who}.wav", SECONDS)
    judge.hold(report["video"]["codec"] == "H264", f"in {report['video']['codec']}")
    judge.hold(report["screen"]["frames_shown"] > 5, f"the bot saw {report['screen']['frames_shown']} pictures of the window")
    judge.hold(not page.faults, f"the browser finds no fault: {page.faults}")
    return judge.faults


def hidden(url, server, browser, room):
    """A page that may use no camera tells names (mDNS, RFC 6762) in place of its addresses, which only its own network can
    resolve. A browser without a window does not do that by itself."""
    who, seconds = "called-hidden", 5
    print("Chromium called, with no device and no address")
    judge = Judge(who)
    process, call = server.meet(who, 20, url=url)
    try:
        page = Page(browser, server, call, hides=True)
        browser.start("share", 320, 180, 15)
        page.connect()
        page.hold(seconds)
        seen = browser.call("look")
        server.session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
        page.hold(0.5)
        report = ended(process)
    finally:
        finish(process, page, room, who)
    judge.hold(len(page.candidates) > 0, f"{len(page.candidates)} candidates without an address were told")
    view = next(iter(seen["views"].values()))
    judge.pictures(view["pictures"], view["numbers"], seconds * 15)
    judge.hold(report["video"]["frames_shown"] > seconds * 15 * 0.6, f"the bot saw {report['video']['frames_shown']} pictures")
    judge.hold(not page.faults, f"the browser finds no fault: {page.faults}")
    return judge.faults


def main():
    url, invitation, bot, room, network = sys.argv[1:]
    clip, camera, microphone = f"{room}/clip.y4m", f"{room}/camera.y4m", f"{room}/note.wav"
    write_clip(clip)
    write_clip(camera, number_in_picture=True)
    write_note(microphone, 60)
    flags = [f"--use-file-for-fake-video-capture={camera}", f"--use-file-for-fake-audio-capture={microphone}",
             "--allow-loopback-in-peer-connection"]
    faults = []
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        server = Server(channel, invitation, room, bot, "ida", "chromium")
        for who in ("calling", "called"):
            with Chromium(room, PAGE, *flags) as browser:
                faults += play(who, url, server, browser, room, clip, network)
        for who in ("calling-h264", "called-h264"):
            with Chromium(room, PAGE, *flags) as browser:
                faults += without_vp8(who, url, server, browser, room, clip)
        with Chromium(room, PAGE, "--allow-loopback-in-peer-connection") as browser:
            faults += hidden(url, server, browser, room)
        server.session.leave()
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


main()
