#!/usr/bin/env python3
"""A guest on aiortc, a WebRTC stack of others, in a call with a bot: once it calls, once it is called, both again without VP8,
once it sends rubbish.

    interop_aiortc.py URL INVITATION BOT ROOM

Signals by the client generated from proto/ (PYTHONPATH), as examples/python does. What crosses is told by its content
(interop.py). Exits 0 if all of it holds.
"""
import asyncio, fractions, os, queue, sys, time

import grpc
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.rtp import RtcpSrPacket
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame

from hostile import torment
from interop import FPS, FRAMES, RATE, Judge, Server, call_pb2, ended, note, number_of, stamped, write_clip

SECONDS = 8
# By how much our sound is said to be older than it is in one of the calls, ms: pictures are to wait as much longer for theirs.
EARLY_MS = 100


class Pictures(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.began, self.count = time.monotonic(), 0

    async def recv(self):
        await asyncio.sleep(max(0.0, self.began + self.count / FPS - time.monotonic()))
        planes = stamped(self.count % FRAMES, self.count * 1_000_000 // FPS)
        frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = self.count * 90_000 // FPS, fractions.Fraction(1, 90_000)
        self.count += 1
        return frame


class Note(MediaStreamTrack):
    kind = "audio"

    def __init__(self):
        super().__init__()
        self.began, self.count = time.monotonic(), 0

    async def recv(self):
        await asyncio.sleep(max(0.0, self.began + self.count / RATE - time.monotonic()))
        frame = AudioFrame.from_ndarray(note(self.count).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.count, fractions.Fraction(1, RATE)
        self.count += 960
        return frame


class Heard:
    """What came from the bot."""

    def __init__(self):
        self.numbers, self.samples, self.pictures, self.widest = [], [], 0, 0

    async def read(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.pictures += 1
                    self.widest = max(self.widest, frame.width)
                    number = number_of(frame.to_ndarray(format="yuv420p")[:frame.height])
                    if number is not None:
                        self.numbers.append(number)
                else:
                    samples = frame.to_ndarray().ravel().astype(numpy.float64)
                    self.samples.append(samples[::len(frame.layout.channels)])
        except Exception as ended:
            if type(ended).__name__ != "MediaStreamError":
                raise


async def next_frame(session, kind):
    """The next frame of this kind, without keeping pictures and sound from their work."""
    while (frame := session.find(kind)) is None:
        try:
            session.receive(0.001)
        except queue.Empty:
            await asyncio.sleep(0.02)
    return frame


def speak(pc, codec):
    """Pictures in this codec alone."""
    codecs = [each for each in RTCRtpSender.getCapabilities("video").codecs if each.mimeType == f"video/{codec}"]
    for transceiver in pc.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(codecs)


def said(pc, small):
    """The description to send: where its decoder is a `small` one, of level 1.1 (ITU-T H.264 table A-1)."""
    sdp = pc.localDescription.sdp
    return sdp.replace("profile-level-id=42e01f", "profile-level-id=42e00b").replace("profile-level-id=42001f", "profile-level-id=42000b") if small else sdp


def say_earlier(sender, ms):
    """Has the sender reports of a track say that its samples were captured so much earlier (RFC 3550 section 6.4.1)."""
    send = sender._send_rtcp

    async def shifted(packets):
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                packet.sender_info.ntp_timestamp -= ms * (1 << 32) // 1000
        await send(packets)

    sender._send_rtcp = shifted


async def hold(session, call, heard, pictures, codec, kind, early_ms):
    """Negotiates and holds the call until our time is over; after all kinds of rubbish, where it is a hostile `kind`."""
    hostile, small = kind == "hostile", kind == "small"
    pc = RTCPeerConnection()
    pc.on("track", lambda track: asyncio.ensure_future(heard.read(track)))
    say_earlier(pc.addTrack(Note()), early_ms)
    pc.addTrack(pictures)
    if codec != "VP8":
        speak(pc, codec)
    if call.role == call_pb2.CALL_ROLE_OFFERER:
        await pc.setLocalDescription(await pc.createOffer())
        session.send(offer=call_pb2.Offer(call_id=call.call_id, sdp=said(pc, small)))
        await pc.setRemoteDescription(RTCSessionDescription((await asyncio.wait_for(next_frame(session, "answer"), 20)).sdp, "answer"))
    else:
        await pc.setRemoteDescription(RTCSessionDescription((await asyncio.wait_for(next_frame(session, "offer"), 20)).sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        session.send(answer=call_pb2.Answer(call_id=call.call_id, sdp=said(pc, small)))
    up = asyncio.Event()
    pc.on("connectionstatechange", lambda: pc.connectionState == "connected" and up.set())

    async def candidates():
        # Until it is cancelled; a bot that has none to add says nothing for long.
        while True:
            said = await next_frame(session, "candidate")
            candidate = candidate_from_sdp(said.candidate.removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = said.sdp_mid, said.sdp_m_line_index
            await pc.addIceCandidate(candidate)

    reader = asyncio.ensure_future(candidates())
    try:
        await asyncio.wait_for(up.wait(), 20)
    except TimeoutError:
        raise AssertionError(f"no connection: {pc.iceConnectionState}, {pc.connectionState}") from None
    session.send(media_connected=call_pb2.MediaConnected(call_id=call.call_id, route=call_pb2.ROUTE_HOST))
    if hostile:
        await torment(pc, pc.createDataChannel("castle"))
        heard.pictures, heard.numbers, heard.samples = 0, [], []
    await asyncio.sleep(SECONDS)
    reader.cancel()
    await asyncio.wait_for(pc.close(), 10)


def play(who, url, server, room, clip, early_ms):
    """Answers what does not hold, and the bot's report."""
    print(f"aiortc {who}")
    _, _, kind = who.partition("-")
    hostile, codec = kind == "hostile", "H264" if kind in ("h264", "small") else "VP8"
    process, call = server.meet(who, SECONDS + 40, "--reference", f"file:{clip}", url=url)
    try:
        heard, pictures = Heard(), Pictures()
        asyncio.run(hold(server.session, call, heard, pictures, codec, kind, early_ms))
        server.session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
        server.session.call(call_pb2.CALL_STATE_ENDED)
        report = ended(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    judge = Judge(who)
    judge.hold(report["video"]["codec"] == codec, f"pictures in {report['video']['codec']}")
    if hostile:
        # Our own stack sends less and late after that; what it sends is seen, and the bot sends on.
        shown, sent = report["video"]["frames_shown"], pictures.count
        judge.hold(shown > sent * 0.7, f"the bot saw {shown} of {sent} pictures")
        judge.hold(heard.pictures > SECONDS * 10, f"{heard.pictures} pictures of the bot were seen after the rubbish")
        judge.hold(len(heard.samples) > SECONDS * 25, "and its sound was heard")
        judge.hold(report["ended"] == "hung_up", f"the call ended as people end it: {report['ended']}")
        return judge, report
    if kind == "small":
        judge.hold(heard.widest == 288, f"a small decoder saw pictures {heard.widest} pixels wide")
        judge.hold(heard.pictures > SECONDS * 10, f"{heard.pictures} of them")
        judge.hold(report["ended"] == "hung_up", f"the call ended as people end it: {report['ended']}")
        return judge, report
    judge.pictures(heard.pictures, heard.numbers, SECONDS * 15)
    judge.sound(numpy.concatenate(heard.samples or [numpy.zeros(1)])[RATE:], SECONDS)
    judge.report(report, f"{room}/{who}.wav", SECONDS)
    return judge, report


def main():
    url, invitation, bot, room = sys.argv[1:]
    clip = f"{room}/clip.y4m"
    write_clip(clip)
    faults = []
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        server = Server(channel, invitation, room, bot, "ida", "aiortc")
        reports = {}
        for who, early_ms in (("calling", 0), ("called", EARLY_MS), ("calling-h264", 0), ("called-h264", 0), ("calling-small", 0), ("called-small", 0), ("called-hostile", 0)):
            judge, reports[who] = play(who, url, server, room, clip, early_ms)
            if who == "called":
                held = [reports[name]["sync"]["picture_held_ms"] or 0 for name in ("calling", who)]
                judge.hold(abs(held[1] - held[0] - EARLY_MS) <= 40,
                           f"sound said to be {EARLY_MS} ms older holds pictures {held[1] - held[0]:.0f} ms longer")
            if who == "called-hostile":
                more = (reports[who]["max_rss_kib"] - reports["called"]["max_rss_kib"]) // 1024
                judge.hold(more < 48, f"for all the rubbish the bot took {more} MiB more than without")
            faults += judge.faults
        server.session.leave()
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


main()
