//! One message under inspection: content in; its size, its hash, its subjects and whether it is ambiguous out.
//! Shared by the SMTP door and (later) the milter door. It does not know where the content comes from or goes to.

pub mod ambiguity;
mod inspection;

pub use inspection::{Inspected, Inspection, InspectionFault, Limits};
