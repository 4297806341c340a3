//! *Portaria*: an inbound mail filtering gateway.
//!
//! The modules stand in the order in which octets flow, layer by layer; a module uses only what stands above it
//! (`tests/architecture.rs` holds the table).

// ── frame of words: texts and files as people write them ──
pub mod document;
pub mod language;

// ── core: values and machines; no sockets, files, clock, async ──
pub mod message;
pub mod policy;
pub mod record;
pub mod smtp;

// ── flow: core parts joined, still no I/O ──
pub mod inspect;
pub mod relay;

// ── adapters: one outside thing each; they never import one another ──
pub mod antivirus;
pub mod hold;
pub mod journal;
pub mod next_hop;
pub mod store;

// ── front doors: the only code that waits ──
pub mod door;

// ── frame ──
pub mod cli;
pub mod config;
