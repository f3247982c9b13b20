//! One Signal stream: opened with Hello, read and written frame by frame. Knows nothing of what lies beyond it.

use super::account::Account;
use crate::error::{ClientError, ErrorKind};
use castle::limits::HELLO_TIMEOUT;
use castle::v1::{self, SignalRequest, SignalResponse, Welcome, signal_request, signal_response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Frames that may wait for the network: all that may be unacknowledged, twice. More: the network carries nothing.
const OUTGOING_MAX: usize = 2 * castle::limits::UNACKED_FRAMES_MAX;

/// A stream that is attached to a session.
pub(super) struct Transport {
    outgoing: mpsc::Sender<SignalRequest>,
    incoming: Streaming<SignalResponse>,
}

impl Transport {
    /// Opens a stream; the server's Welcome is its first frame.
    pub(super) async fn open(
        account: &mut Account,
        resume: Option<v1::Resume>,
        current_call: String,
        wish: v1::Availability,
    ) -> Result<(Self, Welcome), ClientError> {
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        let hello = v1::Hello {
            protocol_version: castle::PROTOCOL_VERSION,
            client_name: env!("CARGO_PKG_NAME").into(),
            client_version: env!("CARGO_PKG_VERSION").into(),
            resume,
            current_call,
            availability: wish.into(),
        };
        let mut call = tonic::Request::new(ReceiverStream::new(queue));
        call.metadata_mut().insert("authorization", account.bearer()?);
        let opened = async {
            let first =
                SignalRequest { frame: Some(signal_request::Frame::Hello(hello)), ..Default::default() };
            outgoing.try_send(first).expect("the queue is new and empty");
            let mut incoming = account.client.signal(call).await?.into_inner();
            let first = incoming.message().await?.ok_or(ErrorKind::Unreachable)?;
            match first.frame {
                Some(signal_response::Frame::Welcome(welcome)) => Ok((Self { outgoing, incoming }, welcome)),
                Some(signal_response::Frame::Error(error)) => Err(ClientError::from(error)),
                _ => Err(ErrorKind::Protocol.into()),
            }
        };
        tokio::time::timeout(HELLO_TIMEOUT, opened)
            .await
            .map_err(|_| ClientError::from(ErrorKind::Timeout))?
    }

    /// Hands a frame to the network.
    pub(super) fn send(&self, frame: SignalRequest) -> Result<(), ClientError> {
        self.outgoing.try_send(frame).map_err(|_| ErrorKind::Unreachable.into())
    }

    /// The next frame; an error when the stream has ended.
    pub(super) async fn receive(&mut self) -> Result<SignalResponse, ClientError> {
        self.incoming.message().await?.ok_or_else(|| ErrorKind::Unreachable.into())
    }

    /// Sends what is left and waits for the server to close.
    pub(super) async fn close(self) {
        let Self { outgoing, mut incoming } = self;
        drop(outgoing);
        while let Ok(Some(_)) = incoming.message().await {}
    }
}
