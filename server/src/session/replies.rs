//! The writing half of a stream, and how its frames become bytes: what is the same for many is encoded once and
//! copied. Never decides what is said.

use super::alive::Place;
use super::wire;
use crate::hub::{OutboxReader, Outgoing};
use bytes::BufMut as _;
use castle::v1;
use futures_util::Stream;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// What a stream gets at once for its frames: it is kept for the stream's life, and an idle one needs little.
const BUFFER_BYTES: usize = 1024;
/// Frames that are ready together are written together, up to this.
const WRITTEN_AT_ONCE: usize = 32 * 1024;
/// `SubscribeResponse.frame`.
const SUBSCRIBE_FRAME: u32 = 1;

/// What the transport sends to the client.
pub struct Replies {
    reader: OutboxReader,
    heartbeat: Duration,
    over: bool,
    _place: Place,
}

impl Replies {
    pub(super) fn new(reader: OutboxReader, heartbeat: Duration, place: Place) -> Self {
        Self { reader, heartbeat, over: false, _place: place }
    }
}

/// A frame on its way to its bytes.
pub struct Reply {
    outgoing: Outgoing,
    heartbeat: Duration,
}

impl Stream for Replies {
    type Item = Result<Reply, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        // The reason comes before what waits: that will be replayed.
        if !self.reader.end.is_terminated()
            && let Poll::Ready(Ok(why)) = Pin::new(&mut self.reader.end).poll(context)
        {
            self.over = true;
            return Poll::Ready(Some(Err(why.into())));
        }
        let next = ready!(self.reader.items.poll_recv(context));
        let heartbeat = self.heartbeat;
        Poll::Ready(next.map(|outgoing| Ok(Reply { outgoing, heartbeat })))
    }
}

impl Drop for Replies {
    fn drop(&mut self) {
        self.reader.done.cancel();
    }
}

/// How `Signal` is written and read.
#[derive(Debug, Clone, Default)]
pub struct SignalCodec;

/// How `Subscribe` is: each frame inside a message.
#[derive(Debug, Clone, Default)]
pub struct SubscribeCodec;

impl Codec for SignalCodec {
    type Encode = Reply;
    type Decode = v1::SignalRequest;
    type Encoder = ReplyEncoder;
    type Decoder = FrameDecoder<v1::SignalRequest>;

    fn encoder(&mut self) -> Self::Encoder {
        ReplyEncoder { wrapped: false }
    }

    fn decoder(&mut self) -> Self::Decoder {
        FrameDecoder(PhantomData)
    }
}

impl Codec for SubscribeCodec {
    type Encode = Reply;
    type Decode = v1::SubscribeRequest;
    type Encoder = ReplyEncoder;
    type Decoder = FrameDecoder<v1::SubscribeRequest>;

    fn encoder(&mut self) -> Self::Encoder {
        ReplyEncoder { wrapped: true }
    }

    fn decoder(&mut self) -> Self::Decoder {
        FrameDecoder(PhantomData)
    }
}

/// Writes frames.
#[derive(Debug)]
pub struct ReplyEncoder {
    wrapped: bool,
}

impl ReplyEncoder {
    fn wrap(&self, bytes: usize, buf: &mut EncodeBuf<'_>) {
        if self.wrapped {
            encode_key(SUBSCRIBE_FRAME, WireType::LengthDelimited, buf);
            encode_varint(bytes as u64, buf);
        }
    }
}

impl Encoder for ReplyEncoder {
    type Item = Reply;
    type Error = Status;

    fn encode(&mut self, reply: Reply, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        if let Some(bytes) = wire::shared(&reply.outgoing.item) {
            self.wrap(bytes.len(), buf);
            buf.put(bytes);
        } else {
            let response = wire::response(reply.outgoing, reply.heartbeat);
            self.wrap(response.encoded_len(), buf);
            response.encode_raw(buf);
        }
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, WRITTEN_AT_ONCE)
    }
}

/// Reads frames.
#[derive(Debug)]
pub struct FrameDecoder<T>(PhantomData<T>);

impl<T: Message + Default> Decoder for FrameDecoder<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        T::decode(buf).map(Some).map_err(|error| Status::internal(format!("failed to decode: {error}")))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, WRITTEN_AT_ONCE)
    }
}
