//! Clearing files: taken part by part (`files`), posted record by record once they are whole (`post`), and what a person
//! decides about a record that cannot be posted (`resolve`).

mod files;
mod post;
mod resolve;

pub use files::{CloseFile, SubmitPart};
pub use post::{Post, PostError, post_some};
pub use resolve::{ResolveException, What};
