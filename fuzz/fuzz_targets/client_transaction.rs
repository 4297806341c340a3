#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::client_transaction::client_transaction(data));
