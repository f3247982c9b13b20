//! The contract between `castle-server` and everything that talks to it.
//!
//! Owns the generated types of `proto/castle/v1`, the ids, the limits both ends keep to, by what guests are found in the hall,
//! and the resumable link that both ends of a session run. Never does IO and never reads a clock.

pub mod ids;
pub mod limits;
pub mod link;
pub mod search;

/// `castle.v1`, generated. Documented in the `.proto` files.
#[allow(clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("castle.v1");
}

/// The encoded `FileDescriptorSet` of `castle.v1`, comments included, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("castle_descriptor");

/// `google.rpc.ErrorInfo.domain` of every error of ours.
pub const ERROR_DOMAIN: &str = "castle";

/// The protocol version that `Hello` names.
pub const PROTOCOL_VERSION: u32 = 1;

impl v1::ErrorReason {
    /// The name as `google.rpc.ErrorInfo.reason` carries it: without the enum's prefix.
    pub fn info_reason(self) -> &'static str {
        self.as_str_name().trim_start_matches("ERROR_REASON_")
    }

    /// The reason of an `ErrorInfo`, if it is one of ours.
    pub fn from_info_reason(reason: &str) -> Option<Self> {
        Self::from_str_name(&format!("ERROR_REASON_{reason}"))
    }
}
