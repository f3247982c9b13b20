//! Reaching STUN and TURN servers over UDP, TCP and TLS, and the doctor that says what stands in the way.
//!
//! Used by the server's `doctor` and by the desktop app, which carries its relayed media over it where UDP does not
//! get through. Depends on neither of them. In reading order: [`address`] reads URIs, [`dial`] opens connections to
//! them, trusting by [`trust`], [`framing`] cuts a stream into messages, [`stun`] reads and writes those, [`relayed`]
//! holds an allocation, [`doctor`] puts it all to the test.

pub mod address;
pub mod dial;
pub mod doctor;
pub mod framing;
pub mod relayed;
pub mod stun;
pub mod trust;
