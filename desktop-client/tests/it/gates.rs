//! What leaves a guest before both ends of a matched call are up: nothing of sound or picture.

use crate::prepared::Wired;
use crate::support::{Guest, PATIENCE, TestServer, config};
use castle::ids::CallId;
use castle::v1::signal_request::Frame as Ask;
use castle::v1::signal_response::Frame as Say;
use castle::v1::{self, CallRole};
use castle_desktop::call::Candidate;
use castle_desktop::peer::{Peer, PeerCommand, PeerConfig, PeerEvent};
use castle_desktop::view::Command;
use castle_server::config::MatchRoute;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Messages of the data channel, which is open before the gates are: so long the other end had to send media in.
const MESSAGES: usize = 10;

/// The wire's end of a connection, and how many packets of media came to it.
struct End {
    peer: Peer,
    events: mpsc::Receiver<(CallId, PeerEvent)>,
    packets: Arc<AtomicU64>,
}

impl End {
    fn open(offers: bool) -> Self {
        let (sender, events) = mpsc::channel(256);
        let packets = Arc::<AtomicU64>::default();
        let counting = Arc::clone(&packets);
        let call = CallId::from_bits(0);
        let config = PeerConfig {
            call,
            offers,
            ice_servers: Vec::new(),
            relay_only: false,
            loopback: true,
            pin: None,
        };
        let peer = Peer::open(
            config,
            sender,
            Arc::new(move |_, _| {
                counting.fetch_add(1, Ordering::Relaxed);
            }),
        );
        assert!(peer.send(PeerCommand::Reach));
        Self { peer, events, packets }
    }

    fn came(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }
}

fn candidate(said: v1::Candidate) -> Candidate {
    let v1::Candidate { candidate, sdp_mid: mid, sdp_m_line_index: index, username_fragment: ufrag, .. } =
        said;
    Candidate { candidate, mid, index, ufrag }
}

/// Carries what both say to each other until `done`; how many messages of the data channel came.
async fn negotiate(eve: &mut Wired, end: &mut End, call: &v1::Call, done: impl Fn(&End, usize) -> bool) {
    let (mut messages, call_id) = (0, call.call_id.clone());
    while !done(end, messages) {
        tokio::select! {
            event = end.events.recv() => match event.expect("a connection").1 {
                PeerEvent::LocalOffer(sdp) => {
                    eve.say(Ask::Offer(v1::Offer { call_id: call_id.clone(), sdp })).await;
                }
                PeerEvent::LocalAnswer(sdp) => {
                    eve.say(Ask::Answer(v1::Answer { call_id: call_id.clone(), sdp })).await;
                }
                PeerEvent::LocalCandidate(local) => {
                    let Candidate { candidate, mid: sdp_mid, index: sdp_m_line_index, ufrag } = local;
                    eve.say(Ask::Candidate(v1::Candidate {
                        call_id: call_id.clone(),
                        candidate,
                        sdp_mid,
                        sdp_m_line_index,
                        username_fragment: ufrag,
                    }))
                    .await;
                }
                PeerEvent::Message(_) => messages += 1,
                PeerEvent::Failed(fault) => panic!("{fault}"),
                _ => {}
            },
            said = eve.hear() => {
                let command = match said {
                    Say::Offer(offer) => PeerCommand::RemoteOffer(offer.sdp),
                    Say::Answer(answer) => PeerCommand::RemoteAnswer(answer.sdp),
                    Say::Candidate(said) => PeerCommand::RemoteCandidate(candidate(said)),
                    _ => continue,
                };
                assert!(end.peer.send(command));
            }
        }
    }
}

#[test]
fn a_matched_guest_sends_no_media_until_the_other_end_says_that_it_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Direct));
    let bea = Guest::online(&server, "bea");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut eve = Wired::log_in(&server).await;
        bea.does(Command::Search);
        let call = eve.is_matched().await;
        let mut end = End::open(call.role() == CallRole::Offerer);
        negotiate(&mut eve, &mut end, &call, |_, messages| messages >= MESSAGES).await;
        assert!(bea.engine.record().path_up_at.is_some(), "for her the way is there");
        assert_eq!((end.came(), bea.engine.record().connected_at), (0, None));

        let up = v1::MediaConnected { call_id: call.call_id.clone(), route: v1::Route::Host.into() };
        eve.say(Ask::MediaConnected(up)).await;
        let media = negotiate(&mut eve, &mut end, &call, |end, _| end.came() >= MESSAGES as u64);
        tokio::time::timeout(PATIENCE, media).await.expect("now it comes");
    });
}
