//! tmp
use super::{field::Field, subject::Subject};
pub fn received_count(_: &[Field]) -> usize {
    0
}
pub fn subjects(_: &[Field]) -> Vec<Subject> {
    vec![]
}
pub fn message_id(_: &[Field]) -> Option<String> {
    None
}
pub fn list_ids(_: &[Field]) -> Vec<String> {
    vec![]
}
