//! What is taken back once it holds no longer, and left out of what leaves this machine.

use super::*;

#[tokio::test]
async fn diagnostics_leave_out_relays_of_this_run_and_devices_that_were_unplugged() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "12:00 WARN Camera Ana's iPhone was disconnected.\nINFO a relay was not reached error=relay9 is silent\n";
    std::fs::write(folder.path().join("castle-desktop.log"), lines).unwrap();
    let logs = Some(folder.path().to_owned());
    let mut story = Turned::new(EngineConfig { mic: None, logs, ..made_media() });
    story.finds(&["Ana's iPhone"]);
    story.finds(&[]);
    let relay = IceServer { urls: vec!["turn:relay9:3478".into()], ..IceServer::default() };
    story.heeds(Wake::Session(Some(Event::Ice(vec![relay]))));
    story.heeds(Wake::Session(Some(Event::Ice(Vec::new()))));
    let file = folder.path().join("castle.json");
    story.is_asked(Command::SaveDiagnostics { file: file.clone(), with_names: false });
    story.engine.saved.1.recv().await.expect("it is told");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let cleaned =
        ["12:00 WARN Camera [name] was disconnected.", "INFO a relay was not reached error=[name] is silent"];
    assert_eq!(report["log"], serde_json::json!(cleaned));
}
