#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::client_introduction::client_introduction(data));
