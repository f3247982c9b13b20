//! Ids as newtypes: a value that exists is well-formed, and one kind never passes for another.
//! Written `prefix_` and 32 lower-case hex digits.

use std::fmt;
use std::str::FromStr;

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected `{prefix}` and 32 hex digits")]
pub struct ParseIdError {
    /// What was expected, such as `guest`.
    pub kind: &'static str,
    /// How such an id begins.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// From 128 random bits of the caller's.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The bits behind the id.
            pub const fn to_bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{:032x}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix($prefix)
                    .filter(|digits| digits.len() == 32)
                    .filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|digits| u128::from_str_radix(digits, 16).ok())
                    .map(Self)
                    .ok_or(ParseIdError { kind: $kind, prefix: $prefix })
            }
        }
    };
}

id!(
    /// An account.
    GuestId,
    "guest",
    "gst_"
);
id!(
    /// One login of a guest on one device; `sid` of the access token.
    LoginId,
    "login",
    "lgn_"
);
id!(
    /// One Signal session: outlives its streams by the resume window.
    SessionId,
    "session",
    "ses_"
);
id!(
    /// One call between two guests.
    CallId,
    "call",
    "cal_"
);
id!(
    /// An invitation, as lists name it. Not its code.
    InvitationId,
    "invitation",
    "inv_"
);
id!(
    /// What a guest told the host about a guest.
    ReportId,
    "report",
    "rep_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        let id = CallId::from_bits(0x0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "cal_00000000000000000123456789abcdef");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn another_kind_of_id_is_refused() {
        let guest = GuestId::from_bits(7).to_string();
        assert_eq!(guest.parse::<CallId>(), Err(ParseIdError { kind: "call", prefix: "cal_" }));
        for bad in
            ["", "cal_", "cal_+0000000000000000123456789abcdef", "cal_0000000000000000012345678_abcdef"]
        {
            assert!(bad.parse::<CallId>().is_err(), "{bad:?}");
        }
    }
}
