//! Content and envelope of one attempt: read from the store, checked against what was kept, scanned as it is going to be sent.
//!
//! In: a release that was taken up. Out: a [`Letter`] and the hold that has its content; or what every recipient is to be told, or the
//! signature of what was found. Nothing is held in memory as a whole: the hold bounds that.

use std::net::{IpAddr, Ipv4Addr};

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::{Settings, all_open, store_said};
use crate::{
    antivirus::Content,
    door::gateway::{Gateway, now},
    hold::{Hold, Whole},
    policy::{
        route::NextHopName,
        verdict::{ScanVerdict, ScannerReport},
    },
    record::{
        EnvelopeParameters, Item, ItemClass, Record,
        release::{Heard, RecipientState, Release, ReleaseKind, ReleaseRecipient},
    },
    relay::{event::HoldFault, release::Letter},
    smtp::{
        client::ForwardedClient,
        envelope::{MailFrom, RcptTo},
        path::{ForwardPath, ReversePath},
    },
    store::{StoreFault, blob::BlobFault},
};

/// What is ready to be sent, or is not.
pub(super) enum Prepared {
    Ready {
        letter: Box<Letter>,
        hold: Hold,
        /// What is known already of those that this letter is not for.
        heard: Vec<Heard>,
    },
    /// There is nothing to be sent now: what each recipient is told.
    Nothing(Vec<Heard>),
    /// Malware was found in it, and no second person has spoken: the signature.
    Infected(String),
}

/// Why there is no letter.
enum Obstacle {
    /// For now.
    Passing(String),
    /// For good.
    Final(String),
}

impl From<StoreFault> for Obstacle {
    fn from(fault: StoreFault) -> Self {
        match fault {
            StoreFault::NotFound => Self::Final("the content is not in the quarantine any more".to_owned()),
            StoreFault::NotInBucket => Self::Final("the content is not in the bucket any more".to_owned()),
            // A disk that rots, or somebody who wrote into the folder: the store reads what is kept against what its item says.
            StoreFault::NotWhatWasKept { what } => {
                Self::Final(format!("the stored content is not what was kept ({what})"))
            }
            StoreFault::Blob(
                fault @ (BlobFault::Unpack(_) | BlobFault::Cut | BlobFault::Trailing | BlobFault::TooLong(_)),
            ) => Self::Final(format!("the stored content is not what was kept ({fault})")),
            fault => Self::Passing(store_said(&fault)),
        }
    }
}

impl From<HoldFault> for Obstacle {
    fn from(fault: HoldFault) -> Self {
        Self::Passing(fault.to_string())
    }
}

pub(super) async fn prepare(gateway: &Gateway, settings: &Settings, release: &Release) -> Prepared {
    match try_prepare(gateway, settings, release).await {
        Ok(prepared) => prepared,
        Err(Obstacle::Passing(said)) => Prepared::Nothing(all_open(release, RecipientState::Open, &said)),
        Err(Obstacle::Final(said)) => Prepared::Nothing(all_open(release, RecipientState::Refused, &said)),
    }
}

async fn try_prepare(gateway: &Gateway, settings: &Settings, release: &Release) -> Result<Prepared, Obstacle> {
    let item = gateway.store.item(&release.item).await?.ok_or(StoreFault::NotFound)?;
    let record = gateway.store.record(&release.item).await?;
    let of_application = record.as_ref().is_some_and(|record| record.application.is_some());
    let routed = route(gateway, release, of_application);
    let Some(next_hop) = routed.next_hop else { return Ok(Prepared::Nothing(routed.heard)) };
    let mail = mail_from(&item, release.kind)?;
    let (prefix, mut hold) = content(gateway, settings, release, &item).await?;
    if settings.scans && !is_decided_virus(&item, release) {
        let reports = scan(gateway, &item, &mut hold).await?;
        if let Some(signature) = judge(gateway, &item, &mail.path, record.as_ref(), reports)? {
            return Ok(Prepared::Infected(signature));
        }
    }
    let client = forwarded(settings, release, record.as_ref());
    let length = hold.len();
    let letter = Letter { next_hop, mail, recipients: routed.recipients, client, prefix, length };
    Ok(Prepared::Ready { letter: Box::new(letter), hold, heard: routed.heard })
}

/// A second person has said that malware is to be delivered: what it is called by now is no reason to ask a third one.
fn is_decided_virus(item: &Item, release: &Release) -> bool {
    item.class == ItemClass::Virus && release.decided.is_some()
}

/// The recipients that one mail transaction is for.
#[derive(Default)]
struct Routed {
    next_hop: Option<NextHopName>,
    recipients: Vec<(usize, RcptTo)>,
    /// Those that no route leads to.
    heard: Vec<Heard>,
}

/// Those that go to the same next hop as the first of them (decision 2); the others come in an attempt of their own.
fn route(gateway: &Gateway, release: &Release, of_application: bool) -> Routed {
    let policy = gateway.policy();
    let mut routed = Routed::default();
    for (recipient, facts) in release.recipients.iter().enumerate() {
        if facts.state != RecipientState::Open {
            continue;
        }
        let refused = |said: String| Heard { recipient, state: RecipientState::Refused, said };
        let Some(rcpt) = rcpt_to(facts) else {
            routed.heard.push(refused("the address cannot be read".to_owned()));
            continue;
        };
        match policy.route_of_release(&rcpt.path, of_application) {
            Err(fault) => routed.heard.push(refused(fault.to_string())),
            Ok(name) if routed.next_hop.as_ref().is_none_or(|first| *first == name) => {
                routed.next_hop = Some(name);
                routed.recipients.push((recipient, rcpt));
            }
            Ok(_) => {}
        }
    }
    routed
}

