//! Two connections on the loopback interface, with nothing between them but the words they hand each other.

use super::*;
use crate::media::packet::OutgoingPacket;
use std::sync::Mutex;
use std::time::Instant;

/// No step of a connection on one machine takes longer, however busy.
const PATIENCE: Duration = Duration::from_secs(30);

type Received = Arc<Mutex<Vec<(MediaKind, IncomingPacket)>>>;

struct End {
    peer: Peer,
    received: Received,
}

struct Pair {
    ends: [End; 2],
    events: mpsc::Receiver<(CallId, PeerEvent)>,
    said: Vec<(usize, PeerEvent)>,
}

fn config(end: usize) -> PeerConfig {
    PeerConfig {
        call: CallId::from_bits(end as u128),
        offers: end == 0,
        ice_servers: vec![],
        relay_only: false,
        loopback: true,
        pin: None,
        codecs: VideoCodec::ALL,
    }
}

impl Pair {
    fn open(configs: [PeerConfig; 2]) -> Self {
        let (sender, events) = mpsc::channel(256);
        let ends = configs.map(|config| {
            let received = Received::default();
            let packets = received.clone();
            let handler: PacketHandler =
                Arc::new(move |kind, packet| packets.lock().unwrap().push((kind, packet)));
            let peer = Peer::open(config, sender.clone(), handler);
            assert!(peer.send(PeerCommand::Reach));
            End { peer, received }
        });
        Self { ends, events, said: Vec::new() }
    }

    /// Carries what the ends say to each other until `done` holds of all that was said.
    async fn until(&mut self, done: impl Fn(&[(usize, PeerEvent)]) -> bool) {
        tokio::time::timeout(PATIENCE, async {
            while !done(&self.said) {
                let (call, event) =
                    self.events.recv().await.unwrap_or_else(|| panic!("both are over: {:#?}", self.said));
                let from = call.to_bits() as usize;
                let to = &self.ends[1 - from].peer;
                let command = match event.clone() {
                    PeerEvent::LocalOffer(sdp) => Some(PeerCommand::RemoteOffer(sdp)),
                    PeerEvent::LocalAnswer(sdp) => Some(PeerCommand::RemoteAnswer(sdp)),
                    PeerEvent::LocalCandidate(candidate) => Some(PeerCommand::RemoteCandidate(candidate)),
                    _ => None,
                };
                assert!(command.is_none_or(|command| to.send(command)));
                self.said.push((from, event));
            }
        })
        .await
        .unwrap_or_else(|_| panic!("it never came; said so far: {:#?}", self.said));
    }
}

fn both(said: &[(usize, PeerEvent)], wanted: impl Fn(&PeerEvent) -> bool) -> bool {
    (0..2).all(|end| said.iter().any(|(from, event)| *from == end && wanted(event)))
}

