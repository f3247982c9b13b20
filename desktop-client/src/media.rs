//! Sound and picture: from the camera and microphone to RTP payloads, and back to frames and speaker samples.
//!
//! Everything here runs on plain named threads that are joined when their owner is dropped. Queues are bounded
//! and drop old media rather than grow; nothing here waits for the network or for the UI. The engine carries the
//! packets ([`packet`]) and nothing here knows how: this module never names an async runtime, the WebRTC stack,
//! gRPC or the UI toolkit.
//!
//! Reading order: [`clock`], [`frame`], [`camera`], [`screen`], [`video_sender`], [`video_receiver`], [`measure`].

pub mod assembler;
pub mod audio;
pub mod camera;
pub mod clock;
pub mod codec;
mod convert;
pub(crate) mod device_names;
pub mod echo;
pub mod frame;
pub mod h264;
pub mod h264_rtp;
pub mod jitter;
pub mod key_frame_floor;
pub mod ladder;
pub mod limits;
pub mod lip_sync;
#[cfg(test)]
mod made_frames;
pub mod measure;
pub mod mic;
pub mod opus;
pub mod packet;
pub mod presenter;
pub mod priority;
pub mod processing;
pub mod rate;
pub mod resample;
pub mod ring;
pub mod scale;
pub mod screen;
pub mod sound_device;
pub mod speaker;
pub mod stamp;
pub mod stretch;
#[cfg(test)]
mod talk;
pub mod tones;
pub mod video_playout;
pub mod video_receiver;
pub mod video_sender;
pub mod vp8;
pub mod vp8_rtp;
