//! One message under inspection: content in; its size, its hash, its subjects and what the rules say of it out.
//! Shared by the SMTP door and (later) the milter door. It does not know where the content comes from or goes to.

mod inspection;

pub use inspection::{Inspected, Inspection, InspectionFault, Limits};
