//! Whether a release may be asked for, and who may decide it.

use serde::{Deserialize, Serialize};

use super::{RecipientState, Release, ReleaseKind, ReleaseRecipient, ReleaseState, Word};
use crate::record::{Item, ItemClass, ItemState, TransactionId, audit::Actor};

/// Why a release is not taken; the word of each is what scripts read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseRefusal {
    /// What its other recipients got is not known yet.
    #[error("the item is pending: what its other recipients got is not known")]
    Pending,
    /// Its content is gone, or its client was told that it was not taken.
    #[error("the item is deleted, expired or withdrawn")]
    Gone,
    /// Everybody that it was held for has it.
    #[error("everybody that the item was held for has it")]
    Nobody,
    /// A release of it is open already.
    #[error("a release of the item is open")]
    AlreadyOpen,
    /// Its sender was told that it was refused.
    #[error("the item is a copy of what was refused: its sender heard 5xx")]
    CopyOfRefused,
    /// Somebody may have it already.
    #[error("an earlier release may have delivered it")]
    MayBeDelivered,
    /// It has no reason.
    #[error("a reason is wanted")]
    NoReason,
    /// The release does not wait for a second person.
    #[error("the release does not wait for a decision")]
    NotWaiting,
    /// The second person is the first.
    #[error("account and person must both be others than those who asked")]
    SamePerson,
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The id that the release is to have.
    pub id: TransactionId,
    /// To whom.
    pub kind: ReleaseKind,
    /// Of [`ReleaseKind::Analyst`]: their addresses, in served domains.
    pub analysts: Vec<String>,
    /// Who asks, and why.
    pub requested: Word,
    /// They know that the sender heard 5xx.
    pub copy_of_refused: bool,
    /// They know that an earlier release may have delivered it.
    pub again: bool,
}

/// The release that follows from `asked`. `earlier`: all releases that the item ever had.
///
/// # Errors
///
/// Why there is none. Nothing has happened then.
pub fn plan(item: &Item, earlier: &[Release], asked: Asked) -> Result<Release, ReleaseRefusal> {
    if asked.requested.reason.trim().is_empty() {
        return Err(ReleaseRefusal::NoReason);
    }
    match item.state {
        ItemState::Held => {}
        ItemState::Pending => return Err(ReleaseRefusal::Pending),
        ItemState::Releasing => return Err(ReleaseRefusal::AlreadyOpen),
        ItemState::Released => return Err(ReleaseRefusal::Nobody),
        ItemState::Deleted | ItemState::Expired | ItemState::Withdrawn => return Err(ReleaseRefusal::Gone),
    }
    if earlier.iter().any(|release| release.state.is_open()) {
        return Err(ReleaseRefusal::AlreadyOpen);
    }
    if !item.acknowledged && !asked.copy_of_refused {
        return Err(ReleaseRefusal::CopyOfRefused);
    }
    let recipients = match asked.kind {
        ReleaseKind::Original => originals(item, earlier, asked.again)?,
        ReleaseKind::Analyst => asked.analysts.iter().map(|address| open(address, Default::default())).collect(),
    };
    if recipients.is_empty() {
        return Err(ReleaseRefusal::Nobody);
    }
    Ok(Release {
        id: asked.id,
        item: item.id.clone(),
        kind: asked.kind,
        state: if item.class == ItemClass::Virus { ReleaseState::Requested } else { ReleaseState::Approved },
        recipients,
        next_attempt_at: asked.requested.at,
        requested: asked.requested,
        decided: None,
        attempts: 0,
        waited: 0,
        owner: None,
        lease_until: 0,
        dotted: false,
        said: String::new(),
        settled_at: None,
    })
}

/// Those of the original envelope who do not have it yet.
fn originals(item: &Item, earlier: &[Release], again: bool) -> Result<Vec<ReleaseRecipient>, ReleaseRefusal> {
    let has = |address: &str, state: RecipientState| {
        let to_originals = earlier.iter().filter(|release| release.kind == ReleaseKind::Original);
        to_originals.flat_map(|release| &release.recipients).any(|it| it.address == address && it.state == state)
    };
    let mut parameters = item.parameters.recipients.iter().cloned();
    let mut left = Vec::new();
    for address in &item.recipients {
        let parameters = parameters.next().unwrap_or_default();
        if has(address, RecipientState::Delivered) {
            continue;
        }
        if has(address, RecipientState::Unknown) && !again {
            return Err(ReleaseRefusal::MayBeDelivered);
        }
        left.push(open(address, parameters));
    }
    Ok(left)
}

fn open(address: &str, parameters: crate::smtp::parameter::RcptParameters) -> ReleaseRecipient {
    ReleaseRecipient { address: address.to_owned(), parameters, state: RecipientState::Open, said: String::new() }
}

