//! What the fields of the identity RPCs may hold; all faults of one request together, so that a form can mark
//! them at once.

use crate::error::{Error, FieldFault};
use castle::limits::{LABEL_CHARS_MAX, REQUEST_ID_BYTES_MAX};

/// Longest invitation or reset code that is looked at, bytes. Ours have 19.
const CODE_BYTES_MAX: usize = 64;
/// Longest token that is looked at, bytes. Ours have at most 86.
const TOKEN_BYTES_MAX: usize = 256;

/// The fields at fault of one request.
#[derive(Default)]
pub struct Faults(Vec<FieldFault>);

impl Faults {
    /// Notes a fault.
    pub fn add(&mut self, field: &str, description: &str) {
        self.0.push(FieldFault { field: field.to_owned(), description: description.to_owned() });
    }

    /// What the field holds, where it may.
    pub fn check<T>(&mut self, field: &str, checked: Result<T, &'static str>) -> Option<T> {
        checked.map_err(|description| self.add(field, description)).ok()
    }

    /// Errors: `InvalidField` with all that was noted.
    pub fn none(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::InvalidField(self.0)) }
    }
}

/// A label for lists: one line. It may be empty.
pub(super) fn label(text: &str) -> Result<(), &'static str> {
    if text.chars().count() > LABEL_CHARS_MAX {
        return Err("must have at most 64 characters");
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(())
}

/// A request id, or none.
pub(super) fn request_id(text: &str) -> Result<(), &'static str> {
    if text.len() > REQUEST_ID_BYTES_MAX { Err("must have at most 64 bytes") } else { Ok(()) }
}

/// A code that a host gave.
pub(super) fn code(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > CODE_BYTES_MAX { Err("must have 1 to 64 bytes") } else { Ok(()) }
}

/// A code that a host gave, or none.
pub(super) fn code_or_none(text: &str) -> Result<(), &'static str> {
    if text.len() > CODE_BYTES_MAX { Err("must have at most 64 bytes") } else { Ok(()) }
}

/// A token of this server, or none.
pub(super) fn token(text: &str) -> Result<(), &'static str> {
    if text.len() > TOKEN_BYTES_MAX { Err("must have at most 256 bytes") } else { Ok(()) }
}
