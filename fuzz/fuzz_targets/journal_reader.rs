#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portaria_fuzz::journal_reader::journal_reader(data));
