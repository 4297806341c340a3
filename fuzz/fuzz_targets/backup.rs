#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::backup::backup(data));
