//! Finds the library, libshmbus-c: in `$SHMBUS_LIB_DIR`, or as pkg-config says.
use std::env;
use std::process::Command;

fn main() {
    for name in ["SHMBUS_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(folder) = env::var("SHMBUS_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
        println!("cargo:rustc-link-lib=dylib=shmbus-c");
        return;
    }
    let tool = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    match Command::new(&tool).args(["--libs", "shmbus-c"]).output() {
        Ok(out) if out.status.success() => link(&String::from_utf8_lossy(&out.stdout)),
        _ => println!("cargo:rustc-link-lib=dylib=shmbus-c"), // where the linker looks anyway
    }
}

fn link(flags: &str) {
    for flag in flags.split_whitespace() {
        if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(name) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib=dylib={name}");
        }
    }
}
