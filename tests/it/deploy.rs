//! What `deploy/` has for other programs, read or run by them as far as a machine without a container engine, a cluster or a
//! running systemd can.

mod monitoring;
mod rendered;
mod systemd;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file or folder below `deploy/`.
fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    let path = deploy(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
