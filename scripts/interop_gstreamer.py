#!/usr/bin/env python3
"""A guest on GStreamer's webrtcbin, in calls with a bot: once it calls, once it is called.

    interop_gstreamer.py URL INVITATION BOT ROOM

gstreamer_guest.py has the media; this process is its client of castle.v1, carries what it says, and reads what it
received. Exits 0 if all of it holds.
"""
import json, os, queue, subprocess, sys, threading, time

import grpc
import numpy

from interop import FPS, FRAMES, HEIGHT, RATE, WIDTH, Judge, Server, call_pb2, ended, number_of, stamped, write_clip

SECONDS = 8
SEEN_WIDTH, SEEN_HEIGHT = 320, 180


class Guest:
    """The process with the media."""

    def __init__(self, room, who, offers):
        self.pictures, self.sound = f"{room}/{who}.i420", f"{room}/{who}.s16"
        self.process = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(os.path.dirname(__file__), "gstreamer_guest.py"), "offers" if offers else "answers",
             f"{room}/camera.i420", f"{WIDTH}x{HEIGHT}@{FPS}", self.pictures, f"{SEEN_WIDTH}x{SEEN_HEIGHT}", self.sound],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(f"{room}/{who}-gst.err", "w"), text=True)
        self.said, self.all = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def tell(self, kind, value):
        self.process.stdin.write(json.dumps({"kind": kind, "value": value}) + "\n")
        self.process.stdin.flush()

    def told(self, kind):
        return [said["value"] for said in self.all if said["kind"] == kind]

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def pump(server, call_id, guest):
    """Carries what there is to be carried."""
    try:
        while True:
            said = guest.said.get(timeout=0.02)
            guest.all.append(said)
            kind, value = said["kind"], said["value"]
            if kind == "description":
                frame = call_pb2.Offer if value["type"] == "offer" else call_pb2.Answer
                server.session.send(**{value["type"]: frame(call_id=call_id, sdp=value["sdp"])})
            elif kind == "candidate":
                server.session.send(candidate=call_pb2.Candidate(
                    call_id=call_id, candidate=value["candidate"], sdp_m_line_index=value["index"]))
    except queue.Empty:
        pass
    for kind, frame in server.frames():
        if kind in ("offer", "answer"):
            guest.tell(kind, frame.sdp)
        elif kind == "candidate":
            guest.tell("candidate", {"index": frame.sdp_m_line_index, "candidate": frame.candidate})


def play(who, url, server, room, clip):
    print(f"GStreamer {who}")
    judge = Judge(who)
    process, call = server.meet(who, SECONDS + (12 if who == "calling" else 4), "--reference", f"file:{clip}", url=url)
    guest = Guest(room, who, call.role == call_pb2.CALL_ROLE_OFFERER)
    try:
        until = time.monotonic() + 20
        while "connected" not in guest.told("state"):
            assert time.monotonic() < until, f"no connection: {guest.all}"
            pump(server, call.call_id, guest)
        server.session.send(media_connected=call_pb2.MediaConnected(call_id=call.call_id, route=call_pb2.ROUTE_HOST))
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            pump(server, call.call_id, guest)
        faults = guest.told("fault")  # once the bot is gone there are others
        server.session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
        pump(server, call.call_id, guest)
        report = ended(process)
    finally:
        guest.close()
        if process.poll() is None:
            process.kill()
            process.wait()
    data = numpy.fromfile(guest.pictures, numpy.uint8)
    size = SEEN_WIDTH * SEEN_HEIGHT * 3 // 2
    pictures = data[:len(data) // size * size].reshape(-1, size)[:, :SEEN_WIDTH * SEEN_HEIGHT].reshape(-1, SEEN_HEIGHT, SEEN_WIDTH)
    numbers = [number for number in map(number_of, pictures) if number is not None]
    judge.pictures(len(pictures), numbers, SECONDS * 15)
    judge.sound(numpy.fromfile(guest.sound, numpy.int16)[RATE:].astype(numpy.float64), SECONDS)
    judge.report(report, f"{room}/{who}.wav", SECONDS)
    judge.hold("open" in guest.told("channel") or "castle" in guest.told("channel"), f"the data channel opened: {guest.told('channel')}")
    judge.hold(len(guest.told("message")) > 3, f"{len(guest.told('message'))} messages came over it")
    judge.hold(not faults, f"GStreamer finds no fault: {faults}")
    return judge.faults


def main():
    url, invitation, bot, room = sys.argv[1:]
    clip = f"{room}/clip.y4m"
    write_clip(clip)
    with open(f"{room}/camera.i420", "wb") as file:
        file.write(b"".join(stamped(number, 0).tobytes() for number in range(FRAMES)))
    faults = []
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        server = Server(channel, invitation, room, bot, "ida", "gstreamer")
        for who in ("calling", "called"):
            faults += play(who, url, server, room, clip)
        server.session.leave()
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


main()
