//! Compiles `proto/castle/v1/*.proto` with protox, so that no protoc has to be installed, and writes the
//! descriptor set that reflection serves.

use protox::prost::Message as _;
use std::path::PathBuf;

const PROTOS: [&str; 7] = [
    "castle/v1/castle.proto",
    "castle/v1/signal.proto",
    "castle/v1/call.proto",
    "castle/v1/hall.proto",
    "castle/v1/ice.proto",
    "castle/v1/error.proto",
    "castle/v1/admin.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/castle");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    std::fs::write(out.join("castle_descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .server_mod_attribute(".", "#[allow(unreachable_pub)]")
        .client_mod_attribute(".", "#[allow(unreachable_pub)]")
        .compile_fds(descriptors)?;
    Ok(())
}
