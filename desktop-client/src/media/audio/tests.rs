//! Sound through both pipelines: what is said arrives, through loss and silence.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::media::mic::read_wav;
use crate::media::packet::OutgoingPacket;

const PATIENCE: Duration = Duration::from_secs(30);

struct End {
    engine: AudioEngine,
    packets: mpsc::Receiver<OutgoingPacket>,
    clock: MediaClock,
}

fn end(mic: &str, speaker: &str) -> End {
    let clock = MediaClock::starting_at(Instant::now());
    let (sink, packets) = mpsc::channel();
    // The last packets may come when the test listens no more.
    let sink = Box::new(move |packet| drop(sink.send(packet)));
    let (mic, speaker) = (mic.parse().expect("a microphone"), speaker.parse().expect("a speaker"));
    End { engine: AudioEngine::start(mic, speaker, clock, sink).expect("started"), packets, clock }
}

/// Carries `count` packets from one end to the other, without the packets whose number `lost` names.
fn carry(from: &End, to: &End, count: u32, lost: impl Fn(u32) -> bool) {
    for number in 0..count {
        let packet = from.packets.recv_timeout(PATIENCE).expect("a packet");
        if let Some(anchor) = from.engine.capture_anchor() {
            to.engine.set_remote_anchor(anchor);
        }
        if !lost(number) {
            let OutgoingPacket { timestamp, marker, payload } = packet;
            let sequence = number as u16;
            to.engine.push(IncomingPacket { sequence, timestamp, marker, payload, arrived: Instant::now() });
        }
    }
}

