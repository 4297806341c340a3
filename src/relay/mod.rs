//! One client connection from start to end, without I/O. **Start reading here.**
//!
//! The contract: feed **one** [`Input`](event::Input), drain **all** [`Output`](event::Output)s, then wait, as the last output
//! (`Wait`) says. Nothing happens between inputs; time passes only by being told.

pub mod event;
