//! `shmbus.h` in Rust: its functions, structs and constants, as C has them. What they do, their
//! units, lifetimes, threads and errors stand in the headers; the crate `shmbus` is the safe
//! interface.
#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)]

#[rustfmt::skip] // it is as bindings.py makes it
mod bindings;
pub use bindings::*;

#[cfg(test)]
mod tests {
    use super::*;

    /// The list of what the library has released holds for these bindings too.
    #[test]
    fn structs_have_the_sizes_of_c() {
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/capi/abi.txt");
        let list = std::fs::read_to_string(list).unwrap_or_default();
        if list.is_empty() {
            return println!("SKIPPED: the list is not installed");
        }
        let mut compared = 0;
        for line in list.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["struct", name, "size", size] = words[..] {
                let found = SIZES.iter().find(|one| one.0 == name);
                assert_eq!(found.map(|one| one.1.to_string()), Some(size.to_string()), "{name}");
                compared += 1;
            }
        }
        assert_eq!(compared, SIZES.len());
    }

    #[test]
    fn the_library_is_that_of_the_headers() {
        assert_eq!(unsafe { shmbus_abi() }, SHMBUS_ABI);
    }
}
