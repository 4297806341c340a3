//! What the cases stand on: real programs in folders and on ports of their own, and the two ends of SMTP written anew.
//!
//! Nothing here uses the gateway's code, so that a mistake in it cannot hide itself. Whatever is started here is ended here: by its
//! process id, when the value that stands for it goes out of scope, and then a failing test prints what that program last said.

pub mod bucket;
pub mod clamd;
pub mod client;
pub mod command;
pub mod daemon;
pub mod eicar;
pub mod gateway;
pub mod generator;
pub mod hook;
pub mod http;
pub mod load;
pub mod mailbox_server;
pub mod odd_clamd;
pub mod port;
pub mod postfix;
pub mod postgres;
pub mod reader;
pub mod rule;
pub mod scratch;
pub mod sender;
pub mod sink;
pub mod sink_session;
pub mod slow_wire;
pub mod subject;
pub mod tls;
pub mod trace;
pub mod waiting;
pub mod wire;
