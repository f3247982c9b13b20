"""Two guests in Python: they register, open sessions, see the hall, call each other, and ask for a match.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    PYTHON=.venv/bin/python ./generate.sh
    PYTHONPATH=generated .venv/bin/python client.py http://127.0.0.1:50051 INVITATION-FOR-TWO

It negotiates no media: offer, answer and candidate are relayed as they are, so any text will do here.
Exits 0 if everything was as castle.v1 says, else with what was not.
"""

import queue
import sys
import threading
import uuid
from urllib.parse import urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from castle.v1 import call_pb2, castle_pb2, castle_pb2_grpc, error_pb2, hall_pb2, signal_pb2

PATIENCE_S = 10
PASSWORD = "correct horse battery"


def check(holds, what):
    if not holds:
        raise AssertionError(what)
    print(f"  {what}")


def error_info(failure):
    """The ErrorInfo and BadRequest of a failed RPC: clients decide by the reason, never by the text."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    status = rpc_status.from_call(failure)
    for detail in status.details if status else ():
        for known in (info, bad):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    return info, bad


def refused(reason, code, call, *args, **kwargs):
    """The call must fail with this reason; answers its BadRequest."""
    try:
        answer = call(*args, timeout=PATIENCE_S, **kwargs)
        for _ in answer if hasattr(answer, "cancel") else ():
            pass
    except grpc.RpcError as failure:
        info, bad = error_info(failure)
        said = f"{failure.code().name} {info.domain}/{info.reason} ({failure.details()})"
        check((info.domain, info.reason, failure.code()) == ("castle", reason, code), f"refused: {said}")
        return bad
    raise AssertionError(f"should have been refused with {reason}")


class Session:
    """A Signal stream: sends frames with `seq` and `ack`, and hands out what arrives, by kind."""

    def __init__(self, stub, token):
        self.outbox, self.inbox = queue.Queue(maxsize=256), queue.Queue(maxsize=1024)
        self.seq = self.ack = 0
        self.held = []
        self.stream = stub.Signal(iter(self.outbox.get, None), metadata=token)
        threading.Thread(target=self._read, daemon=True).start()
        self.outbox.put(signal_pb2.SignalRequest(hello=signal_pb2.Hello(
            protocol_version=1, client_name="castle-python", client_version="1")))
        self.welcome = self.expect("welcome")

    def _read(self):
        try:
            for frame in self.stream:
                self.inbox.put(frame)
        except grpc.RpcError as failure:
            self.inbox.put(failure)

    def send(self, **frame):
        self.seq += 1
        request_id = str(uuid.uuid4())
        self.outbox.put(signal_pb2.SignalRequest(seq=self.seq, ack=self.ack, request_id=request_id, **frame))
        return request_id

    def expect(self, kind, that=lambda _: True):
        """The next frame of this kind for which `that` holds; others are held for later."""
        found = self.find(kind, that)
        while found is None:
            try:
                self.receive(PATIENCE_S)
            except queue.Empty:
                held = [f.WhichOneof("frame") for f in self.held]
                raise AssertionError(f"no {kind} within {PATIENCE_S} s; there were {held}") from None
            found = self.find(kind, that)
        return found

    def find(self, kind, that=lambda _: True):
        """Such a frame, if it has come."""
        for frame in list(self.held):
            if frame.WhichOneof("frame") == kind and that(getattr(frame, kind)):
                self.held.remove(frame)
                return getattr(frame, kind)
        return None

    def receive(self, timeout_s):
        """Takes the next frame: answers pings, holds what says something. Raises queue.Empty if none comes in time."""
        frame = self.inbox.get(timeout=timeout_s)
        if isinstance(frame, grpc.RpcError):
            raise AssertionError(f"the session broke: {frame.code()} {frame.details()}")
        if frame.seq:
            if frame.seq != self.ack + 1:
                raise AssertionError(f"seq {frame.seq} after {self.ack}")
            self.ack = frame.seq
        if frame.WhichOneof("frame") == "ping":
            self.outbox.put(signal_pb2.SignalRequest(ack=self.ack, pong=signal_pb2.Pong(nonce=frame.ping.nonce)))
        elif frame.WhichOneof("frame"):
            self.held.append(frame)

    def call(self, state):
        return self.expect("call_update", lambda update: update.call.state == state).call

    def leave(self):
        self.outbox.put(signal_pb2.SignalRequest(bye=signal_pb2.Bye()))
        self.outbox.put(None)


def reflect(channel):
    print("Reflection")
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    check("castle.v1.CastleService" in services, f"services: {', '.join(sorted(services))}")


def enter(stub, invitation):
    print("Accounts")

    def register(name, code=invitation):
        return castle_pb2.RegisterRequest(invitation_code=code, name=name, password=PASSWORD, device_name="python")

    invalid, denied = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAUTHENTICATED
    bad = refused("INVALID_FIELD", invalid, stub.Register, register("x"))
    check([v.field for v in bad.field_violations] == ["name"], "BadRequest names the field")
    try:
        stub.Register(register("nobody", "no such code"), timeout=PATIENCE_S)
        raise AssertionError("an unknown invitation should be refused")
    except grpc.RpcError as failure:
        check(error_info(failure)[0].reason == "INVITATION_UNKNOWN", f"refused: {failure.code().name} INVITATION_UNKNOWN")
    ada = stub.Register(register("ada"), timeout=PATIENCE_S)
    grace = stub.Register(register("grace"), timeout=PATIENCE_S)
    again = stub.Register(register("ada"), timeout=PATIENCE_S)
    check(again.guest.guest_id == ada.guest.guest_id, "registering again with the right password logs in")
    refused("BAD_CREDENTIALS", denied, stub.Login, castle_pb2.LoginRequest(name="ada", password="not the password"))
    refused("BAD_CREDENTIALS", denied, stub.Login, castle_pb2.LoginRequest(name="nobody", password="not the password"))
    refused("TOKEN_MISSING", denied, stub.GetIceServers, castle_pb2.GetIceServersRequest())
    refused("TOKEN_INVALID", denied, stub.GetIceServers, castle_pb2.GetIceServersRequest(),
            metadata=(("authorization", "Bearer nonsense"),))
    login = stub.Login(castle_pb2.LoginRequest(name="Ada", password=PASSWORD), timeout=PATIENCE_S)
    check(login.guest.guest_id == ada.guest.guest_id, "names are folded by case")
    fresh = stub.Refresh(castle_pb2.RefreshRequest(refresh_token=login.tokens.refresh_token), timeout=PATIENCE_S).tokens
    check(fresh.access_token != "", "Refresh gives the next pair")
    refused("REFRESH_REUSED", denied, stub.Refresh, castle_pb2.RefreshRequest(refresh_token=login.tokens.refresh_token))
    ice = stub.GetIceServers(castle_pb2.GetIceServersRequest(), metadata=bearer(ada.tokens), timeout=PATIENCE_S).ice_servers
    urls = [url for server in ice.servers for url in server.urls]
    check(any(url.startswith("turn:") for url in urls), f"ICE servers: {', '.join(urls)}")
    return (ada, bearer(ada.tokens)), (grace, bearer(grace.tokens))


def bearer(tokens):
    return (("authorization", f"Bearer {tokens.access_token}"),)


def call(a, b, peer):
    print("A call by name")
    a.send(place_call=call_pb2.PlaceCall(name="nobody-there"))
    error = a.expect("error")
    check(error.reason == error_pb2.ERROR_REASON_PEER_UNAVAILABLE, f"nobody there: {error.message}")
    a.send(place_call=call_pb2.PlaceCall(name=peer))
    ringing = b.call(call_pb2.CALL_STATE_RINGING)
    check(ringing.origin == call_pb2.CALL_ORIGIN_RECEIVED, f"it rings: {ringing.peer.name} calls")
    b.send(decline_call=call_pb2.DeclineCall(call_id=ringing.call_id))
    ended = a.call(call_pb2.CALL_STATE_ENDED)
    check(ended.end_reason == call_pb2.CALL_END_REASON_DECLINED, "declined")
    b.call(call_pb2.CALL_STATE_ENDED)

    a.send(place_call=call_pb2.PlaceCall(name=peer))
    ringing = b.call(call_pb2.CALL_STATE_RINGING)
    b.send(accept_call=call_pb2.AcceptCall(call_id=ringing.call_id))
    roles = {end.call(call_pb2.CALL_STATE_CONNECTING).role for end in (a, b)}
    check(roles == {call_pb2.CALL_ROLE_OFFERER, call_pb2.CALL_ROLE_ANSWERER}, "accepted; one offers, one answers")
    negotiate(a, b, ringing.call_id)
    a.send(hang_up=call_pb2.HangUp(call_id=ringing.call_id))
    check(b.call(call_pb2.CALL_STATE_ENDED).end_reason == call_pb2.CALL_END_REASON_HUNG_UP, "hung up")
    a.call(call_pb2.CALL_STATE_ENDED)
    a.send(offer=call_pb2.Offer(call_id=ringing.call_id, sdp="v=0"))
    reason = a.expect("error").reason
    allowed = (error_pb2.ERROR_REASON_NOT_IN_CALL, error_pb2.ERROR_REASON_WRONG_STATE)
    check(reason in allowed, f"an offer after it is refused: {error_pb2.ErrorReason.Name(reason)}")


def negotiate(a, b, call_id):
    a.send(offer=call_pb2.Offer(call_id=call_id, sdp="v=0 offer"))
    check(b.expect("offer").sdp == "v=0 offer", "the offer arrives as it was sent")
    b.send(answer=call_pb2.Answer(call_id=call_id, sdp="v=0 answer"))
    check(a.expect("answer").sdp == "v=0 answer", "the answer too")
    for n in range(3):
        a.send(candidate=call_pb2.Candidate(call_id=call_id, candidate=f"candidate:{n}", sdp_mid="0"))
    seen = [b.expect("candidate").candidate for _ in range(3)]
    check(seen == [f"candidate:{n}" for n in range(3)], "candidates arrive in order")
    for end in (a, b):
        end.send(media_connected=call_pb2.MediaConnected(call_id=call_id, route=call_pb2.ROUTE_HOST))
    for end in (a, b):
        end.call(call_pb2.CALL_STATE_CONNECTED)
    check(True, "connected at both ends")


def match(stub, a, a_token, b, b_token):
    print("Match")

    def request(session):
        return castle_pb2.MatchRequest(session_id=session, request_id=str(uuid.uuid4()))

    refused("NO_SESSION", grpc.StatusCode.NOT_FOUND, stub.Match, request("ses_" + "0" * 32), metadata=a_token)
    first = stub.Match(request(a.welcome.session_id), metadata=a_token, timeout=PATIENCE_S)
    queued = next(first)
    check(queued.queued.position == 1, "queued first in line")
    second = stub.Match(request(b.welcome.session_id), metadata=b_token, timeout=PATIENCE_S)
    found = [[news for news in line if news.WhichOneof("update") == "matched"] for line in (first, second)]
    check([len(f) for f in found] == [1, 1], "both are matched and both streams end")
    call_id = found[0][0].matched.call_id
    matched = a.call(call_pb2.CALL_STATE_CONNECTING)
    check(matched.call_id == call_id == b.call(call_pb2.CALL_STATE_CONNECTING).call_id, "with each other")
    check(matched.route_policy == call_pb2.ROUTE_POLICY_RELAY_ONLY, "strangers are relayed")
    a.send(hang_up=call_pb2.HangUp(call_id=call_id))
    b.call(call_pb2.CALL_STATE_ENDED)


def main():
    url, invitation = sys.argv[1:]
    with grpc.insecure_channel(urlsplit(url).netloc) as channel:
        stub = castle_pb2_grpc.CastleServiceStub(channel)
        reflect(channel)
        (ada, ada_token), (grace, grace_token) = enter(stub, invitation)
        print("The hall")
        a, b = Session(stub, ada_token), Session(stub, grace_token)
        check([row.guest.name for row in b.welcome.hall.guests] == ["ada"], "Grace sees Ada")
        arrived = a.expect("hall_delta", lambda delta: len(delta.changed) > 0)
        check(arrived.changed[0].guest.name == "grace", "Ada sees Grace arrive")
        check(arrived.changed[0].availability == hall_pb2.AVAILABILITY_AVAILABLE, "free to be called")
        call(a, b, "grace")
        match(stub, a, ada_token, b, grace_token)
        a.leave()
        b.leave()
    print("As castle.v1 says.")


if __name__ == "__main__":
    main()
