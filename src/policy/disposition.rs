//! Verdicts into what becomes of the message, for each recipient: one total function.