/// Whether `actor` may decide a release: approve one that waits for a second person, or deny one that is not being sent this moment. To
/// deny, anybody may: stopping needs no witness.
///
/// # Errors
///
/// Why not.
pub fn may_decide(release: &Release, actor: &Actor, approves: bool) -> Result<(), ReleaseRefusal> {
    match release.state {
        ReleaseState::Requested => {}
        // Between two attempts nobody sends it: it is stopped before its recipients wait two days for what was a mistake.
        ReleaseState::Approved if !approves => {}
        _ => return Err(ReleaseRefusal::NotWaiting),
    }
    let asked = &release.requested.actor;
    // Who names no person is the account. One who has two accounts is still one person, and two people at one account cannot be
    // told apart.
    let person = |actor: &Actor| actor.person.clone().unwrap_or_else(|| actor.account.clone()).trim().to_lowercase();
    let same = asked.account == actor.account || person(asked) == person(actor);
    if approves && same { Err(ReleaseRefusal::SamePerson) } else { Ok(()) }
}

/// Writes the word into a release that may be decided so. A denied one says what it has come to: who has the message keeps it, who may have
/// it may have it, and nobody else gets it.
pub fn decide(release: &mut Release, approves: bool, word: Word) {
    release.next_attempt_at = word.at;
    release.state = ReleaseState::Approved;
    if !approves {
        let has = |state| release.recipients.iter().any(|it| it.state == state);
        release.state = match (has(RecipientState::Unknown), has(RecipientState::Delivered)) {
            (true, _) => ReleaseState::Unknown,
            (false, true) => ReleaseState::Partly,
            (false, false) => ReleaseState::Denied,
        };
        let open = release.recipients.iter_mut().filter(|it| it.state == RecipientState::Open);
        open.for_each(|it| it.state = RecipientState::GivenUp);
        release.settled_at = Some(word.at);
    }
    release.decided = Some(word);
}

