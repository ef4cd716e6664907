//! Stands for the content of a request, so that a request id used twice for two different things is noticed.

use aws_lc_rs::digest;
use prost::Message;
use uuid::Uuid;

/// The first 8 bytes of SHA-256 over the name of the message and its encoding. The encoding is that of our own code,
/// which writes fields in order of their numbers and leaves out what a caller's library may have added.
pub fn of(name: &str, message: &impl Message) -> i64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(name.as_bytes());
    context.update(&message.encode_to_vec());
    first_bytes(context)
}

/// The same content, asked for on behalf of somebody: two people who ask for the same under one request id ask for two
/// different things.
pub fn on_behalf_of(fingerprint: i64, somebody: Uuid) -> i64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&fingerprint.to_be_bytes());
    context.update(somebody.as_bytes());
    first_bytes(context)
}

fn first_bytes(context: digest::Context) -> i64 {
    let digest = context.finish();
    let mut first = [0; 8];
    for (to, from) in first.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    i64::from_be_bytes(first)
}
