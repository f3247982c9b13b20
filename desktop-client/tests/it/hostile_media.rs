//! A guest with a real connection, sealed as any, who sends what no camera makes: the call goes on, what cannot be shown is
//! told in words, and the next good picture is seen.

use crate::support::{Guest, PASSWORD, TestServer, config};
use bytes::Bytes;
use castle::ids::CallId;
use castle::v1;
use castle::v1::castle_service_client::CastleServiceClient;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Say;
use castle_desktop::call::Candidate;
use castle_desktop::media::codec::{Content, Packetizer, VideoCodec, VideoEncoder};
use castle_desktop::media::frame::{FrameInfo, FramePool};
use castle_desktop::media::packet::OutgoingPacket;
use castle_desktop::peer::{MediaKind, Peer, PeerCommand, PeerConfig, PeerEvent};
use castle_desktop::view::Command;
use castle_server::config::MatchRoute;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Between two pictures: more than a camera would take, so that nothing is lost on the way for want of time.
const PACE: Duration = Duration::from_millis(20);

/// The session of a guest who takes the first call, and the connection of that call.
struct Mallory {
    outbox: mpsc::Sender<v1::SignalRequest>,
    inbox: tonic::Streaming<v1::SignalResponse>,
    tell: mpsc::Sender<(CallId, PeerEvent)>,
    told: mpsc::Receiver<(CallId, PeerEvent)>,
    call: Option<(String, Peer)>,
    offered: String,
    /// The one codec that it says it has.
    codecs: &'static [VideoCodec],
    packetizer: Packetizer,
    timestamp: u32,
}

impl Mallory {
    async fn online(url: String, invitation: String, codecs: &'static [VideoCodec]) -> Self {
        let mut client = CastleServiceClient::connect(url).await.expect("a server that answers");
        let registering = v1::RegisterRequest {
            invitation_code: invitation,
            name: "mallory".to_owned(),
            password: PASSWORD.to_owned(),
            ..Default::default()
        };
        let registered = client.register(registering).await.expect("registered").into_inner();
        let (outbox, frames) = mpsc::channel(64);
        let mut request = tonic::Request::new(ReceiverStream::new(frames));
        let token = registered.tokens.expect("a live login").access_token;
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("text"));
        let hello = v1::Hello { protocol_version: castle::PROTOCOL_VERSION, ..Default::default() };
        let first = v1::SignalRequest { frame: Some(Ask::Hello(hello)), ..Default::default() };
        outbox.send(first).await.expect("room");
        let inbox = client.signal(request).await.expect("a session").into_inner();
        let ((tell, told), packetizer) = (mpsc::channel(256), Packetizer::new(codecs[0]));
        let (call, offered) = (None, String::new());
        Self { outbox, inbox, tell, told, call, offered, codecs, packetizer, timestamp: 0 }
    }

    async fn say(&self, frame: Ask) {
        let frame = v1::SignalRequest { frame: Some(frame), ..Default::default() };
        self.outbox.send(frame).await.expect("the server listens");
    }

    /// Takes the call, and negotiates until the data channel is open.
    async fn until_connected(&mut self) {
        loop {
            tokio::select! {
                frame = self.inbox.message() => {
                    let frame = frame.expect("a session").expect("a session").frame.expect("a frame");
                    self.hear(frame).await;
                }
                Some((_, event)) = self.told.recv() => if self.pass_on(event).await { return },
            }
        }
    }

    async fn hear(&mut self, frame: Say) {
        let command = match frame {
            Say::CallUpdate(update) => {
                let call = update.call.expect("a call");
                if call.state() == v1::CallState::Ringing {
                    return self.say(Ask::AcceptCall(v1::AcceptCall { call_id: call.call_id })).await;
                }
                return;
            }
            // Said again to a device that had not answered when it accepted.
            Say::Offer(offer) if offer.sdp == self.offered => return,
            Say::Offer(offer) => {
                self.offered.clone_from(&offer.sdp);
                let config = PeerConfig {
                    call: offer.call_id.parse().expect("an id"),
                    offers: false,
                    ice_servers: vec![],
                    relay_only: false,
                    loopback: true,
                    pin: None,
                    codecs: self.codecs,
                };
                let peer = Peer::open(config, self.tell.clone(), Arc::new(|_, _| ()));
                assert!(peer.send(PeerCommand::Reach));
                self.call = Some((offer.call_id, peer));
                PeerCommand::RemoteOffer(offer.sdp)
            }
            Say::Answer(answer) => PeerCommand::RemoteAnswer(answer.sdp),
            Say::Candidate(candidate) => PeerCommand::RemoteCandidate(Candidate {
                candidate: candidate.candidate,
                mid: candidate.sdp_mid,
                index: candidate.sdp_m_line_index,
                ufrag: candidate.username_fragment,
            }),
            _ => return,
        };
        assert!(self.peer().send(command));
    }

    /// True once the channel is open.
    async fn pass_on(&mut self, event: PeerEvent) -> bool {
        let call_id = self.call.as_ref().expect("a call").0.clone();
        match event {
            PeerEvent::LocalOffer(sdp) => self.say(Ask::Offer(v1::Offer { call_id, sdp })).await,
            PeerEvent::LocalAnswer(sdp) => self.say(Ask::Answer(v1::Answer { call_id, sdp })).await,
            PeerEvent::LocalCandidate(candidate) => {
                let candidate = v1::Candidate {
                    call_id,
                    candidate: candidate.candidate,
                    sdp_mid: candidate.mid,
                    sdp_m_line_index: candidate.index,
                    username_fragment: candidate.ufrag,
                };
                self.say(Ask::Candidate(candidate)).await;
            }
            PeerEvent::Connected { .. } => {
                let connected = v1::MediaConnected { call_id, ..Default::default() };
                self.say(Ask::MediaConnected(connected)).await;
            }
            PeerEvent::ChannelOpen { .. } => return true,
            PeerEvent::Failed(fault) => panic!("no connection: {fault}"),
            _ => {}
        }
        false
    }

    /// Offers a track for a screen, and waits until it is taken.
    async fn share(&mut self) {
        assert!(self.peer().send(PeerCommand::ShareScreen(true)));
        loop {
            tokio::select! {
                frame = self.inbox.message() => {
                    let frame = frame.expect("a session").expect("a session").frame.expect("a frame");
                    self.hear(frame).await;
                }
                Some((_, event)) = self.told.recv() => match event {
                    PeerEvent::ScreenTaken(taken) => return assert!(taken),
                    event => drop(self.pass_on(event).await),
                },
            }
        }
    }

    /// A picture of the screen, whatever is in it.
    async fn show_screen(&mut self, frame: &[u8]) {
        let screen = self.peer().screen.clone();
        self.packetizer.packetize(frame, self.timestamp, |packet| screen.send(packet));
        self.timestamp = self.timestamp.wrapping_add(3000);
        tokio::time::sleep(PACE).await;
    }

    /// How often a key frame of the screen was asked for since the last time.
    fn wanted(&mut self) -> usize {
        let told = std::iter::from_fn(|| self.told.try_recv().ok());
        told.filter(|(_, event)| *event == PeerEvent::KeyFrameWanted(MediaKind::Screen)).count()
    }

    fn peer(&self) -> &Peer {
        &self.call.as_ref().expect("a call").1
    }

    /// A picture of this size as it should be.
    async fn show(&mut self, width: usize, height: usize) {
        let frame = picture(self.codecs[0], width, height);
        let video = self.peer().video.clone();
        self.packetizer.packetize(&frame, self.timestamp, |packet| video.send(packet));
        self.timestamp = self.timestamp.wrapping_add(3000);
        tokio::time::sleep(PACE).await;
    }
}