/// When somebody spoke, for tests of both files.
#[cfg(test)]
pub(super) fn asked_by(account: &str, person: Option<&str>, at: crate::record::UnixMillis) -> Asked {
    let actor = Actor { account: account.to_owned(), person: person.map(str::to_owned) };
    Asked {
        id: crate::record::sample::id(900),
        kind: ReleaseKind::Original,
        analysts: Vec::new(),
        requested: Word { at, actor, reason: "asked for by the recipient".to_owned() },
        copy_of_refused: false,
        again: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample;

    fn item() -> Item {
        let mut item = sample::item(1, b"", b"x");
        item.recipients = vec!["a@tjpa.jus.br".to_owned(), "b@tjpa.jus.br".to_owned()];
        item
    }

    fn asked() -> Asked {
        asked_by("maria", None, 5)
    }

    /// An earlier release in which the recipients came to these states.
    fn earlier(kind: ReleaseKind, states: [RecipientState; 2]) -> Release {
        let mut release = plan(&item(), &[], Asked { kind: ReleaseKind::Original, ..asked() }).unwrap();
        release.kind = kind;
        release.state = ReleaseState::Partly;
        release.recipients.iter_mut().zip(states).for_each(|(recipient, state)| recipient.state = state);
        release
    }

    fn to(release: &Release) -> Vec<&str> {
        release.recipients.iter().map(|recipient| recipient.address.as_str()).collect()
    }

    #[test]
    fn an_item_in_each_state_is_released_or_refused() {
        use ItemState::{Deleted, Expired, Held, Pending, Released, Releasing, Withdrawn};
        for (state, refused) in [
            (Held, None),
            (Pending, Some(ReleaseRefusal::Pending)),
            (Releasing, Some(ReleaseRefusal::AlreadyOpen)),
            (Released, Some(ReleaseRefusal::Nobody)),
            (Deleted, Some(ReleaseRefusal::Gone)),
            (Expired, Some(ReleaseRefusal::Gone)),
            (Withdrawn, Some(ReleaseRefusal::Gone)),
        ] {
            assert_eq!(plan(&Item { state, ..item() }, &[], asked()).err(), refused, "{state:?}");
        }
        let blank = Word { reason: " ".to_owned(), ..asked().requested };
        assert_eq!(plan(&item(), &[], Asked { requested: blank, ..asked() }).err(), Some(ReleaseRefusal::NoReason));
    }

    #[test]
    fn a_virus_waits_for_a_second_person_and_a_copy_for_a_confirmation() {
        assert_eq!(plan(&item(), &[], asked()).unwrap().state, ReleaseState::Approved);
        let virus = Item { class: ItemClass::Virus, ..item() };
        assert_eq!(plan(&virus, &[], asked()).unwrap().state, ReleaseState::Requested);
        let copy = Item { acknowledged: false, ..item() };
        assert_eq!(plan(&copy, &[], asked()).err(), Some(ReleaseRefusal::CopyOfRefused));
        assert!(plan(&copy, &[], Asked { copy_of_refused: true, ..asked() }).is_ok());
    }

    /// Who has it never gets it again; who may have it only if somebody says so.
    #[test]
    fn a_further_release_leaves_out_who_has_it() {
        use RecipientState::{Delivered, GivenUp, Refused, Unknown};
        let original = |states| [earlier(ReleaseKind::Original, states)];
        let planned = |earlier: &[Release], again| plan(&item(), earlier, Asked { again, ..asked() });
        assert_eq!(to(&planned(&original([Delivered, Refused]), false).unwrap()), ["b@tjpa.jus.br"]);
        assert_eq!(to(&planned(&original([GivenUp, Delivered]), true).unwrap()), ["a@tjpa.jus.br"]);
        assert_eq!(planned(&original([Delivered, Delivered]), true).err(), Some(ReleaseRefusal::Nobody));
        assert_eq!(planned(&original([Delivered, Unknown]), false).err(), Some(ReleaseRefusal::MayBeDelivered));
        assert_eq!(to(&planned(&original([Delivered, Unknown]), true).unwrap()), ["b@tjpa.jus.br"]);
        let analyst = [earlier(ReleaseKind::Analyst, [Delivered, Unknown])];
        assert_eq!(to(&planned(&analyst, false).unwrap()).len(), 2, "what an analyst got is nobody else's");
        let mut open = earlier(ReleaseKind::Original, [Delivered, Refused]);
        open.state = ReleaseState::Requested;
        assert_eq!(planned(&[open], true).err(), Some(ReleaseRefusal::AlreadyOpen));
    }

    /// Each recipient keeps its own parameters, also when one before it is left out.
    #[test]
    fn parameters_stay_with_their_recipient() {
        let mut item = item();
        item.parameters.recipients = ["NEVER", "FAILURE"]
            .map(|notify| crate::smtp::parameter::RcptParameters { notify: Some(notify.to_owned()), orcpt: None })
            .to_vec();
        let before = [earlier(ReleaseKind::Original, [RecipientState::Delivered, RecipientState::Refused])];
        let release = plan(&item, &before, asked()).unwrap();
        assert_eq!(release.recipients[0].parameters.notify.as_deref(), Some("FAILURE"));
    }

    #[test]
    fn the_second_person_is_another_one() {
        let virus = Item { class: ItemClass::Virus, ..item() };
        for (asks, decides, may) in [
            (("maria", None), ("joao", None), true),
            (("maria", None), ("maria", None), false),
            // One account, two names: anybody can type a name.
            (("root", Some("Maria")), ("root", Some("João")), false),
            // Two accounts, one person.
            (("maria", None), ("root", Some("maria")), false),
            (("maria", Some("Maria Silva")), ("root", Some(" maria SILVA ")), false),
            (("maria", Some("Maria Silva")), ("joao", Some("João Souza")), true),
        ] {
            let release = plan(&virus, &[], asked_by(asks.0, asks.1, 5)).unwrap();
            let actor = Actor { account: decides.0.to_owned(), person: decides.1.map(str::to_owned) };
            assert_eq!(may_decide(&release, &actor, true).is_ok(), may, "{asks:?} {decides:?}");
            assert_eq!(may_decide(&release, &actor, false), Ok(()), "whoever asked may take it back");
        }
        let mut decided = plan(&item(), &[], asked()).unwrap();
        let other = Actor { account: "joao".to_owned(), person: None };
        assert_eq!(may_decide(&decided, &other, true), Err(ReleaseRefusal::NotWaiting));
        assert_eq!(may_decide(&decided, &other, false), Ok(()), "it waits for its next attempt");
        for state in [ReleaseState::Sending, ReleaseState::Delivered, ReleaseState::Failed, ReleaseState::Denied] {
            decided.state = state;
            assert_eq!(may_decide(&decided, &other, false), Err(ReleaseRefusal::NotWaiting), "{state:?}");
        }
    }

    /// What is stopped between two attempts is told as what it has come to by then.
    #[test]
    fn a_release_that_is_stopped_forgets_nobody_who_has_it() {
        use RecipientState::{Delivered, GivenUp, Open, Refused, Unknown};
        for (states, state, left) in [
            ([Open, Open], ReleaseState::Denied, [GivenUp, GivenUp]),
            ([Refused, Open], ReleaseState::Denied, [Refused, GivenUp]),
            ([Delivered, Open], ReleaseState::Partly, [Delivered, GivenUp]),
            ([Unknown, Open], ReleaseState::Unknown, [Unknown, GivenUp]),
            ([Delivered, Unknown], ReleaseState::Unknown, [Delivered, Unknown]),
        ] {
            let mut release = earlier(ReleaseKind::Original, states);
            release.state = ReleaseState::Approved;
            decide(&mut release, false, Word { at: 9, ..asked().requested });
            assert_eq!((release.state, release.settled_at), (state, Some(9)), "{states:?}");
            assert_eq!(release.recipients.iter().map(|it| it.state).collect::<Vec<_>>(), left, "{states:?}");
        }
    }
}
