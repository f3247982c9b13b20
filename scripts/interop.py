"""What the calls with WebRTC stacks of others share: pictures and sound that can be told again, the bot at the other
end, and what must hold of its report. See interop_aiortc.py, interop_chromium.py, interop_gstreamer.py.

Pictures carry a number in their top rows, which each end reads, and the bot compares those of equal number with the
file they came from; sound is a note of another pitch at each end.
"""
import json, math, os, queue, subprocess, sys, time, wave

import grpc
import numpy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../examples/python"))
from client import Session, bearer, PASSWORD  # noqa: E402
from castle.v1 import call_pb2, castle_pb2, castle_pb2_grpc  # noqa: E402

WIDTH, HEIGHT, FPS, FRAMES = 320, 240, 15, 30
RATE, HZ, BOT_HZ = 48_000, 1000, 440


def picture(number):
    """Luma, and the two chroma planes: a bar that walks over a slope."""
    x, y = numpy.meshgrid(numpy.arange(WIDTH), numpy.arange(HEIGHT))
    luma = (60 + x * 100 // WIDTH + y * 60 // HEIGHT).astype(numpy.uint8)
    left = number * 8 % (WIDTH - 40)
    luma[64:200, left:left + 40] = 220
    chroma = numpy.full((HEIGHT // 2, WIDTH // 2), 110, numpy.uint8)
    return luma, chroma, chroma + 40


def stamped(number, capture_us):
    """The same, with its number and this time over the top rows; all planes in one array."""
    luma, u, v = picture(number)
    stamp(luma, (u, v), number, capture_us)
    return numpy.concatenate([luma.ravel(), u.ravel(), v.ravel()]).reshape(HEIGHT * 3 // 2, WIDTH)


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
    block = luma.shape[1] // 28 // 8 * 8
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


def note(count):
    """The samples of our note from number `count` on, 20 ms."""
    at = (count + numpy.arange(RATE // 50)) / RATE
    return (numpy.sin(at * HZ * math.tau) * 9000).astype(numpy.int16)


def purity(samples, hz):
    """Share of the power that lies within 40 Hz of `hz`."""
    power = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples)))) ** 2
    at = numpy.fft.rfftfreq(len(samples), 1 / RATE)
    return power[numpy.abs(at - hz) < 40].sum() / max(power.sum(), 1e-9)


def write_clip(path, number_in_picture=False):
    """Our pictures as a file: what the bot compares with, or what a browser takes for its camera."""
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            planes = [stamped(number, 0)] if number_in_picture else picture(number)
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in planes))


def write_note(path, seconds):
    with wave.open(path, "wb") as wav:
        wav.setnchannels(1), wav.setsampwidth(2), wav.setframerate(RATE)
        for part in range(seconds * 50):
            wav.writeframes(note(part * RATE // 50).tobytes())


class Server:
    """A guest at the server, who calls bots and is called by them."""

    def __init__(self, channel, invitation, room, bot, name, device):
        self.stub, self.invitation = castle_pb2_grpc.CastleServiceStub(channel), invitation
        self.room, self.bot, self.name = room, bot, name
        with open(f"{room}/password", "w") as file:
            file.write(PASSWORD)
        self.token = bearer(self.stub.Register(castle_pb2.RegisterRequest(
            invitation_code=invitation, name=name, password=PASSWORD, device_name=device), timeout=10).tokens)
        self.session = Session(self.stub, self.token)

    def meet(self, who, seconds, *flags, camera="pattern:320x180@30", prefix=(), url):
        """Starts a bot and comes to a call with it, `calling` or being `called`. Answers the process and the call."""
        session, name = self.session, f"bot-{who}"
        session.held.clear()  # of the call before
        errand = ["--call", self.name] if who.startswith("called") else ["--answer"]
        process = subprocess.Popen(
            [*prefix, self.bot, "bot", "--server", url, "--name", name, "--invite", self.invitation,
             "--password-file", f"{self.room}/password", "--camera", camera, "--mic", "tone",
             "--speaker", f"file:{self.room}/{who}.wav", "--duration", f"{seconds}s", *errand, *flags],
            stdout=subprocess.PIPE, stderr=open(f"{self.room}/{who}.err", "w"))
        try:
            if who.startswith("called"):
                ringing = session.call(call_pb2.CALL_STATE_RINGING)
                session.send(accept_call=call_pb2.AcceptCall(call_id=ringing.call_id))
            else:
                until = time.monotonic() + 20
                while not self.sees(name):
                    assert time.monotonic() < until, "the bot does not come"
                    time.sleep(0.1)
                session.send(place_call=call_pb2.PlaceCall(name=name))
            return process, session.call(call_pb2.CALL_STATE_CONNECTING)
        except BaseException:
            process.kill()
            process.wait()
            raise

    def sees(self, name):
        rows = self.stub.ListGuests(castle_pb2.ListGuestsRequest(), metadata=self.token, timeout=10).guests
        return any(row.guest.name == name for row in rows)

    def frames(self):
        """All that came of a call, in order, as (kind, frame)."""
        try:
            while True:
                self.session.receive(0.001)
        except queue.Empty:
            pass
        held, self.session.held = self.session.held, []
        return [(kind, getattr(frame, kind)) for frame in held for kind in [frame.WhichOneof("frame")]]


def ended(process):
    """The bot's report, once it ended."""
    return json.loads(process.communicate(timeout=30)[0].splitlines()[-1])


class Judge:
    """What holds, and what does not."""

    def __init__(self, who):
        self.who, self.faults = who, []

    def hold(self, fine, what):
        print(f"  {'fine' if fine else 'NOT SO'}: {what}", flush=True)
        self.faults.extend([] if fine else [f"{self.who}: {what}"])

    def pictures(self, pictures, numbers, least):
        rising = sum(b > a for a, b in zip(numbers, numbers[1:]))
        self.hold(pictures > least, f"{pictures} pictures of the bot were seen")
        self.hold(len(numbers) > pictures * 0.9, f"{len(numbers)} of them could be read")
        self.hold(rising >= len(numbers) * 0.99 - 1, "in order")

    def sound(self, samples, seconds):
        pure = purity(samples, BOT_HZ) if len(samples) else 0
        self.hold(len(samples) > seconds * RATE // 2 and pure > 0.9, f"the bot's note was heard: {pure:.0%} of {len(samples)} samples")

    def report(self, report, recording, seconds, share=0.6):
        video = report["video"]
        self.hold(video["frames_shown"] > seconds * FPS * share, f"the bot saw {video['frames_shown']} pictures")
        self.hold((video["psnr_db_p50"] or 0) > 28, f"like those that were sent: {video['psnr_db_p50']} dB")
        with wave.open(recording) as wav:
            samples = numpy.frombuffer(wav.readframes(wav.getnframes()), numpy.int16).astype(numpy.float64)
        loud = numpy.flatnonzero(numpy.abs(samples) > 500)
        samples = samples[loud[0] + RATE:loud[0] + int(RATE * (seconds - 3))] if len(loud) else numpy.zeros(1)
        pure = purity(samples, HZ)
        self.hold(len(samples) > seconds * RATE // 3 and pure > 0.9, f"the bot heard our note: {pure:.0%} of {len(samples)} samples")
