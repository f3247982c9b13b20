//! The camera code against a V4L2 device, which a preload library emulates.
//!
//! A preload library works from the start of a program only, so each story runs in a child: this program again, with
//! the library loaded and the name of the story as its argument. Without an argument it runs all of them, one by one,
//! and fails if one does.

#[cfg(target_os = "linux")]
mod shim;
#[cfg(target_os = "linux")]
mod stories;

#[cfg(target_os = "linux")]
fn main() {
    // Cargo's own filters and switches are not for us: a child is marked by the environment.
    match std::env::var("FAKE_CAMERA_STORY") {
        Ok(story) => stories::run(&story),
        Err(_) => stories::run_all(&shim::build()),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
