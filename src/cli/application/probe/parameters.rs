//! The parameters of a sheet, one after the other: what is said, what has to be heard.
//!
//! A parameter that cannot be tried (no password, a login that failed before it) is *not tried*, never passed.

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Sheet,
    dialogue::{Dialogue, Tls, Trust},
};
use crate::{language::Text, smtp::reply::Reply, text};

/// Recipients above which the cap is not tried: each one is asked of the next hop.
const RECIPIENTS: u32 = 100;

/// A domain that nobody registers an application for (RFC 2606 §3).
const ELSEWHERE: &str = "example.com";

/// What became of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// As the sheet says.
    Pass,
    /// Not as the sheet says.
    Fail,
    /// Nothing is known.
    NotTried,
}

impl Outcome {
    /// For scripts.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotTried => "not_tried",
        }
    }

    /// For people.
    pub(super) fn word(self) -> Text {
        match self {
            Self::Pass => text!("pass", "passa"),
            Self::Fail => text!("FAIL", "FALHA"),
            Self::NotTried => text!("not tried", "não testado"),
        }
    }

    fn of(pass: bool) -> Self {
        if pass { Self::Pass } else { Self::Fail }
    }
}

/// One parameter and what became of it.
#[derive(Debug)]
pub(super) struct Finding {
    /// For scripts.
    pub key: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// The command, without a password.
    pub tried: String,
    /// The reply, or why there is none.
    pub heard: Text,
}

impl Finding {
    /// For people.
    pub(super) fn name(&self) -> Text {
        match self.key {
            "connection" => text!("connection", "conexão"),
            "tls" => text!("TLS and certificate", "TLS e certificado"),
            "login_under_tls_only" => text!("no login in clear", "nenhuma autenticação às claras"),
            "login" => text!("authentication", "autenticação"),
            "message_size" => text!("message", "mensagem"),
            "sender" => text!("sender", "remetente"),
            "null_sender" => text!("empty sender", "remetente vazio"),
            "foreign_sender" => text!("another's sender", "remetente alheio"),
            "recipient" => text!("recipient within reach", "destinatário ao alcance"),
            "reach" => text!("recipient beyond reach", "destinatário fora do alcance"),
            _ => text!("recipients", "destinatários"),
        }
    }
}

fn finding(key: &'static str, outcome: Outcome, tried: &str, heard: Text) -> Finding {
    Finding { key, outcome, tried: tried.to_owned(), heard }
}

fn heard(reply: &Reply) -> Text {
    let summary = reply.summary();
    text!("{summary}", "{summary}")
}

/// Everything that can be tried on this connection. Ends early, with the fault as its last finding, when the connection does.
pub(super) async fn all(
    dialogue: &mut Dialogue,
    sheet: &Sheet,
    tls: Tls,
    trust: &Trust<'_>,
    password: Option<&str>,
    recipient: Option<&str>,
) -> Vec<Finding> {
    let mut probe = Probe { dialogue, sheet, findings: Vec::new() };
    if let Err(fault) = probe.run(tls, trust, password, recipient).await {
        let fault = text!("the connection ended: {fault}", "a conexão terminou: {fault}");
        probe.findings.push(finding("connection", Outcome::Fail, "", fault));
    }
    probe.findings
}

struct Probe<'a> {
    dialogue: &'a mut Dialogue,
    sheet: &'a Sheet,
    findings: Vec<Finding>,
}

