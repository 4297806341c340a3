#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::mail_data::mail_data(data));
