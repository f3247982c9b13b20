"""What an end of no good will sends inside a call that is sealed as any: rubbish where RTP, RTCP and messages belong, and
noise beside them. Seeded."""
import asyncio, random, struct

STREAMS = 3000  # SSRCs that nobody announced
ROUNDS = 300


def changed(rng, data, keep=0):
    data = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        if len(data) > keep:
            data[rng.randrange(keep, len(data))] = rng.randrange(256)
    return bytes(data[:max(keep, rng.randrange(len(data) + 1))] if rng.random() < 0.2 else data)


def rtp(rng, number):
    """A packet of a stream that was never spoken of, whose header says this and that."""
    first = 0x80 | rng.choice([0, 0, 0x10, 0x20, 0x30, rng.randrange(16)])
    kind = rng.choice([96, 96, 96, 111, 111, rng.randrange(128)]) | rng.choice([0, 0x80])
    if 64 <= kind & 0x7F <= 95:
        kind = 96
    ssrc = 0xBAD00000 + rng.randrange(STREAMS)
    extension = struct.pack(">HH", rng.choice([0xBEDE, 0x1000, rng.randrange(65536)]), rng.randrange(4)) if first & 0x10 else b""
    body = bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 3, 20, 200, 1100])))
    return struct.pack(">BBHII", first, kind, number & 0xFFFF, rng.randrange(1 << 32), ssrc) + extension + body


def rtcp(rng, known):
    """A compound of one to three packets, of every kind that there is and of none, about known streams and others."""
    parts = []
    for _ in range(rng.randint(1, 3)):
        kind = rng.choice([200, 201, 202, 203, 204, 205, 205, 205, 206, 206, 206, 207, rng.randrange(192, 224)])
        # Whoever says goodbye (203) in the name of its own streams ends them, as it should.
        about = rng.randrange(1 << 32) if kind == 203 else rng.choice(known)
        body = struct.pack(">II", rng.randrange(1 << 32), about)
        body += bytes(rng.randrange(256) for _ in range(4 * rng.randrange(12)))
        words = len(body) // 4 if rng.random() < 0.8 else rng.randrange(65536)
        parts.append(struct.pack(">BBH", 0x80 | rng.randrange(64), kind, words) + body)
    return b"".join(parts)


async def torment(pc, channel):
    """All of it, for some seconds, beside the media of the call, which goes on."""
    rng = random.Random(7)
    transport = pc.getSenders()[0].transport
    known = [sender._ssrc for sender in pc.getSenders()] + [rng.randrange(1 << 32)]

    async def seal(data):
        try:
            await transport._send_rtp(data)
        except Exception:
            pass  # our own library finds it too bad to be sealed

    for number in range(ROUNDS):
        for _ in range(12):
            await seal(rtp(rng, number))
        for _ in range(6):
            await seal(rtcp(rng, known))
        # Beside all sealing: what looks like STUN, DTLS, SRTP or TURN to who takes the ports apart.
        for first in (0, 1, 20, 22, 23, 25, 64, 127, 128, 200, 255):
            await transport.transport._send(bytes([first]) + bytes(rng.randrange(256) for _ in range(rng.randrange(80))))
        if channel.readyState == "open" and channel.bufferedAmount < 1 << 16:
            good = b'{"t":"chat","number":%d,"text":"x"}' % (number + 1)
            channel.send(changed(rng, good))
            channel.send(changed(rng, good).decode(errors="replace"))
            channel.send(bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 100, 20_000]))))
        if number % 10 == 0:
            pc.createDataChannel(f"another {number}")
        await asyncio.sleep(0.01)
