//! Every target: that it can be fed, that what broke it once does not any more, and a short hunt for what does.

mod found;
mod hunted;
mod whole;
