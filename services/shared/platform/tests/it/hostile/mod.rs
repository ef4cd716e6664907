//! What strangers and broken callers may send: bytes, frames, floods, headers, messages, and nothing at all.
//!
//! Each test attacks a server in a process of its own while somebody else uses it. What must hold is in
//! `attacked::Attacked::stood`.

mod attacked;
mod calls;
mod floods;
mod frames;
mod served;
mod slow;
mod wire;
