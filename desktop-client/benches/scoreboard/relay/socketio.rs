//! A reference from elsewhere: Node with Socket.IO (`socketio.js`), and the least that a client of it must do.
//! The client speaks Engine.IO 4 over a WebSocket: `0` opens, `2` is answered by `3`, `40` connects, `42` is an event.

use super::Process;
use super::pair::{Arrivals, WINDOW};
use castle::v1;
use castle::v1::signal_request::Frame as Ask;
use futures_util::{SinkExt as _, StreamExt as _};
use std::process::Command;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Fault = Box<dyn std::error::Error>;
type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Socket.IO is fetched by `scripts/tools.sh socketio`.
pub(super) fn command() -> Command {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/scoreboard/relay/socketio.js");
    let modules = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/socketio/node_modules");
    let mut command = Command::new("node");
    command.arg(here).env("NODE_PATH", modules);
    command
}

/// A connected client: where its frames go in. What comes is noted in `arrivals`.
pub(super) async fn attach(
    server: &Process,
    own: &str,
    other: &str,
    arrivals: Option<Arrivals>,
) -> Result<mpsc::Sender<v1::SignalRequest>, Fault> {
    let address = server.url.trim_start_matches("http://");
    let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket&own={own}&other={other}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await?;
    socket.send(Message::text("40")).await?;
    loop {
        let message = socket.next().await.ok_or("the socket ended")??;
        if message.to_text()?.starts_with("40") {
            break;
        }
    }
    let (outbox, frames) = mpsc::channel(WINDOW);
    tokio::spawn(copy(socket, frames, arrivals));
    Ok(outbox)
}

async fn copy(mut socket: Socket, mut frames: mpsc::Receiver<v1::SignalRequest>, arrivals: Option<Arrivals>) {
    let mut open = true;
    loop {
        let reply = tokio::select! {
            frame = frames.recv(), if open => {
                open = frame.is_some();
                frame.and_then(event)
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if text.starts_with("42") => {
                    if let Some(arrivals) = &arrivals {
                        arrivals.note();
                    }
                    None
                }
                Some(Ok(Message::Text(text))) if text == "2" => Some("3".to_owned()),
                Some(Ok(_)) => None,
                None | Some(Err(_)) => return,
            },
        };
        if let Some(reply) = reply
            && socket.send(Message::text(reply)).await.is_err()
        {
            return;
        }
    }
}

fn event(frame: v1::SignalRequest) -> Option<String> {
    let Some(Ask::Candidate(candidate)) = frame.frame else { return None };
    let fields = serde_json::json!(["candidate", {
        "candidate": candidate.candidate,
        "sdpMid": candidate.sdp_mid,
        "usernameFragment": candidate.username_fragment,
    }]);
    Some(format!("42{fields}"))
}