fn eventually(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "it never came about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The best normalised correlation of `heard` with `said`, over where in `heard` it may begin.
fn correlation(said: &[f32], heard: &[f32]) -> f64 {
    let score = |shift: usize| {
        let pairs = said.iter().zip(&heard[shift..]).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let (mut product, mut power_a, mut power_b) = (0.0, 0.0, 0.0);
        for (a, b) in pairs {
            product += a * b;
            power_a += a * a;
            power_b += b * b;
        }
        product / (power_a * power_b).sqrt().max(1e-9)
    };
    (0..heard.len().saturating_sub(said.len())).map(score).fold(0.0, f64::max)
}

#[test]
fn a_recording_played_into_one_end_is_heard_at_the_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (said, heard) = (folder.path().join("said.wav"), folder.path().join("heard.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    // A chirp: unlike a steady tone it correlates with itself at one shift only.
    let mut writer = hound::WavWriter::create(&said, spec).expect("created");
    for at in 0..48_000 {
        let t = f64::from(at) / 48_000.0;
        let sample = (t * (200.0 + 400.0 * t) * std::f64::consts::TAU).sin() * 9000.0;
        writer.write_sample(sample as i16).expect("written");
    }
    writer.finalize().expect("written");
    let from = end(&format!("file:{}", said.display()), "off");
    let to = end("silence", &format!("file:{}", heard.display()));
    from.engine.set_sending(true);
    carry(&from, &to, 75, |_| false);
    eventually(|| to.engine.stats().jitter.packets_received == 75);
    let stats = to.engine.stats();
    assert!(stats.level_db.is_some_and(|db| (-25.0..-5.0).contains(&db)), "{stats:?}");
    assert!(to.engine.levels().speaker_db > -30.0);
    drop(to);
    let (said, heard) = (read_wav(&said).expect("said"), read_wav(&heard).expect("heard"));
    let similar = correlation(&said[12_000..16_800], &heard);
    assert!(similar > 0.8, "correlation {similar:.2}");
}

#[test]
fn mouth_to_ear_is_known_once_the_anchor_is() {
    let (from, to) = (end("tone", "off"), end("silence", "off"));
    from.engine.set_sending(true);
    carry(&from, &to, 50, |_| false);
    eventually(|| to.engine.last_played().is_some());
    let played = to.engine.last_played().expect("played");
    // Two clocks of one machine: their origins give the offset exactly.
    let captured = from.clock.instant_at(played.capture_us);
    let heard = to.clock.instant_at(played.heard_us);
    let mouth_to_ear = heard.saturating_duration_since(captured);
    eprintln!("mouth to ear {mouth_to_ear:?}, {:?}", to.engine.stats().jitter);
    assert!(
        (Duration::from_millis(20)..Duration::from_millis(250)).contains(&mouth_to_ear),
        "{mouth_to_ear:?}"
    );
}

#[test]
fn lost_packets_are_counted_and_bridged() {
    let (from, to) = (end("tone", "off"), end("silence", "off"));
    from.engine.set_sending(true);
    carry(&from, &to, 100, |number| number % 10 == 5);
    eventually(|| to.engine.stats().jitter.packets_lost >= 9);
    let stats = to.engine.stats();
    assert!(stats.level_db.is_some_and(|db| db > -20.0), "the tone does not break off: {stats:?}");
    assert_eq!(stats.corrupt_packets, 0);
}

#[test]
fn nothing_leaves_while_it_rings_and_mute_sends_silence() {
    let end = end("tone", "off");
    eventually(|| end.engine.levels().mic_db > -30.0);
    assert!(end.packets.try_recv().is_err());
    end.engine.set_muted(true);
    end.engine.set_sending(true);
    let mut decoder = SoundDecoder::new().expect("a decoder");
    for _ in 0..3 {
        let packet = end.packets.recv_timeout(PATIENCE).expect("a packet of silence");
        let loudest =
            decoder.decode(&packet.payload).expect("decoded").iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        assert!(loudest < 0.001, "{loudest}");
    }
    assert!(end.engine.levels().mic_db > -30.0, "the own meter still shows that the microphone works");
}

#[test]
fn missing_devices_are_a_state_and_the_call_goes_on() {
    let (from, to) = (end("tone", "off"), end("device:977", "device:977"));
    from.engine.set_sending(true);
    eventually(|| {
        let stats = to.engine.stats();
        stats.mic_fault.is_some() && stats.speaker_fault.is_some()
    });
    carry(&from, &to, 25, |_| false);
    eventually(|| to.engine.stats().level_db.is_some());
}

#[test]
fn the_devices_of_this_machine_or_their_absence_never_stop_a_call() {
    let (from, to) = (end("tone", "off"), end("default", "default"));
    from.engine.set_sending(true);
    to.engine.set_sending(true);
    carry(&from, &to, 25, |_| false);
    eventually(|| to.engine.stats().level_db.is_some());
    eventually(|| to.engine.stats().mic_fault.is_some() || to.engine.capture_anchor().is_some());
    eprintln!("{:?}", to.engine.stats());
}

#[test]
fn a_wrong_file_is_an_error_at_once() {
    let clock = MediaClock::starting_at(Instant::now());
    let start =
        |mic: MicSpec, speaker: SpeakerSpec| AudioEngine::start(mic, speaker, clock, Box::new(|_| {}));
    assert!(matches!(
        start(MicSpec::File("/nowhere.wav".into()), SpeakerSpec::Off),
        Err(AudioError::File(_))
    ));
    let unwritable = SpeakerSpec::File("/nowhere/heard.wav".into());
    assert!(matches!(start(MicSpec::Silence, unwritable), Err(AudioError::File(_))));
}

#[test]
fn rubbish_is_counted_and_does_no_harm() {
    let (from, to) = (end("tone", "off"), end("silence", "off"));
    let rubbish = |number: u16| IncomingPacket {
        sequence: number,
        timestamp: u32::from(number) * 960,
        marker: false,
        payload: bytes::Bytes::from_static(&[0xFF; 40]),
        arrived: Instant::now(),
    };
    (0..10).for_each(|number| to.engine.push(rubbish(number)));
    eventually(|| to.engine.stats().corrupt_packets > 0);
    from.engine.set_sending(true);
    carry(&from, &to, 40, |_| false);
    eventually(|| to.engine.stats().level_db.is_some_and(|db| db > -40.0));
}

#[test]
fn anchors_give_capture_times_over_the_wrap() {
    let anchor = CaptureAnchor { timestamp: u32::MAX - 47, capture_us: 5_000_000 };
    assert_eq!(anchor.capture_us(u32::MAX - 47 - 48_000), Some(4_000_000));
    assert_eq!(anchor.capture_us(432), Some(5_010_000));
}
