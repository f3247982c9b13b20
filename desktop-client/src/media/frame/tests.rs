//! Frames, the pool they come from, and the one-slot mailbox.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;

fn grey(pool: &mut FramePool, level: u8) -> VideoFrame {
    pool.draw(64, 36, FrameInfo::default(), |planes| planes.y.fill(level))
}

#[test]
fn a_dropped_frame_gives_its_buffer_back() {
    let mut pool = FramePool::new();
    let first = grey(&mut pool, 1);
    let address = first.y().data.as_ptr();
    let held = grey(&mut pool, 2);
    assert_ne!(held.y().data.as_ptr(), address);
    drop(first);
    assert_eq!(grey(&mut pool, 3).y().data.as_ptr(), address);
    assert_eq!(held.y().data[0], 2, "a held frame never changes");
}

#[test]
fn a_pool_under_hoarders_keeps_its_bound() {
    let mut pool = FramePool::new();
    let hoard: Vec<_> = (0..40).map(|level| grey(&mut pool, level)).collect();
    assert!(pool.buffers.len() <= MAX_POOLED);
    assert!(hoard.iter().enumerate().all(|(level, frame)| frame.y().data[0] == level as u8));
}

#[test]
fn odd_sizes_round_chroma_up() {
    let frame = FramePool::new().draw(33, 17, FrameInfo::default(), |planes| {
        planes.u.fill(1);
        planes.v.fill(2);
    });
    assert_eq!(frame.u().data.len(), frame.u().stride * 9);
    assert!(frame.u().data.iter().all(|sample| *sample == 1));
    assert!(frame.v().data.iter().all(|sample| *sample == 2));
}

#[test]
fn the_newest_frame_wins_and_the_loser_is_counted() {
    let (mut pool, slot) = (FramePool::new(), FrameSlot::new());
    slot.put(grey(&mut pool, 1));
    slot.put(grey(&mut pool, 2));
    assert_eq!(slot.take().expect("a frame").y().data[0], 2);
    assert_eq!(slot.overwritten(), 1);
    assert!(slot.take().is_none());
    assert_eq!(slot.picture(), Picture::Live);
}

#[test]
fn a_waiting_presenter_is_woken_by_a_frame_and_by_the_end() {
    let slot = FrameSlot::new();
    let presenter = std::thread::spawn({
        let slot = slot.clone();
        move || {
            let first = slot.wait(Duration::from_mins(1)).expect("woken by the frame").y().data[0];
            (first, slot.wait(Duration::from_mins(1)).is_none())
        }
    });
    slot.put(grey(&mut FramePool::new(), 9));
    slot.close();
    assert_eq!(presenter.join().expect("no panic"), (9, true));
}

#[test]
fn the_waker_hears_frames_and_the_loss_of_the_camera() {
    let (slot, heard) = (FrameSlot::new(), Arc::new(AtomicU32::new(0)));
    let counter = heard.clone();
    slot.on_new(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    slot.put(grey(&mut FramePool::new(), 1));
    slot.set_picture(Picture::Lost);
    assert_eq!(heard.load(Ordering::Relaxed), 2);
    assert!(slot.take().is_none(), "a stale frame does not outlive its camera");
}
