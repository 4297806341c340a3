//! Alerts: what a person has to be told, once, and what they are to do about it.
//!
//! In: everything that was found wrong at one look at the gateway ([`Finding`]s), and the time as a value. Out: [`Report`]s (raised,
//! reminder, cleared), and each as what leaves: JSON for a webhook, a message for a mailbox. Who looks, where, and how something is
//! sent, is not known here.
//!
//! | file | what |
//! |---|---|
//! | `condition` | the closed list of what there is to tell of: **a new one is added there**, and the compiler asks where it is seen |
//! | `watch` | hysteresis: one alert for each, however often it flaps |
//! | `outbox` | what one route still has to deliver, and when it tries again |
//! | `notice` | a report in words and as JSON |
//! | `mail` | a notice as a message (RFC 5322, RFC 3834) |

pub mod condition;
mod mail;
mod notice;
mod outbox;
mod watch;

pub use condition::{Condition, Kind, Severity};
pub use notice::{Letterhead, Notice};
pub use outbox::{Next, Outbox, Plan};
pub use watch::{Event, Finding, Report, Standing, Watch};