/// A key frame.
fn picture(codec: VideoCodec, width: usize, height: usize) -> Vec<u8> {
    let frame = FramePool::new().draw(width, height, FrameInfo::default(), |planes| {
        for (row, line) in planes.y.chunks_mut(planes.y_stride).enumerate() {
            line.fill((row * 4) as u8);
        }
        planes.u.fill(90);
        planes.v.fill(160);
    });
    let mut encoder =
        VideoEncoder::new(codec, (width, height), 1_000_000, Content::Motion).expect("an encoder");
    encoder.encode(&frame, 0, 3000, true).expect("encoded").expect("not dropped").data.to_vec()
}

/// Ada in a call with Mallory, who then does as told until Ada has seen enough.
fn meet(codecs: &'static [VideoCodec], mischief: impl AsyncFn(&mut Mallory), seen: impl FnOnce(&Guest)) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let ada = Guest::online(&server, "ada");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let mut mallory = runtime.block_on(Mallory::online(server.url(), server.invitation.clone(), codecs));
    ada.until("seeing mallory in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == "mallory"));
    ada.calls("mallory");
    runtime.block_on(async {
        mallory.until_connected().await;
        mischief(&mut mallory).await;
    });
    let before = ada.engine.record().figures.frames_shown;
    let good = runtime.spawn(async move {
        loop {
            mallory.show(320, 180).await;
        }
    });
    ada.until("seeing good pictures", |_| {
        let record = ada.engine.record();
        record.figures.frames_shown > before + 10
            && (record.receiver.width, record.receiver.height) == (320, 180)
    });
    ada.until_connected();
    seen(&ada);
    good.abort();
    ada.does(Command::HangUp);
}

const VP8: &[VideoCodec] = &[VideoCodec::Vp8];
const H264: &[VideoCodec] = &[VideoCodec::H264];

#[test]
fn pictures_of_any_size_are_shown_or_refused_in_words() {
    let sizes = [
        (1, 1),
        (2, 2),
        (17, 13),
        (1919, 1079),
        (16, 1920),
        (3840, 2160),
        (1080, 1920),
        (4112, 16),
        (641, 359),
    ];
    sizes_are_shown_or_refused(VP8, &sizes);
}

#[test]
fn pictures_of_any_size_in_h264_are_shown_or_refused_in_words() {
    sizes_are_shown_or_refused(
        H264,
        &[(16, 16), (1918, 1078), (16, 1920), (3840, 2160), (4112, 16), (1080, 1920), (640, 358)],
    );
}

fn sizes_are_shown_or_refused(codecs: &'static [VideoCodec], sizes: &[(usize, usize)]) {
    let mischief = async |mallory: &mut Mallory| {
        for _ in 0..3 {
            for (width, height) in sizes {
                mallory.show(*width, *height).await;
            }
        }
    };
    meet(codecs, mischief, |ada| {
        ada.until_told("larger than this app shows");
        assert_eq!(ada.engine.record().receiver.refused_size, Some((4112, 16)));
    });
}

#[test]
fn a_screen_that_is_larger_than_the_camera_is_shown_and_one_that_is_too_large_is_refused_in_words() {
    let mischief = async |mallory: &mut Mallory| {
        mallory.share().await;
        for _ in 0..10 {
            mallory.show_screen(&picture(VideoCodec::Vp8, 2560, 1440)).await;
        }
        mallory.wanted();
        // A key frame that says how large it is, and those that build on it: nobody looks further.
        let (key, mut wanted) = ([0x10, 0, 0, 0x9D, 0x01, 0x2A, 0, 0x1E, 0xE0, 0x10, 0, 0], 0);
        mallory.show_screen(&key).await;
        for _ in 0..100 {
            let asked = mallory.wanted();
            mallory.show_screen(if asked > 0 { &key } else { &[0x11, 0, 0, 0] }).await;
            wanted += asked;
        }
        assert!(wanted < 3, "asked for {wanted} key frames, each as large as the one before");
    };
    meet(VP8, mischief, |ada| {
        ada.until_told("a screen of 7680 × 4320");
        let record = ada.engine.record();
        assert_eq!((record.screen_receiver.width, record.screen_receiver.height), (2560, 1440));
        assert!(record.screen_figures.frames_shown > 0, "{:?}", record.screen_figures);
        assert_eq!(record.screen_receiver.refused_size, Some((7680, 4320)));
        ada.until("showing the face in its place", |snapshot| {
            snapshot.call.as_ref().is_some_and(|call| !call.peer_sharing)
        });
    });
}

#[test]
fn rubbish_in_place_of_media_is_never_shown_and_the_call_goes_on() {
    rubbish_is_never_shown(VP8);
}

#[test]
fn rubbish_in_place_of_h264_is_never_shown_and_the_call_goes_on() {
    rubbish_is_never_shown(H264);
}

fn rubbish_is_never_shown(codecs: &'static [VideoCodec]) {
    let mischief = async |mallory: &mut Mallory| {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let good = picture(codecs[0], 320, 180);
        for round in 0..400_u32 {
            let mut payloads = Vec::new();
            Packetizer::new(codecs[0]).packetize(&good, round * 3000, |packet| payloads.push(packet));
            for OutgoingPacket { timestamp, marker, payload } in payloads {
                let mut bytes = payload.to_vec();
                for _ in 0..=random.next_u64() % 4 {
                    let at = random.next_u64() as usize % bytes.len();
                    bytes[at] = random.next_u64() as u8;
                }
                bytes.truncate(1 + random.next_u64() as usize % 1200);
                let marker = marker ^ random.next_u64().is_multiple_of(4);
                mallory.peer().video.send(OutgoingPacket { timestamp, marker, payload: bytes.into() });
            }
            let noise: Vec<u8> = (0..random.next_u64() % 300).map(|_| random.next_u64() as u8).collect();
            let (timestamp, payload) = (random.next_u64() as u32, Bytes::from(noise));
            mallory.peer().audio.send(OutgoingPacket { timestamp, marker: false, payload: payload.clone() });
            // Full at times: then the next one counts.
            mallory.peer().send(PeerCommand::Send(payload));
            tokio::time::sleep(PACE / 4).await;
        }
        mallory.timestamp = 400 * 3000;
    };
    meet(codecs, mischief, |ada| {
        let record = ada.engine.record();
        assert!(record.receiver.corrupt_frames > 0 || record.receiver.losses > 0, "{:?}", record.receiver);
    });
}
