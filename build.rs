//! How the linker lays the program out (docs/decisions/0064). Nothing is made here, and nothing of it changes what the program does.
//!
//! Only where it counts and where it was tried: the release on 64-bit x86 with Linux and glibc.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=packaging/together.ld");
    let is = |name: &str, wanted: &str| env::var(name).is_ok_and(|found| found == wanted);
    let place = [("ARCH", "x86_64"), ("OS", "linux"), ("ENV", "gnu")];
    if !is("PROFILE", "release") || !place.iter().all(|(name, wanted)| is(&format!("CARGO_CFG_TARGET_{name}"), wanted))
    {
        return;
    }
    let folder = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    // Functions that a gateway runs lie together; all others behind them.
    println!("cargo:rustc-link-arg-bin=portaria=-Wl,-T,{folder}/packaging/together.ld");
    // 45,000 places where an address goes at start: a bit each, and no more 24 octets that stay in memory. glibc 2.36 and later read them.
    println!("cargo:rustc-link-arg-bin=portaria=-Wl,-z,pack-relative-relocs");
}