fn packet(timestamp: u32) -> OutgoingPacket {
    OutgoingPacket { timestamp, marker: true, payload: Bytes::from(vec![7; 100]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ends_connect_and_carry_both_tracks_and_messages() {
    let started = Instant::now();
    let mut pair = Pair::open([config(0), config(1)]);
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::ChannelOpen { .. }))).await;
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::Connected { .. }))).await;
    println!("connected after {:?}", started.elapsed());
    for (_, event) in &pair.said {
        if let PeerEvent::Connected { route } = event {
            assert!(matches!(route, Some(PathRoute::Host | PathRoute::Prflx)), "{route:?}");
        }
    }
    for end in &pair.ends {
        for timestamp in 0..10 {
            end.peer.audio.send(packet(timestamp * 960));
            end.peer.video.send(packet(timestamp * 3000));
        }
        assert!(end.peer.send(PeerCommand::Send(Bytes::from_static(b"hello"))));
    }
    pair.until(|said| both(said, |event| *event == PeerEvent::Message(Bytes::from_static(b"hello")))).await;
    let received = pair.ends.each_ref().map(|end| end.received.clone());
    pair.until(|_| received.iter().all(|received| received.lock().unwrap().len() >= 20)).await;
    for received in received {
        let received = received.lock().unwrap();
        let times =
            |kind| received.iter().filter(|(k, _)| *k == kind).map(|(_, p)| p.timestamp).collect::<Vec<_>>();
        assert_eq!(times(MediaKind::Video), (0..10).map(|n| n * 3000).collect::<Vec<_>>());
        assert_eq!(times(MediaKind::Audio), (0..10).map(|n| n * 960).collect::<Vec<_>>());
    }
    pair.ends[1].peer.send(PeerCommand::RequestKeyFrame(MediaKind::Video));
    pair.until(|said| said.contains(&(0, PeerEvent::KeyFrameWanted(MediaKind::Video)))).await;
    for kind in [MediaKind::Audio, MediaKind::Video] {
        pair.until(|said| both(said, |event| matches!(event, PeerEvent::Clock(of, _) if *of == kind))).await;
    }
    let reported = |event: &PeerEvent| {
        let PeerEvent::Path(path) = event else { return false };
        (path.video_lost_there, path.audio_lost_there) == (Some(0.0), Some(0.0))
    };
    pair.until(|said| both(said, reported)).await;
    let told = |(_, event): &(usize, PeerEvent)| match event {
        PeerEvent::Clock(_, clock) => Some(clock.wall_us),
        _ => None,
    };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(2_208_988_800);
    for wall_us in pair.said.iter().filter_map(told) {
        let ago = now.abs_diff(Duration::from_micros(wall_us));
        assert!(ago < PATIENCE, "a report is of the time it was sent at: {ago:?} ago");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rubbish_description_is_a_fault_of_that_connection_and_no_panic() {
    let rubbish = [
        "",
        "rubbish",
        "v=0\r\n",
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 X 96\r\n",
        "\u{0}",
    ];
    for sdp in rubbish {
        let (sender, mut events) = mpsc::channel(64);
        let peer = Peer::open(config(1), sender, Arc::new(|_, _| {}));
        peer.send(PeerCommand::RemoteCandidate(Candidate {
            candidate: "candidate:rubbish".into(),
            mid: "9".into(),
            index: u32::MAX,
            ufrag: String::new(),
        }));
        peer.send(PeerCommand::RemoteOffer(sdp.into()));
        let (_, event) = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert_eq!(event, PeerEvent::Failed(PeerFault::BadDescription), "{sdp:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_only_end_without_a_relay_says_nothing_of_this_machine() {
    // The discard port: nothing answers there.
    let urls = vec!["turn:127.0.0.1:9".to_owned()];
    let dead = IceServer { urls, username: "1:x".into(), credential: "x".into() };
    let relay_only = |end| PeerConfig { relay_only: true, ice_servers: vec![dead.clone()], ..config(end) };
    let mut pair = Pair::open([relay_only(0), relay_only(1)]);
    pair.until(|said| said.iter().any(|(_, event)| matches!(event, PeerEvent::LocalAnswer(_)))).await;
    for (_, event) in &pair.said {
        match event {
            PeerEvent::LocalCandidate(candidate) => panic!("{candidate:?} left"),
            PeerEvent::LocalOffer(sdp) | PeerEvent::LocalAnswer(sdp) => {
                assert!(!sdp.contains("candidate:") && !sdp.contains("127.0.0.1"), "{sdp}");
            }
            _ => {}
        }
    }
}

fn count(said: &[(usize, PeerEvent)], wanted: impl Fn(&PeerEvent) -> bool) -> usize {
    said.iter().filter(|(_, event)| wanted(event)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_way_is_found_when_either_end_or_both_at_once_look_for_it() {
    let mut pair = Pair::open([config(0), config(1)]);
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::ChannelOpen { .. }))).await;
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::Connected { .. }))).await;
    let looking: [&[usize]; 3] = [&[0], &[1], &[0, 1]];
    for (turn, ends) in looking.into_iter().enumerate() {
        let answers = count(&pair.said, |event| matches!(event, PeerEvent::LocalAnswer(_)));
        let began = Instant::now();
        for end in ends {
            assert!(pair.ends[*end].peer.send(PeerCommand::Restart));
        }
        pair.until(|said| count(said, |event| matches!(event, PeerEvent::LocalAnswer(_))) > answers).await;
        let back = 2 * (turn + 1);
        pair.until(|said| count(said, |event| *event == PeerEvent::Reconnected) >= back).await;
        println!("{ends:?} found a new way after {:?}", began.elapsed());
        for end in &pair.ends {
            end.peer.video.send(packet(turn as u32));
        }
        let received = pair.ends.each_ref().map(|end| end.received.clone());
        pair.until(|_| {
            let came = |received: &Received| {
                received.lock().unwrap().iter().any(|(_, p)| p.timestamp == turn as u32)
            };
            received.iter().all(came)
        })
        .await;
    }
    assert_eq!(count(&pair.said, |event| matches!(event, PeerEvent::Failed(_))), 0);
}

impl Pair {
    async fn connected() -> Self {
        let mut pair = Self::open([config(0), config(1)]);
        pair.until(|said| both(said, |event| matches!(event, PeerEvent::ChannelOpen { .. }))).await;
        pair.until(|said| both(said, |event| matches!(event, PeerEvent::Connected { .. }))).await;
        pair
    }

