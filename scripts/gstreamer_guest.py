#!/usr/bin/env python3
"""GStreamer's end of one call: webrtcbin, told what to do by lines of JSON on standard input, tells by lines on standard output.

    gstreamer_guest.py offers|answers CAMERA WIDTHxHEIGHT@FPS PICTURES WIDTHxHEIGHT SOUND

Sends the raw I420 pictures of CAMERA again and again, and a note of 1 kHz; writes what comes, decoded, to PICTURES (I420)
and SOUND (16 bit, 48 kHz, mono). Runs with the system's Python, which has GStreamer's bindings and nothing else.
"""
import json, sys, threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ROLE, CAMERA, FORMAT, PICTURES, SEEN, SOUND = sys.argv[1:]
SIZE, FPS = FORMAT.split("@")
(WIDTH, HEIGHT), (SEEN_WIDTH, SEEN_HEIGHT) = SIZE.split("x"), SEEN.split("x")
SENDING = f"""
  webrtcbin name=peer bundle-policy=max-bundle latency=100
  multifilesrc location={CAMERA} loop=true ! rawvideoparse format=i420 width={WIDTH} height={HEIGHT} framerate={FPS}/1
    ! clocksync ! queue ! vp8enc deadline=1 cpu-used=8 target-bitrate=1000000 end-usage=cbr keyframe-max-dist=300
    ! rtpvp8pay pt=96 picture-id-mode=15-bit
    ! application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96 ! peer.
  audiotestsrc is-live=true freq=1000 volume=0.3 ! audio/x-raw,rate=48000,channels=1 ! opusenc ! rtpopuspay pt=111
    ! application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,payload=111 ! peer.
"""
RECEIVING = {
    "VP8": f"rtpvp8depay request-keyframe=true ! vp8dec ! videoconvert ! videoscale "
           f"! video/x-raw,format=I420,width={SEEN_WIDTH},height={SEEN_HEIGHT} ! filesink sync=false location={PICTURES}",
    "OPUS": "rtpopusdepay ! opusdec ! audioconvert ! audioresample "
            f"! audio/x-raw,format=S16LE,rate=48000,channels=1 ! filesink sync=false location={SOUND}",
}


def tell(kind, value):
    print(json.dumps({"kind": kind, "value": value}), flush=True)


def describe(kind, sdp):
    said = GstSdp.SDPMessage.new_from_text(sdp)[1]
    return GstWebRTC.WebRTCSessionDescription.new(kind, said)


def made(promise, peer, kind):
    """An offer or answer is ready: it is ours now, and leaves."""
    promise.wait()
    reply = promise.get_reply()  # kept: what it holds goes with it
    description = reply.get_value(kind)
    peer.emit("set-local-description", description, Gst.Promise.new())
    tell("description", {"type": kind, "sdp": description.sdp.as_text()})


def receive(_, pad, pipeline):
    if pad.direction != Gst.PadDirection.SRC:
        return
    codec = pad.get_current_caps().get_structure(0).get_string("encoding-name")
    sink = Gst.parse_bin_from_description(f"queue ! {RECEIVING[codec]}", True)
    pipeline.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.get_static_pad("sink"))
    tell("track", codec)


def hear(peer, said):
    kind, value = said["kind"], said["value"]
    if kind == "candidate":
        peer.emit("add-ice-candidate", value["index"], value["candidate"])
    elif kind == "answer":
        peer.emit("set-remote-description", describe(GstWebRTC.WebRTCSDPType.ANSWER, value), Gst.Promise.new())
    elif kind == "offer":
        def heard(_):
            peer.emit("create-answer", None, Gst.Promise.new_with_change_func(made, peer, "answer"))
        offer = describe(GstWebRTC.WebRTCSDPType.OFFER, value)
        peer.emit("set-remote-description", offer, Gst.Promise.new_with_change_func(heard))


def main():
    Gst.init(None)
    pipeline, loop = Gst.parse_launch(SENDING), GLib.MainLoop()
    peer, channels = pipeline.get_by_name("peer"), []
    peer.connect("on-ice-candidate", lambda _, index, line: tell("candidate", {"index": index, "candidate": line}))
    peer.connect("pad-added", receive, pipeline)
    peer.connect("notify::connection-state", lambda *_: tell("state", peer.get_property("connection-state").value_nick))

    def use(channel):
        channels.append(channel)
        channel.connect("on-message-string", lambda _, text: tell("message", text))
        channel.connect("on-message-data", lambda _, data: tell("message", data.get_data().decode()))
        channel.connect("notify::ready-state", lambda *_: tell("channel", channel.get_property("ready-state").value_nick))

    peer.connect("on-data-channel", lambda _, channel: (use(channel), tell("channel", channel.get_property("label"))))
    if ROLE == "offers":
        peer.connect("on-negotiation-needed", lambda _: peer.emit(
            "create-offer", None, Gst.Promise.new_with_change_func(made, peer, "offer")))
        pipeline.set_state(Gst.State.READY)
        use(peer.emit("create-data-channel", "castle", None))

    def watch(_, message):
        if message.type == Gst.MessageType.ERROR:
            error, detail = message.parse_error()
            tell("fault", f"{error.message} {detail}")
        return True

    pipeline.get_bus().add_watch(GLib.PRIORITY_DEFAULT, watch)
    pipeline.set_state(Gst.State.PLAYING)

    def read():
        for line in sys.stdin:
            GLib.idle_add(hear, peer, json.loads(line))
        GLib.idle_add(loop.quit)

    threading.Thread(target=read, daemon=True).start()
    loop.run()
    pipeline.set_state(Gst.State.NULL)


main()
