#!/usr/bin/env python3
"""A guest on aiortc, a WebRTC stack of others, in a call with a bot: once it calls, once it is called.

    interop_aiortc.py URL INVITATION BOT ROOM

Signals by the client generated from proto/ (PYTHONPATH), as examples/python does. What crosses is told by its content:
pictures carry a number in their top rows, which each end reads, and the bot compares those of equal number with the
file they came from; sound is a note of another pitch at each end. Exits 0 if all of it holds.
"""
import asyncio, fractions, json, math, os, queue, subprocess, sys, time, wave

import grpc
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, VideoFrame

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../examples/python"))
from client import Session, bearer, PASSWORD  # noqa: E402
from castle.v1 import call_pb2, castle_pb2, castle_pb2_grpc  # noqa: E402

WIDTH, HEIGHT, FPS, FRAMES = 320, 240, 15, 30
RATE, HZ, BOT_HZ = 48_000, 1000, 440
SECONDS = 8


def picture(number):
    """Luma, and the two chroma planes: a bar that walks over a slope."""
    x, y = numpy.meshgrid(numpy.arange(WIDTH), numpy.arange(HEIGHT))
    luma = (60 + x * 100 // WIDTH + y * 60 // HEIGHT).astype(numpy.uint8)
    left = number * 8 % (WIDTH - 40)
    luma[64:200, left:left + 40] = 220
    chroma = numpy.full((HEIGHT // 2, WIDTH // 2), 110, numpy.uint8)
    return luma, chroma, chroma + 40


def checksum(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def stamp(luma, chroma, number, capture_us):
    """Writes number and time over the top rows, as the bot reads them: 28 blocks in four rows."""
    bits = number | capture_us << 32
    bits |= checksum(number.to_bytes(4, "big") + capture_us.to_bytes(8, "big")) << 96
    block = WIDTH // 28 // 8 * 8
    luma[:32] = 56
    for bit in range(112):
        top, left = bit // 28 * 8, bit % 28 * block
        luma[top:top + 8, left:left + block] = 184 if bits >> bit & 1 else 56
    for plane in chroma:
        plane[:16] = 128


def number_of(luma):
    """The number in a picture's stamp, if it has one."""
    block, bits = luma.shape[1] // 28 // 8 * 8, 0
    for bit in range(112):
        top, left = bit // 28 * 8, bit % 28 * block
        middle = luma[top + 2:top + 6, left + block // 4:left + block * 3 // 4]
        bits |= int(middle.mean() > 120) << bit
    number, capture_us = bits & 0xFFFFFFFF, bits >> 32 & (1 << 64) - 1
    fine = bits >> 96 == checksum(number.to_bytes(4, "big") + capture_us.to_bytes(8, "big"))
    return number if fine else None


class Pictures(MediaStreamTrack):
    kind = "video"

    def __init__(self):
        super().__init__()
        self.began, self.count = time.monotonic(), 0

    async def recv(self):
        await asyncio.sleep(max(0.0, self.began + self.count / FPS - time.monotonic()))
        luma, u, v = picture(self.count % FRAMES)
        stamp(luma, (u, v), self.count % FRAMES, self.count * 1_000_000 // FPS)
        planes = numpy.concatenate([luma.ravel(), u.ravel(), v.ravel()]).reshape(HEIGHT * 3 // 2, WIDTH)
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
        at = (self.count + numpy.arange(960)) / RATE
        samples = (numpy.sin(at * HZ * math.tau) * 9000).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.count, fractions.Fraction(1, RATE)
        self.count += 960
        return frame


def purity(samples, hz):
    """Share of the power that lies within 40 Hz of `hz`."""
    power = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples)))) ** 2
    at = numpy.fft.rfftfreq(len(samples), 1 / RATE)
    return power[numpy.abs(at - hz) < 40].sum() / max(power.sum(), 1e-9)


class Heard:
    """What came from the bot."""

    def __init__(self):
        self.numbers, self.samples, self.pictures = [], [], 0

    async def read(self, track):
        try:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self.pictures += 1
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


async def hold(session, call, heard):
    """Negotiates and holds the call until the bot hangs up, or our time is over."""
    pc = RTCPeerConnection()
    pc.on("track", lambda track: asyncio.ensure_future(heard.read(track)))
    pc.addTrack(Note())
    pc.addTrack(Pictures())
    if call.role == call_pb2.CALL_ROLE_OFFERER:
        await pc.setLocalDescription(await pc.createOffer())
        session.send(offer=call_pb2.Offer(call_id=call.call_id, sdp=pc.localDescription.sdp))
        await pc.setRemoteDescription(RTCSessionDescription((await asyncio.wait_for(next_frame(session, "answer"), 20)).sdp, "answer"))
    else:
        await pc.setRemoteDescription(RTCSessionDescription((await asyncio.wait_for(next_frame(session, "offer"), 20)).sdp, "offer"))
        await pc.setLocalDescription(await pc.createAnswer())
        session.send(answer=call_pb2.Answer(call_id=call.call_id, sdp=pc.localDescription.sdp))
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
    await asyncio.sleep(SECONDS)
    reader.cancel()
    await asyncio.wait_for(pc.close(), 10)


def judge(who, heard, report, recording):
    faults = []

    def hold(fine, what):
        print(f"  {'fine' if fine else 'NOT SO'}: {what}")
        faults.extend([] if fine else [what])

    rising = sum(b > a for a, b in zip(heard.numbers, heard.numbers[1:]))
    hold(heard.pictures > SECONDS * 15, f"{heard.pictures} pictures of the bot were seen")
    hold(len(heard.numbers) > heard.pictures * 0.9, f"{len(heard.numbers)} of them could be read")
    hold(rising >= len(heard.numbers) * 0.99 - 1, "in order")
    samples = numpy.concatenate(heard.samples or [numpy.zeros(1)])[RATE:]
    pure = purity(samples, BOT_HZ)
    hold(len(samples) > SECONDS * RATE // 2 and pure > 0.9, f"the bot's note was heard: {pure:.0%} of {len(samples)} samples")
    video = report["video"]
    hold(video["frames_shown"] > SECONDS * FPS * 0.6, f"the bot saw {video['frames_shown']} pictures")
    hold((video["psnr_db_p50"] or 0) > 28, f"like those that were sent: {video['psnr_db_p50']} dB")
    with wave.open(recording) as wav:
        samples = numpy.frombuffer(wav.readframes(wav.getnframes()), numpy.int16).astype(numpy.float64)
    loud = numpy.flatnonzero(numpy.abs(samples) > 500)
    samples = samples[loud[0] + RATE:loud[0] + RATE * (SECONDS - 3)] if len(loud) else numpy.zeros(1)
    pure = purity(samples, HZ)
    hold(len(samples) > SECONDS * RATE // 3 and pure > 0.9, f"the bot heard our note: {pure:.0%} of {len(samples)} samples")
    return [f"{who}: {fault}" for fault in faults]


def main():
    url, invitation, bot, room = sys.argv[1:]
    clip = f"{room}/clip.y4m"
    with open(clip, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in picture(number)))
    with open(f"{room}/password", "w") as file:
        file.write(PASSWORD)
    faults = []
    with grpc.insecure_channel(url.removeprefix("http://")) as channel:
        stub = castle_pb2_grpc.CastleServiceStub(channel)
        ours = stub.Register(castle_pb2.RegisterRequest(
            invitation_code=invitation, name="ida", password=PASSWORD, device_name="aiortc"), timeout=10)
        session = Session(stub, bearer(ours.tokens))
        for who in ("calling", "called"):
            print(f"aiortc {who}")
            session.held.clear()  # of the call before
            recording, name = f"{room}/{who}.wav", f"bot-{who}"
            errand = ["--answer", "--duration", f"{SECONDS + 12}s"] if who == "calling" else ["--call", "ida", "--duration", f"{SECONDS + 2}s"]
            process = subprocess.Popen(
                [bot, "bot", "--server", url, "--name", name, "--invite", invitation, "--password-file", f"{room}/password",
                 "--camera", "pattern:320x180@30", "--mic", "tone", "--speaker", f"file:{recording}", "--reference", f"file:{clip}", *errand],
                stdout=subprocess.PIPE, stderr=open(f"{room}/{who}.err", "w"))
            try:
                if who == "calling":
                    there = lambda: any(entry.guest.name == name for entry in stub.ListGuests(
                        castle_pb2.ListGuestsRequest(), metadata=bearer(ours.tokens), timeout=10).guests)
                    until = time.monotonic() + 20
                    while not there():
                        assert time.monotonic() < until, "the bot does not come"
                        time.sleep(0.1)
                    session.send(place_call=call_pb2.PlaceCall(name=name))
                else:
                    ringing = session.call(call_pb2.CALL_STATE_RINGING)
                    session.send(accept_call=call_pb2.AcceptCall(call_id=ringing.call_id))
                call, heard = session.call(call_pb2.CALL_STATE_CONNECTING), Heard()
                asyncio.run(hold(session, call, heard))
                session.send(hang_up=call_pb2.HangUp(call_id=call.call_id))
                session.call(call_pb2.CALL_STATE_ENDED)
                report = json.loads(process.communicate(timeout=30)[0].splitlines()[-1])
                faults += judge(who, heard, report, recording)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        session.leave()
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


main()
