//! Where the frames of a stream come from: the stream itself, or `Send` beside it. Never decides what they do.

use crate::error::Error;
use castle::v1;
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt as _};
use prost::Message as _;
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;
use v1::signal_request::Frame;

/// Frames of one `Send`: the candidates of a host with many interfaces.
pub const SEND_FRAMES_MAX: usize = 32;
/// Frames that are handed over at once where so many have come.
const AT_ONCE: usize = 32;

/// Frames of one `Send`, and who wants to know how far they came.
pub struct Sent {
    /// In order.
    pub frames: Vec<v1::SignalRequest>,
    /// The highest number performed, or why not all were.
    pub reply: oneshot::Sender<Result<u64, Error>>,
}

/// Refuses a `Send` whose frames can not be performed beside a stream, before any is.
pub fn check_sent(frames: &[v1::SignalRequest], frame_bytes_max: usize) -> Result<(), Error> {
    if frames.len() > SEND_FRAMES_MAX {
        return Err(Error::field("frames", format!("are more than {SEND_FRAMES_MAX}")));
    }
    for (at, frame) in frames.iter().enumerate() {
        if frame.encoded_len() > frame_bytes_max {
            return Err(Error::FrameTooLarge { what: "frame", limit: frame_bytes_max });
        }
        match frame.frame {
            Some(Frame::Hello(_)) => {
                return Err(Error::MalformedFrame { detail: "hello opens a Subscribe, and is never sent" });
            }
            None | Some(Frame::Ping(_) | Frame::Pong(_) | Frame::Bye(_)) => {}
            Some(_) if frame.seq == 0 => {
                return Err(Error::field(format!("frames[{at}].seq"), "is missing"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Why a frame beside a stream cannot be performed yet, where `received` is the highest number that the stream has
/// taken: frames in front of it are missing, and another `Send` may bring them.
pub(crate) fn overtakes(received: u64, seq: u64) -> Option<Error> {
    (seq > received + 1).then_some(Error::Sequence { expected: received + 1, got: seq })
}

/// Frames as they come in.
pub(super) enum Incoming<S> {
    /// On the stream, until the client has finished sending, which is not leaving; and how it broke, once it has.
    Stream(Fuse<Pin<Box<S>>>, Option<Status>),
    /// The stream is half-closed.
    HalfClosed,
    /// Beside it.
    Sends(mpsc::Receiver<Sent>),
}

/// What came.
pub(super) enum Arrived {
    /// Frames, at least one.
    Frames(Vec<v1::SignalRequest>),
    /// Frames beside the stream.
    Sent(Sent),
    /// The stream broke.
    Broken(Status),
}

impl<S: Stream<Item = Result<v1::SignalRequest, Status>>> Incoming<S> {
    pub(super) fn of(stream: S) -> Self {
        Self::Stream(Box::pin(stream).fuse(), None)
    }

    /// The hello that a stream begins with, if it does; or how it broke.
    pub(super) async fn first(&mut self) -> Result<Option<v1::Hello>, Status> {
        let Self::Stream(stream, _) = self else { return Ok(None) };
        Ok(match stream.next().await.transpose()?.and_then(|first| first.frame) {
            Some(Frame::Hello(hello)) => Some(hello),
            _ => None,
        })
    }

    /// What comes next; waits for ever where nothing more can. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Arrived {
        match self {
            Self::Stream(stream, broken) => {
                if let Some(status) = broken.take() {
                    return Arrived::Broken(status);
                }
                match stream.next().await {
                    Some(Ok(frame)) => Arrived::Frames(all_there(stream, frame, broken).await),
                    Some(Err(status)) => Arrived::Broken(status),
                    None => {
                        *self = Self::HalfClosed;
                        std::future::pending().await
                    }
                }
            }
            Self::HalfClosed => std::future::pending().await,
            Self::Sends(sends) => match sends.recv().await {
                Some(sent) => Arrived::Sent(sent),
                // The hub has let go of the stream, which it says in another way.
                None => std::future::pending().await,
            },
        }
    }
}

/// `first` and the frames that have come with it: one wake of the hub for all.
async fn all_there<S>(
    stream: &mut Fuse<Pin<Box<S>>>,
    first: v1::SignalRequest,
    broken: &mut Option<Status>,
) -> Vec<v1::SignalRequest>
where
    S: Stream<Item = Result<v1::SignalRequest, Status>>,
{
    let mut frames = vec![first];
    std::future::poll_fn(|context| {
        while frames.len() < AT_ONCE {
            match stream.poll_next_unpin(context) {
                Poll::Ready(Some(Ok(frame))) => frames.push(frame),
                Poll::Ready(Some(Err(status))) => {
                    *broken = Some(status);
                    break;
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    frames
}