    fn share(&self, end: usize, on: bool) {
        assert!(self.ends[end].peer.send(PeerCommand::ShareScreen(on)));
    }

    /// Carries words until one end has said `event` this often in all.
    async fn until_said(&mut self, end: usize, event: PeerEvent, times: usize) {
        self.until(|said| said.iter().filter(|said| **said == (end, event.clone())).count() >= times).await;
    }

    /// Sends pictures of `kinds` from `end`, until one of each came as what it is.
    async fn pictures_come(&mut self, end: usize, kinds: &[MediaKind], timestamp: u32) {
        let received = self.ends[1 - end].received.clone();
        let came = |kind: &MediaKind| {
            received.lock().unwrap().iter().any(|(k, p)| k == kind && p.timestamp == timestamp)
        };
        let deadline = Instant::now() + PATIENCE;
        // The first packets of a track may come before the other end has read of it, and are lost then.
        while !kinds.iter().all(came) {
            assert!(Instant::now() < deadline, "{:?}", self.said);
            for kind in kinds {
                let peer = &self.ends[end].peer;
                let track = if *kind == MediaKind::Screen { &peer.screen } else { &peer.video };
                track.send(packet(timestamp));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn both_pictures_come(&mut self, end: usize, timestamp: u32) {
        self.pictures_come(end, &[MediaKind::Video, MediaKind::Screen], timestamp).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_is_seen_before_the_camera_is_a_screen_all_the_same() {
    let mut pair = Pair::connected().await;
    pair.share(1, true);
    pair.until_said(1, PeerEvent::ScreenTaken(true), 1).await;
    pair.pictures_come(1, &[MediaKind::Screen], 1).await;
    pair.pictures_come(1, &[MediaKind::Video], 2).await;
    for kind in [MediaKind::Screen, MediaKind::Video] {
        pair.ends[0].peer.send(PeerCommand::RequestKeyFrame(kind));
        pair.until_said(1, PeerEvent::KeyFrameWanted(kind), 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_comes_and_goes_by_renegotiation_while_the_camera_goes_on() {
    let mut pair = Pair::connected().await;
    for end in [0, 1] {
        for time in 1..=2 {
            pair.share(end, true);
            pair.until_said(end, PeerEvent::ScreenTaken(true), time).await;
            pair.until_said(1 - end, PeerEvent::PeerScreen(true), time).await;
            pair.both_pictures_come(end, 1000 * time as u32).await;
            pair.ends[1 - end].peer.send(PeerCommand::RequestKeyFrame(MediaKind::Screen));
            pair.until_said(end, PeerEvent::KeyFrameWanted(MediaKind::Screen), time).await;
            pair.share(end, false);
            pair.until_said(1 - end, PeerEvent::PeerScreen(false), time).await;
        }
    }
    let restarted = |event: &PeerEvent| {
        matches!(event, PeerEvent::Reconnected | PeerEvent::Disconnected | PeerEvent::Failed(_))
    };
    assert_eq!(count(&pair.said, restarted), 0, "the way stays as it is: {:#?}", pair.said);
}

const VP8: &[VideoCodec] = &[VideoCodec::Vp8];
const H264: &[VideoCodec] = &[VideoCodec::H264];

/// A connection between ends that speak these.
async fn spoken(codecs: [&'static [VideoCodec]; 2]) -> Pair {
    let config = |end: usize| PeerConfig { codecs: codecs[end], ..config(end) };
    let mut pair = Pair::open([config(0), config(1)]);
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::ChannelOpen { .. }))).await;
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::Connected { .. }))).await;
    pair
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_have_vp8_where_both_have_it_and_else_h264() {
    for (codecs, codec) in [
        ([VideoCodec::ALL, VideoCodec::ALL], VideoCodec::Vp8),
        ([VP8, VideoCodec::ALL], VideoCodec::Vp8),
        ([H264, VideoCodec::ALL], VideoCodec::H264),
        ([VideoCodec::ALL, H264], VideoCodec::H264),
    ] {
        let mut pair = spoken(codecs).await;
        for end in [0, 1] {
            pair.until_said(end, PeerEvent::Codec(codec), 1).await;
            if codec == VideoCodec::H264 {
                pair.until_said(end, PeerEvent::Limits(Limits::of_level(0xe0, 31)), 1).await;
            }
            pair.pictures_come(end, &[MediaKind::Video], 7).await;
            // Only streams that the stack knows by their codec are watched and answered for.
            pair.ends[1 - end].peer.send(PeerCommand::RequestKeyFrame(MediaKind::Video));
            pair.until_said(end, PeerEvent::KeyFrameWanted(MediaKind::Video), 1).await;
        }
        pair.until(|said| both(said, |event| matches!(event, PeerEvent::Rate(_)))).await;
        pair.share(0, true);
        pair.until_said(0, PeerEvent::ScreenTaken(true), 1).await;
        pair.both_pictures_come(0, 9).await;
        pair.ends[1].peer.send(PeerCommand::Restart);
        pair.until(|said| both(said, |event| *event == PeerEvent::Reconnected)).await;
        pair.both_pictures_come(0, 11).await;
        let told = |event: &PeerEvent| matches!(event, PeerEvent::Codec(_));
        assert_eq!(count(&pair.said, told), 2, "once at each end, and it stays: {codecs:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_has_vp8_before_h264_and_the_same_feedback_for_both() {
    let (sender, mut events) = mpsc::channel(256);
    let _peer = Peer::open(config(0), sender, Arc::new(|_, _| {}));
    let sdp = loop {
        let (_, event) = tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        if let PeerEvent::LocalOffer(sdp) = event {
            break sdp;
        }
    };
    assert!(sdp.contains("m=video 9 UDP/TLS/RTP/SAVPF 96 125\r\n"), "{sdp}");
    assert!(
        sdp.contains("a=rtpmap:96 VP8/90000\r\n") && sdp.contains("a=rtpmap:125 H264/90000\r\n"),
        "{sdp}"
    );
    let parameters = "a=fmtp:125 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    assert!(sdp.contains(parameters), "{sdp}");
    let feedback = |format: &str| {
        let mut said: Vec<&str> = sdp.lines().filter_map(|line| line.strip_prefix(format)).collect();
        said.sort_unstable();
        said
    };
    let [vp8, h264] = [feedback("a=rtcp-fb:96 "), feedback("a=rtcp-fb:125 ")];
    assert_eq!(vp8, h264);
    assert!(sdp.contains("/abs-send-time\r\n"), "{sdp}");
    assert!(
        ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"].iter().all(|kind| h264.contains(kind)),
        "{h264:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_with_no_codec_in_common_talk_without_pictures() {
    let [offers, answers] = [H264, VP8];
    let configs = [PeerConfig { codecs: offers, ..config(0) }, PeerConfig { codecs: answers, ..config(1) }];
    let mut pair = Pair::open(configs);
    pair.until(|said| both(said, |event| matches!(event, PeerEvent::ChannelOpen { .. }))).await;
    assert!(both(&pair.said, |event| *event == PeerEvent::NoPictures));
    let refused =
        |event: &PeerEvent| matches!(event, PeerEvent::LocalAnswer(sdp) if sdp.contains("m=video 0 "));
    assert_eq!(count(&pair.said, refused), 1, "{:#?}", pair.said);
    for end in &pair.ends {
        for timestamp in 0..10 {
            end.peer.video.send(packet(timestamp * 3000));
            end.peer.audio.send(packet(timestamp * 960));
        }
        assert!(end.peer.send(PeerCommand::Send(Bytes::from_static(b"hello"))));
    }
    pair.until(|said| both(said, |event| *event == PeerEvent::Message(Bytes::from_static(b"hello")))).await;
    let received = pair.ends.each_ref().map(|end| end.received.clone());
    pair.until(|_| received.iter().all(|received| received.lock().unwrap().len() >= 10)).await;
    for received in received {
        assert!(received.lock().unwrap().iter().all(|(kind, _)| *kind == MediaKind::Audio));
    }
    for end in [0, 1] {
        pair.share(end, true);
        pair.until_said(end, PeerEvent::ScreenTaken(false), 1).await;
        assert!(pair.ends[end].peer.send(PeerCommand::Restart));
        for of in [0, 1] {
            pair.until_said(of, PeerEvent::Reconnected, end + 1).await;
        }
    }
    assert_eq!(count(&pair.said, |event| matches!(event, PeerEvent::Failed(_))), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ends_share_at_once_and_while_a_new_way_is_looked_for() {
    let mut pair = Pair::connected().await;
    for end in [0, 1] {
        pair.share(end, true);
    }
    for end in [0, 1] {
        pair.until_said(end, PeerEvent::ScreenTaken(true), 1).await;
        pair.until_said(end, PeerEvent::PeerScreen(true), 1).await;
    }
    for end in [0, 1] {
        pair.both_pictures_come(end, 7).await;
    }
    assert!(pair.ends[1].peer.send(PeerCommand::Restart));
    pair.share(0, false);
    pair.until_said(1, PeerEvent::PeerScreen(false), 1).await;
    pair.until(|said| both(said, |event| *event == PeerEvent::Reconnected)).await;
    pair.both_pictures_come(1, 8).await;
    assert_eq!(count(&pair.said, |event| matches!(event, PeerEvent::Failed(_))), 0);
}
