//! placeholder, replaced by branch config
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VerdictAction {
    Relay,
    Tag,
    Quarantine,
    Defer,
    Refuse,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerdictActions {
    pub infected: VerdictAction,
    pub unavailable: VerdictAction,
    pub scanner_error: VerdictAction,
    pub not_fully_scanned: VerdictAction,
    pub encrypted: VerdictAction,
    pub macro_: VerdictAction,
    pub ambiguous: VerdictAction,
}
impl Default for VerdictActions {
    fn default() -> Self {
        use VerdictAction::*;
        Self {
            infected: Refuse,
            unavailable: Defer,
            scanner_error: Defer,
            not_fully_scanned: Quarantine,
            encrypted: Tag,
            macro_: Tag,
            ambiguous: Quarantine,
        }
    }
}
