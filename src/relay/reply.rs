//! The replies that the relay itself gives, and those of the next hop as they are passed on. The whole table stands in
//! `docs/replies.md`.
//!
//! Texts reveal no configuration: no rule name but the one the rule file gives, no scanner, no address.

use std::borrow::Cow;

use crate::{
    policy::verdict::ScanVerdict,
    smtp::reply::{Enhanced, Reply},
};

fn reply(code: u16, (class, subject, detail): (u8, u16, u16), text: impl Into<Cow<'static, str>>) -> Reply {
    Reply::new(code, Some(Enhanced(class, subject, detail)), text)
}

pub(super) fn sender_ok() -> Reply {
    reply(250, (2, 1, 0), "Sender OK")
}

pub(super) fn start_mail_input() -> Reply {
    Reply::new(354, None, "End data with <CR><LF>.<CR><LF>")
}

pub(super) fn chunk_taken() -> Reply {
    reply(250, (2, 0, 0), "Chunk received")
}

/// It goes to another next hop, or naming it here would repeat the envelope once too often.
pub(super) fn other_next_hop() -> Reply {
    reply(452, (4, 5, 3), "Recipient needs a transaction of its own")
}

pub(super) fn next_hop_unavailable() -> Reply {
    reply(451, (4, 4, 1), "Mailbox server temporarily unavailable")
}

pub(super) fn next_hop_busy() -> Reply {
    reply(451, (4, 3, 2), "Mailbox server busy, try again later")
}

pub(super) fn next_hop_tls() -> Reply {
    reply(451, (4, 7, 5), "Cryptographic failure, try again later")
}

pub(super) fn smtputf8_lost() -> Reply {
    reply(553, (5, 6, 7), "Mailbox server does not take SMTPUTF8")
}

pub(super) fn too_large() -> Reply {
    reply(552, (5, 3, 4), "Message too large")
}

pub(super) fn header_too_large() -> Reply {
    reply(552, (5, 3, 4), "Header section too large")
}

pub(super) fn too_many_hops() -> Reply {
    reply(554, (5, 4, 6), "Too many hops")
}

pub(super) fn bare_newline() -> Reply {
    reply(550, (5, 6, 11), "Bare CR or LF in message data is not allowed (RFC 5321 section 2.3.8)")
}

pub(super) fn storage_full() -> Reply {
    reply(452, (4, 3, 1), "Insufficient system storage")
}

pub(super) fn local_fault() -> Reply {
    reply(451, (4, 3, 0), "Local error, try again later")
}

pub(super) fn envelope_changed() -> Reply {
    reply(451, (4, 3, 0), "Mailbox server changed its answer, try again later")
}

pub(super) fn too_late() -> Reply {
    reply(451, (4, 7, 1), "Content could not be checked in time, try again later")
}

pub(super) fn not_checked() -> Reply {
    reply(451, (4, 7, 1), "Content could not be checked, try again later")
}

pub(super) fn held() -> Reply {
    reply(250, (2, 0, 0), "Held for review")
}

pub(super) fn refused_by_antivirus(verdict: &ScanVerdict) -> Reply {
    let text = match verdict {
        ScanVerdict::Infected { .. } => "Malware found",
        _ => "Content not accepted",
    };
    reply(550, (5, 7, 1), text)
}

/// `text` is the rule's own, `{rule}` filled in already; `{id}` is filled in here.
pub(super) fn refused_by_rule(text: Option<&str>, rule: &str, id: &str) -> Reply {
    match text {
        Some(text) => reply(550, (5, 7, 1), text.replace("{id}", id).replace("{rule}", rule)),
        None => reply(550, (5, 7, 1), "Refused by local policy"),
    }
}

pub(super) fn held_by_rule(text: Option<&str>, rule: &str, id: &str) -> Reply {
    match text {
        Some(text) => reply(250, (2, 0, 0), text.replace("{id}", id).replace("{rule}", rule)),
        None => held(),
    }
}

pub(super) fn logged_in() -> Reply {
    reply(235, (2, 7, 0), "Authentication succeeded")
}

/// Whatever was wrong (RFC 4954 §6).
pub(super) fn login_failed() -> Reply {
    reply(535, (5, 7, 8), "Authentication failed")
}

pub(super) fn login_busy() -> Reply {
    reply(454, (4, 7, 0), "Temporary authentication failure, try again later")
}

pub(super) fn too_many_logins() -> Reply {
    reply(421, (4, 7, 0), "Too many failed logins")
}

/// Stands in a record only: nobody hears it.
pub(super) fn would_be_relayed() -> Reply {
    reply(250, (2, 0, 0), "Relayed")
}

pub(super) fn idle() -> Reply {
    reply(421, (4, 4, 2), "Timeout, closing connection")
}

pub(super) fn too_slow() -> Reply {
    reply(421, (4, 4, 2), "Data arrives too slowly, closing connection")
}

pub(super) fn swallowed_enough() -> Reply {
    reply(421, (4, 3, 2), "Too much refused content, closing connection")
}

pub(super) fn too_many_connections() -> Reply {
    reply(421, (4, 3, 2), "Too many connections, try again later")
}

pub(super) fn eight_bit_mime_lost() -> Reply {
    reply(451, (4, 6, 3), "Mailbox server does not take 8BITMIME now, try again later")
}

pub(super) fn enough_recipients() -> Reply {
    reply(452, (4, 5, 3), "Mailbox server takes no more recipients at a time")
}

pub(super) fn draining() -> Reply {
    reply(421, (4, 3, 2), "Service closing, try again later")
}

/// The next hop's answer to MAIL. What is about us and not about the message becomes 4xx: a client must not bounce mail because
/// the mailbox server wants us to log in.
pub(super) fn pass_mail(answer: &Reply) -> Reply {
    match answer.code() {
        500..=504 | 530 | 535 => next_hop_unavailable(),
        _ => pass(answer),
    }
}

/// The next hop's answer to RCPT. 552 is an old way to say *too many recipients* (RFC 5321 §4.5.3.1.10): 452.
pub(super) fn pass_rcpt(answer: &Reply) -> Reply {
    match answer.code() {
        552 => {
            let said: Vec<&str> = answer.lines().collect();
            Reply::new(452, Some(Enhanced(4, 5, 3)), said.join(" ")).passed_on()
        }
        _ => pass(answer),
    }
}

/// The next hop's answer to DATA or to the end of mail data.
pub(super) fn pass_final(answer: &Reply) -> Reply {
    pass(answer)
}

/// 421 is about its connection to us, and a 3xx where none belongs is no answer at all.
fn pass(answer: &Reply) -> Reply {
    match answer.code() {
        421 => next_hop_busy(),
        300..=399 => next_hop_unavailable(),
        _ => answer.passed_on(),
    }
}
