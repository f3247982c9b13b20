//! Builds the fake camera: a preload library under which `/dev/video42` is a working V4L2 device.
//!
//! Its settings are environment variables, listed at the top of `fake_v4l2.c`. Any program of ours runs with it:
//! `Command::new(program).env("LD_PRELOAD", shim::build())`, and then `device:42` is a camera.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the library with the system's C compiler and answers where it is.
pub(crate) fn build() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_camera/fake_v4l2.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join("libfake_v4l2.so");
    // Built aside and renamed, so that tests which run at the same time never load half a library.
    let aside = folder.join(format!("libfake_v4l2.{}.so", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"]).arg(&aside).arg(source).arg("-ldl");
    let status = compiler.status().expect("a C compiler is installed");
    assert!(status.success(), "the fake camera does not compile");
    std::fs::rename(&aside, &library).expect("the target folder is writable");
    library
}
