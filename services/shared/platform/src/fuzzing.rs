//! What the fuzz targets share: a request from its bytes, as a service reads it. Nothing that runs in a service comes
//! here.

use prost::{DecodeError, Message};

use crate::fields::Violations;

/// The bytes are no message of this type; or they are, and the request was accepted or refused.
pub type Reading = Result<Result<(), Violations>, DecodeError>;

/// Decodes a message as tonic does, and reads it as its handler does.
///
/// # Errors
/// The bytes are no message of this type.
pub fn reading<M: Message + Default, T>(
    bytes: &[u8],
    read: impl FnOnce(M) -> Result<T, Violations>,
) -> Reading {
    Ok(read(M::decode(bytes)?).map(drop))
}
