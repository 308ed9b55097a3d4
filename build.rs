//! Tells the linker in which order functions lie in a release binary: see `.ci/order`.

#![expect(clippy::disallowed_methods, reason = "cargo and a build script talk that way")]

use std::{env, path::Path, process::Command};

const ORDER: &str = "link/functions.order";

fn main() {
    println!("cargo::rerun-if-changed={ORDER}");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if is_release && Path::new(ORDER).exists() && links_with_lld() {
        let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,--symbol-ordering-file={folder}/{ORDER}");
        // Names that the binary does not have are no mistake.
        println!("cargo::rustc-link-arg-bins=-Wl,--no-warn-symbol-ordering");
    }
}

/// Whether the linker is the one that comes with the compiler. Others do not have the option, and would fail.
fn links_with_lld() -> bool {
    let target = env::var("TARGET").unwrap_or_default();
    let is_chosen = env::var_os("RUSTC_LINKER").is_some()
        || env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("link"));
    let sysroot = Command::new(env::var("RUSTC").unwrap_or_default()).args(["--print", "sysroot"]).output();
    target == "x86_64-unknown-linux-gnu"
        && !is_chosen
        && sysroot.is_ok_and(|output| {
            let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            Path::new(&root).join("lib/rustlib").join(target).join("bin/gcc-ld/ld.lld").exists()
        })
}
