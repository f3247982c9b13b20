//! What is met less often in a call and after it. Cameras are off where nothing is to be seen of them: flat pictures take
//! little room.

use super::*;
use castle_desktop::view::CHAT_BYTES_MAX;

/// A call of voices.
fn voices(change: impl FnOnce(&mut CallView)) -> Snapshot {
    full(|call| {
        (call.camera_on, call.peer_camera_on) = (false, false);
        change(call);
    })
}

/// With the card of the safety words open.
fn compared(name: &'static str, safety: Safety) -> State {
    State { keys: vec![(egui::Modifiers::NONE, Key::S)], ..state(name, voices(|call| call.safety = safety)) }
}

pub(super) fn seldom() -> Vec<State> {
    let opened =
        |name, key, snapshot| State { keys: vec![(egui::Modifiers::NONE, key)], ..state(name, snapshot) };
    let Safety::Words { words, .. } = words() else { unreachable!("they are known") };
    let verified = Safety::Words { words, device: DeviceStanding::Verified };
    let long = "One more thing about the garden. ".repeat(CHAT_BYTES_MAX / 32);
    let matched = |mut snapshot: Snapshot| {
        snapshot.call.as_mut().expect("just over").matched = true;
        snapshot
    };
    let unseen = || full(|call| call.peer_camera_on = false);
    let four = say_with("ended-stars", &[("count", 4.into())]);
    vec![
        State { broken: true, ..state("broken", voices(|_| {})) },
        State { own: Some(Picture::Lost), ..state("call-own-lost", unseen()) },
        State { own: Some(Picture::Waiting), ..state("call-own-starts", unseen()) },
        opened("call-share-looking", Key::D, voices(|_| {})),
        opened("call-chat-empty", Key::C, voices(|call| call.chat = Arc::default())),
        State {
            deeds: vec![Deed::Write("chat-words", long)],
            ..opened("call-chat-long", Key::C, voices(|_| {}))
        },
        compared("call-safety-pending", Safety::Pending),
        compared("call-safety-unsupported", Safety::Unsupported),
        compared("call-safety-verified", verified),
        State { deeds: vec![Deed::Press(four)], ..state("ended-rated", ended(EndReason::PeerHungUp)) },
        state("ended-matched", matched(ended(EndReason::PeerHungUp))),
    ]
}