fn rcpt_to(recipient: &ReleaseRecipient) -> Option<RcptTo> {
    let written = format!("<{}>", recipient.address);
    let (path, rest) = ForwardPath::parse_prefix(&written).ok()?;
    rest.is_empty().then(|| RcptTo { path, parameters: recipient.parameters.clone() })
}

/// As it came; to an analyst with the null path: a bounce is not the business of whoever sent it.
fn mail_from(item: &Item, kind: ReleaseKind) -> Result<MailFrom, Obstacle> {
    let EnvelopeParameters { mail: mut parameters, .. } = item.parameters.clone();
    parameters.size = Some(item.size);
    let addresses = item.recipients.iter().chain([&item.reverse_path]);
    // An item of a version that kept no parameters.
    parameters.smtputf8 |= addresses.clone().any(|address| !address.is_ascii());
    if kind == ReleaseKind::Analyst {
        (parameters.ret, parameters.envid) = (None, None);
        return Ok(MailFrom { path: ReversePath::Null, parameters });
    }
    match ReversePath::parse_prefix(&format!("<{}>", item.reverse_path)) {
        Ok((path, "")) => Ok(MailFrom { path, parameters }),
        _ => Err(Obstacle::Final("the reverse-path cannot be read".to_owned())),
    }
}

/// The one field that is added, under our `Received:` (decision 7). All of it is ours.
fn field(settings: &Settings, release: &Release) -> String {
    format!("X-Portaria-Released: {}; id={};\r\n\trelease={}\r\n", settings.hostname, release.item, release.id)
}

/// The stored trace fields, the added field, and the content as the client sent it: in a hold, and checked on the way.
async fn content(
    gateway: &Gateway,
    settings: &Settings,
    release: &Release,
    item: &Item,
) -> Result<(Bytes, Hold), Obstacle> {
    let mut stored = gateway.store.content(&item.id).await?;
    let trace_length = usize::try_from(item.trace_length).unwrap_or(usize::MAX);
    let mut prefix = BytesMut::new();
    let mut hold = gateway.holds.begin();
    let (mut digest, mut length) = (Context::new(&SHA256), 0_u64);
    let mut is_behind_trace = false;
    while let Some(octets) = stored.next().await {
        let mut octets = octets?;
        let missing = trace_length.saturating_sub(prefix.len());
        if !is_behind_trace {
            prefix.extend_from_slice(&octets.split_to(missing.min(octets.len())));
            if prefix.len() < trace_length {
                continue;
            }
            is_behind_trace = true;
            prefix.extend_from_slice(field(settings, release).as_bytes());
            hold.append(prefix.clone().freeze()).await?;
        }
        digest.update(&octets);
        length = length.saturating_add(octets.len() as u64);
        hold.append(octets).await?;
    }
    let digest: String = digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    // A disk that rots, or somebody who wrote into the folder.
    if !is_behind_trace || length != item.size || digest != item.sha256 {
        return Err(Obstacle::Final("the stored content is not what was kept (length or SHA-256)".to_owned()));
    }
    Ok((prefix.freeze(), hold))
}

async fn scan(gateway: &Gateway, item: &Item, hold: &mut Hold) -> Result<Vec<ScannerReport>, Obstacle> {
    let Whole { file, length, in_memory, readers } = hold.content().await?;
    let content = Content { file, length, in_memory, sha256: item.sha256.clone(), readers };
    // No group is spared: the contingency switch lets arriving mail through, and this mail has time.
    Ok(gateway.scanners.scan(content, &[]).await)
}

/// The signature, if it is infected; an obstacle, as long as nobody can say.
fn judge(
    gateway: &Gateway,
    item: &Item,
    path: &ReversePath,
    record: Option<&Record>,
    reports: Vec<ScannerReport>,
) -> Result<Option<String>, Obstacle> {
    let policy = gateway.policy();
    let client = record.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |record| record.client.address);
    let wall = now().wall;
    let reports = reports.into_iter().map(|report| policy.scanning.weigh(report, path, client, wall));
    let mut obstacle = None;
    for ScannerReport { verdict, .. } in reports {
        match verdict {
            ScanVerdict::Infected { signature } => return Ok(Some(signature)),
            ScanVerdict::Unavailable { text } => obstacle = Some(format!("the scanner did not answer: {text}")),
            // What could not be scanned when it came was released by somebody who knew that.
            ScanVerdict::ScannerError { text } if item.class != ItemClass::Unscannable => {
                obstacle = Some(format!("the scanner answered with an error: {text}"));
            }
            _ => {}
        }
    }
    obstacle.map_or(Ok(None), |said| Err(Obstacle::Passing(said)))
}

/// Who a next hop that asks for it (XFORWARD) is told that the client was.
fn forwarded(settings: &Settings, release: &Release, record: Option<&Record>) -> ForwardedClient {
    let client = record.map(|record| &record.client);
    ForwardedClient {
        name: client.and_then(|client| client.name.clone()),
        address: client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |client| client.address),
        port: client.map_or(0, |client| client.port),
        hello: client.map_or_else(|| settings.hostname.clone(), |client| client.hello.clone()),
        protocol: "ESMTP",
        ident: release.item.to_string(),
    }
}
