#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::server_session::server_session(data));
