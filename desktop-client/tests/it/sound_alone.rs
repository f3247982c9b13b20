//! Two guests whose programs have no pictures in common: they talk, and are told why they do not see each other.

use crate::support::{Guest, TestServer, config, without_devices};
use castle_desktop::engine::EngineConfig;
use castle_desktop::media::codec::VideoCodec;
use castle_desktop::view::{Command, Connection, EndReason};
use castle_server::config::MatchRoute;

const SECOND_OF_PACKETS: u64 = 50;

fn online(server: &TestServer, name: &str, codecs: &'static [VideoCodec]) -> Guest {
    let guest = Guest::of(name, EngineConfig { codecs: Some(codecs), ..without_devices() });
    guest.register(server);
    guest.until("online", |snapshot| matches!(snapshot.connection, Connection::Online { .. }));
    guest
}

#[test]
fn guests_without_a_codec_in_common_hear_each_other_and_read_why_they_see_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::start(config(folder.path(), MatchRoute::Relay));
    let ada = online(&server, "ada", &[VideoCodec::Vp8]);
    let bea = online(&server, "bea", &[VideoCodec::H264]);
    for (caller, called, name) in [(&ada, &bea, "bea"), (&bea, &ada, "ada")] {
        caller.until("seeing them in the hall", |snapshot| snapshot.hall.iter().any(|row| row.name == name));
        caller.calls(name);
        called.until_ringing();
        called.does(Command::Accept);
        for guest in [caller, called] {
            guest.until_connected();
            guest.until("told why", |snapshot| {
                snapshot.call.as_ref().is_some_and(|call| call.sound_alone)
                    && snapshot
                        .devices
                        .camera_fault
                        .as_deref()
                        .is_some_and(|fault| fault.contains("no picture"))
            });
            guest.until("hearing them", |_| {
                guest.engine.record().audio.jitter.packets_received > SECOND_OF_PACKETS
            });
            let record = guest.engine.record();
            assert_eq!((record.codec, record.sender.frames_sent, record.video_bytes_sent), (None, 0, 0));
        }
        caller.does(Command::HangUp);
        caller.until_ended(EndReason::HungUp);
        called.until_ended(EndReason::PeerHungUp);
        caller.does(Command::CloseCall);
        called.does(Command::CloseCall);
    }
}
