//! *Portaria*: an inbound mail filtering gateway.
//!
//! The modules stand layer by layer; a module uses only what stands above it (`tests/architecture.rs` holds the table). How a
//! message goes through them: `docs/walkthrough.md`.

// ── words: texts and files as people write them ──
pub mod language;

pub mod document;

// ── core: values and machines; no sockets, files, clock, async ──
pub mod message;
pub mod smtp;

pub mod alert;
pub mod certificate;
pub mod policy;
pub mod record;

// ── flow: core parts joined, still no I/O ──
pub mod inspect;
pub mod relay;

// ── adapters: one outside thing each; they never import one another ──
pub mod antivirus;
pub mod audit;
pub mod backup;
pub mod hold;
pub mod journal;
pub mod next_hop;
pub mod rule_history;
pub mod store;
pub mod webhook;

// ── front doors: the only code that waits ──
pub mod door;

// ── frame: files and flags into all of the above ──
pub mod config;

pub mod cli;
