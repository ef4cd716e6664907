//! Cargo does not see a new migration by itself: `sqlx::migrate!` reads the folder when it is expanded.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
