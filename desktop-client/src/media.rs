//! Sound and picture: from the camera and microphone to RTP payloads, and back to frames and speaker samples.

pub mod frame;