impl Probe<'_> {
    async fn run(
        &mut self,
        tls: Tls,
        trust: &Trust<'_>,
        password: Option<&str>,
        recipient: Option<&str>,
    ) -> io::Result<()> {
        if tls == Tls::Implicit && !self.tls("", trust).await {
            return Ok(());
        }
        let greeting = self.dialogue.hear().await?;
        self.note("connection", greeting.is_positive(), "", &greeting);
        if !greeting.is_positive() {
            return Ok(());
        }
        let mut offer = self.dialogue.ehlo().await?;
        if matches!(tls, Tls::Starttls | Tls::StarttlsRequired) {
            self.no_login_in_clear(&offer);
            let begun = self.dialogue.say("STARTTLS").await?;
            if !begun.is_positive() {
                self.note("tls", false, "STARTTLS", &begun);
                return Ok(());
            }
            if !self.tls("STARTTLS", trust).await {
                return Ok(());
            }
            offer = self.dialogue.ehlo().await?;
        }
        self.message_size(&offer);
        if self.login(password).await? {
            self.senders().await?;
            self.recipients(recipient).await?;
        }
        self.dialogue.say("QUIT").await.map(|_| ())
    }

    fn note(&mut self, key: &'static str, pass: bool, tried: &str, reply: &Reply) {
        self.findings.push(finding(key, Outcome::of(pass), tried, heard(reply)));
    }

    async fn tls(&mut self, tried: &str, trust: &Trust<'_>) -> bool {
        let (outcome, heard) = match self.dialogue.begin_tls(trust).await {
            Ok(facts) => (Outcome::Pass, text!("{facts}", "{facts}")),
            Err(fault) => (Outcome::Fail, text!("{fault}", "{fault}")),
        };
        self.findings.push(finding("tls", outcome, tried, heard));
        outcome == Outcome::Pass
    }

    /// Whoever is offered AUTH in clear may say his password in clear.
    fn no_login_in_clear(&mut self, offer: &Reply) {
        if self.sheet.login.is_some() {
            let offered = keyword(offer, "AUTH").is_some();
            let heard =
                if offered { text!("AUTH is offered", "AUTH é oferecido") } else { text!("no AUTH", "sem AUTH") };
            self.findings.push(finding("login_under_tls_only", Outcome::of(!offered), "EHLO", heard));
        }
    }

    fn message_size(&mut self, offer: &Reply) {
        let size = keyword(offer, "SIZE").and_then(|size| size.parse().ok());
        let pass = size.is_some_and(|size: u64| size == 0 || size >= self.sheet.message_size);
        let promised = self.sheet.message_size;
        let heard = match size {
            Some(size) => text!("SIZE {size}; the sheet says {promised}", "SIZE {size}; a ficha diz {promised}"),
            None => text!("no SIZE", "sem SIZE"),
        };
        self.findings.push(finding("message_size", Outcome::of(pass), "EHLO", heard));
    }

    /// Whether it makes sense to go on.
    async fn login(&mut self, password: Option<&str>) -> io::Result<bool> {
        let Some(login) = &self.sheet.login else { return Ok(true) };
        let Some(password) = password else {
            let why = text!(
                "--password-file is missing; what needs a login is not tried",
                "falta --password-file; o que depende da autenticação não é testado"
            );
            self.findings.push(finding("login", Outcome::NotTried, "AUTH PLAIN", why));
            return Ok(false);
        };
        let response = STANDARD.encode(format!("\0{login}\0{password}"));
        let reply = self.dialogue.say(&format!("AUTH PLAIN {response}")).await?;
        self.note("login", reply.code() == 235, &format!("AUTH PLAIN {login}"), &reply);
        Ok(reply.code() == 235)
    }

    async fn senders(&mut self) -> io::Result<()> {
        for sender in self.sheet.senders.iter().take(RECIPIENTS as usize) {
            self.mail("sender", sender, true).await?;
        }
        self.mail("null_sender", "", self.sheet.null_sender).await?;
        self.mail("foreign_sender", &self.stranger(), false).await
    }

    /// An address that is not among its senders, beside the first of them.
    fn stranger(&self) -> String {
        let domain = self.own_domain();
        let stranger = format!("portaria-test@{domain}");
        let taken = self.sheet.senders.iter().any(|sender| sender.eq_ignore_ascii_case(&stranger));
        if taken { format!("portaria-test-2@{domain}") } else { stranger }
    }

    fn own_domain(&self) -> &str {
        let first = self.sheet.senders.first();
        first.and_then(|sender| sender.rsplit_once('@')).map_or(&*self.sheet.server, |(_, domain)| domain)
    }

    /// MAIL that has to be taken, or refused for good; and RSET.
    async fn mail(&mut self, key: &'static str, sender: &str, taken: bool) -> io::Result<()> {
        let line = format!("MAIL FROM:<{sender}>");
        let reply = self.dialogue.say(&line).await?;
        self.note(key, if taken { reply.is_positive() } else { reply.is_permanent() }, &line, &reply);
        self.dialogue.say("RSET").await.map(|_| ())
    }

    async fn recipients(&mut self, recipient: Option<&str>) -> io::Result<()> {
        let within = recipient.map_or_else(|| format!("postmaster@{}", self.own_domain()), str::to_owned);
        let sender = self.sheet.senders.first().map_or("", String::as_str).to_owned();
        if !self.dialogue.say(&format!("MAIL FROM:<{sender}>")).await?.is_positive() {
            return Ok(());
        }
        let reply = self.rcpt(&within).await?;
        self.note("recipient", reply.is_positive(), &format!("RCPT TO:<{within}>"), &reply);
        self.beyond_reach().await?;
        if reply.is_positive() {
            self.recipients_cap(&within).await?;
        }
        self.dialogue.say("RSET").await.map(|_| ())
    }

    async fn rcpt(&mut self, recipient: &str) -> io::Result<Reply> {
        self.dialogue.say(&format!("RCPT TO:<{recipient}>")).await
    }

    async fn beyond_reach(&mut self) -> io::Result<()> {
        let everywhere = self.sheet.reach == "internet"
            && (self.sheet.internet_domains.is_empty()
                || self.sheet.internet_domains.iter().any(|domain| domain.eq_ignore_ascii_case(ELSEWHERE)));
        let line = format!("RCPT TO:<postmaster@{ELSEWHERE}>");
        if everywhere {
            let why = text!("nothing is beyond its reach", "nada está fora do alcance");
            self.findings.push(finding("reach", Outcome::NotTried, &line, why));
            return Ok(());
        }
        let reply = self.dialogue.say(&line).await?;
        self.note("reach", reply.is_permanent(), &line, &reply);
        Ok(())
    }

    /// One more than the cap: all but the last are taken. One was taken before.
    async fn recipients_cap(&mut self, within: &str) -> io::Result<()> {
        let cap = self.sheet.max_recipients;
        if cap > RECIPIENTS {
            let why = text!("tried up to {RECIPIENTS} only", "testado só até {RECIPIENTS}");
            self.findings.push(finding("max_recipients", Outcome::NotTried, &cap.to_string(), why));
            return Ok(());
        }
        let tried = format!("RCPT x {}", cap.saturating_add(1));
        for _ in 1..cap {
            let reply = self.rcpt(within).await?;
            if !reply.is_positive() {
                self.note("max_recipients", false, &tried, &reply);
                return Ok(());
            }
        }
        let last = self.rcpt(within).await?;
        self.note("max_recipients", last.code() == 452, &tried, &last);
        Ok(())
    }
}

/// What stands behind a keyword in the reply to EHLO; None if it is not offered.
fn keyword<'a>(offer: &'a Reply, keyword: &str) -> Option<&'a str> {
    offer.lines().skip(1).find_map(|line| {
        let (word, parameter) = line.split_once(' ').unwrap_or((line, ""));
        word.eq_ignore_ascii_case(keyword).then_some(parameter)
    })
}
