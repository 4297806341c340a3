//! Flags into settings, settings into doors; everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    portaria::cli::main()
}
