//! The header lines of a script: what differs from the gateway that all scripts share.
//!
//! It serves tjepa.jus.br (also called tjpa.jus.br) by the next hop `mailbox`, and outra.example by the next hop `other`;
//! nobody is blocked, no rule is loaded, and there is no directory. With an `application:` line it is a listener of applications, and the
//! internet goes by the next hop `internet`.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::promises::Leave;
use jiff::tz::{Offset, TimeZone};
use portaria::{
    inspect,
    language::Language,
    message::header_section::HeaderLimits,
    policy::{
        Policy, Sources, application,
        directory::{Directory, ServedDomain},
        rate::Rates,
        route::NextHopName,
        rule::Scope,
        verdict_action::{VerdictAction, VerdictActions},
    },
    relay::settings::{Settings, Timeouts},
    smtp::{extension::Offer, limits::Limits, mail_data::BareNewlines},
};

/// What a script asks for before its conversation begins.
#[derive(Debug, Default)]
pub struct Setup {
    settings: BTreeMap<String, String>,
    rules: Vec<String>,
    later_rules: Vec<String>,
    blocked: Vec<String>,
    applications: Vec<String>,
    later_applications: Vec<String>,
    contingency: Option<String>,
    later_contingency: Option<String>,
    /// Signatures, and the exceptions that name them.
    ignored: Vec<(String, String)>,
    directory: Vec<String>,
    /// Only this split is played: the octets mean something else when they come in pieces.
    pub whole_only: bool,
}

impl Setup {
    /// Takes a header line; whether it was one.
    pub fn line(&mut self, line: &str) -> Result<bool, String> {
        let Some((key, value)) = line.split_once(": ") else { return Ok(false) };
        let value = value.trim();
        match key {
            "settings" => {
                let (key, value) = value.split_once(" = ").ok_or("settings: KEY = VALUE")?;
                self.settings.insert(key.to_owned(), value.trim_matches('"').to_owned());
            }
            "rule" => self.rules.push(rule(value)?),
            "later rule" => self.later_rules.push(rule(value)?),
            "blocked" => self.blocked.push(blocked(value)?),
            "application" => self.applications.push(application(value)?),
            "later application" => self.later_applications.push(application(value)?),
            "contingency" => self.contingency = Some(value.to_owned()),
            "later contingency" => self.later_contingency = Some(value.to_owned()),
            "ignore" => self.ignored.push(ignored(value)?),
            "mailbox" => self.directory.push(mailbox(value)?),
            "list" => self.directory.push(list(value)?),
            "plays" if value == "whole" => self.whole_only = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn number(&self, key: &str, default: u64) -> u64 {
        self.settings.get(key).map_or(default, |value| value.replace('_', "").parse().unwrap())
    }

    fn flag(&self, key: &str, default: bool) -> bool {
        self.settings.get(key).map_or(default, |value| value == "true")
    }

    fn seconds(&self, key: &str, default: u64) -> Duration {
        self.settings.get(key).map_or(Duration::from_secs(default), |value| duration(value).unwrap())
    }

    fn action(&self, key: &str, default: VerdictAction) -> VerdictAction {
        use VerdictAction::{Defer, Quarantine, Refuse, Relay, Tag};
        let named = |name: &str| [Relay, Tag, Quarantine, Defer, Refuse].into_iter().find(|is| is.name() == name);
        self.settings.get(key).map_or(default, |name| named(name).unwrap())
    }

    /// The settings of the listener.
    pub fn settings(&self) -> Settings {
        let default = VerdictActions::default();
        Settings {
            hostname: "mx.tjpa.jus.br".into(),
            listener: "0.0.0.0:25".into(),
            scope: if self.applications.is_empty() { Scope::Relay } else { Scope::Application },
            implicit_tls: self.flag("implicit_tls", false),
            starttls_required: self.flag("starttls_required", false),
            bare_newlines: BareNewlines::Refuse,
            limits: Limits {
                message_size: self.number("message_size", 24 * 1024 * 1024),
                recipients: self.number("recipients", 1000) as usize,
                errors: self.number("errors_per_connection", 20) as u32,
                transactions: self.number("transactions_per_connection", 1000) as u32,
            },
            content: inspect::Limits {
                header: HeaderLimits {
                    size: self.number("header_size", 256 * 1024),
                    fields: self.number("header_fields", 1000) as u32,
                },
                hops: self.number("hops", 50) as usize,
            },
            cut_through_from: self.number("cut_through_from", 256 * 1024),
            data_floor: self.number("data_floor", 500),
            scanner_groups: self.scanner_groups(),
            actions: VerdictActions {
                infected: self.action("infected", default.infected),
                unavailable: self.action("unavailable", default.unavailable),
                scanner_error: self.action("scanner_error", default.scanner_error),
                poison: self.action("poison", default.poison),
                outdated: self.action("outdated", default.outdated),
                ignored: self.action("ignored", default.ignored),
                not_fully_scanned: self.action("not_fully_scanned", default.not_fully_scanned),
                encrypted: self.action("encrypted", default.encrypted),
                macro_: self.action("macro", default.macro_),
                ambiguous: self.action("ambiguous", default.ambiguous),
            },
            timeouts: Timeouts {
                command: self.seconds("command", 300),
                data_idle: self.seconds("data_idle", 180),
                connection: self.seconds("connection", 10),
                next_hop_reply: self.seconds("next_hop_reply", 45),
                next_hop_end_of_data: self.seconds("next_hop_end_of_data", 300),
                verdict: self.seconds("verdict", 240),
            },
            timezone: TimeZone::fixed(Offset::from_seconds(-3 * 3600).unwrap()),
            subjects: Default::default(),
        }
    }

    /// `group0`, `group1` …: as many as the script's `groups` says.
    pub fn scanner_groups(&self) -> Vec<String> {
        let groups = if self.flag("antivirus", true) { self.number("groups", 1) } else { 0 };
        (0..groups).map(|nth| format!("group{nth}")).collect()
    }

    /// What gets through though no scanner called it clean.
    pub fn leave(&self) -> Leave {
        let spares = |short: &String, group: &String| {
            let words = words(short);
            let named = words.iter().find_map(|word| word.strip_prefix("groups="));
            words.first().is_some_and(|mode| mode == "deliver")
                && named.is_none_or(|named| named.split(',').any(|name| name == group))
        };
        let orders = || self.contingency.iter().chain(&self.later_contingency);
        let spared = self.scanner_groups().into_iter().filter(|group| orders().any(|short| spares(short, group)));
        Leave {
            spared: spared.collect(),
            ignored: self.ignored.iter().map(|(signature, _)| signature.clone()).collect(),
        }
    }

    /// What the listener offers.
    pub fn offer(&self) -> Offer {
        Offer {
            eight_bit_mime: self.flag("eight_bit_mime", true),
            smtputf8: self.flag("smtputf8", false),
            dsn: self.flag("dsn", false),
            starttls: self.flag("starttls", false),
            size: self.number("message_size", 24 * 1024 * 1024),
            recipients: None,
            xclient: self.flag("xclient", false),
            auth: !self.applications.is_empty() && self.flag("starttls", false),
        }
    }

    /// What the client's network may begin in a minute; a table of its own for each time that the script is played.
    pub fn message_rate(&self) -> Option<Arc<Rates>> {
        let per_minute = NonZeroU32::new(self.number("messages_per_minute_per_network", 0) as u32)?;
        Some(Arc::new(Rates::new(per_minute, Vec::new())))
    }

    pub fn greeting_delay(&self) -> Duration {
        self.seconds("greeting_delay", 0)
    }

    /// The policy in force when the client connects, at `now`; `later`: the one of the lines that begin so.
    pub fn policy(&self, later: bool, now: SystemTime) -> Arc<Policy> {
        let domain = |name: &str, aliases: &[&str], next_hop: &str| ServedDomain {
            name: name.to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            next_hop: next_hop.into(),
        };
        let domains = vec![domain("tjepa.jus.br", &["tjpa.jus.br"], "mailbox"), domain("outra.example", &[], "other")];
        let directory = Directory::new(domains, ["postmaster", "abuse"]).unwrap();
        let directory = match self.settings.get("senders_from") {
            Some(network) => directory.with_senders_from("tjepa.jus.br", vec![network.parse().unwrap()]),
            None => directory,
        };
        let directory = match self.directory.concat() {
            none if none.is_empty() => directory,
            text => {
                let names = ["mailbox", "other"].map(NextHopName::from);
                let (directory, faults) =
                    directory.with_next_hops(names).with_entries(Path::new("directory.toml"), &text);
                assert!(!faults.has_errors(), "{}", faults.render(Language::En));
                directory
            }
        };
        let rules = if later { &self.later_rules } else { &self.rules };
        let files = [("subjects/script.toml".into(), rules.concat())];
        let blocked = self.blocked.concat();
        let order = if later { &self.later_contingency } else { &self.contingency };
        let order = order.as_ref().map_or_else(String::new, |short| contingency(short, now).unwrap());
        let orders = order + &self.ignored.iter().map(|(_, entry)| entry.as_str()).collect::<String>();
        let registry = if later { &self.later_applications } else { &self.applications }.concat();
        let sources = Sources {
            directory,
            scanner_groups: &self.scanner_groups(),
            mailboxes: Some((Path::new("mailboxes.toml"), blocked.as_str())),
            antivirus: Some((Path::new("antivirus.toml"), orders.as_str())),
            applications: (!self.applications.is_empty()).then_some((Path::new("applications.toml"), &registry)),
            application_settings: application::Settings {
                internet_next_hop: Some("internet".into()),
                contact: "S3B".into(),
            },
            rules: &files,
        };
        let (policy, faults) = Policy::assemble(sources, now);
        assert!(!faults.has_errors(), "{}", faults.render(Language::En));
        Arc::new(policy)
    }
}

/// `ID ACTION WORD [mode=observe] [scope=DOOR] [reply="…"] [except.KEY=VALUE]…` into a rule of a rule file: it matches the word.
fn rule(short: &str) -> Result<String, String> {
    let words = words(short);
    let [id, action, word, rest @ ..] = words.as_slice() else { return Err("rule: ID ACTION WORD …".to_owned()) };
    let (mut mode, mut scope, mut reply) = ("enforce", String::new(), String::new());
    let (mut except, mut example) = (String::new(), String::new());
    for option in rest {
        match option.split_once('=') {
            Some(("mode", value)) => mode = value,
            Some(("reply", value)) => reply = format!("reply = '{value}'\n"),
            Some(("scope", value)) => scope = format!("scope = ['{value}']\n"),
            Some((key, value)) if key.starts_with("except.") => {
                let key = key.trim_start_matches("except.");
                except += &format!("{key} = ['{value}']\n");
                example += &spared_example(word, key, value)?;
            }
            _ => return Err(format!("rule: {option}?")),
        }
    }
    Ok(format!(
        "[[rule]]\nid = '{id}'\ndescription = 'd'\nowner = 'o'\nticket = 't'\nmode = '{mode}'\n{scope}\
         expires = 2999-12-20T23:59:59-03:00\n[[rule.match]]\nany_words = ['{word}']\n[rule.except]\n{except}\
         [rule.action]\nkind = '{action}'\n{reply}\
         [[rule.example]]\nsubject = '{word}'\nexpect = 'match'\n{example}\
         [[rule.example]]\nsubject = 'ata'\nexpect = 'no match'\n"
    ))
}

/// The example that an exception must have.
fn spared_example(word: &str, key: &str, value: &str) -> Result<String, String> {
    let (subject, spared) = match key {
        "sender" => (word.to_owned(), format!("sender = '{}'", value.replace('*', "x"))),
        "recipient" | "list" => (word.to_owned(), format!("{key} = '{value}'")),
        "networks" => (word.to_owned(), format!("client = '{}'", value.split('/').next().unwrap_or_default())),
        "words" => (format!("{word} {value}"), String::new()),
        _ => return Err(format!("except.{key}?")),
    };
    Ok(format!("[[rule.example]]\nsubject = '{subject}'\n{spared}\nexpect = 'no match'\n"))
}

/// `MAILBOX receive|send|both` into an entry of the list.
fn blocked(short: &str) -> Result<String, String> {
    let (mailbox, direction) = short.split_once(' ').ok_or("blocked: MAILBOX DIRECTION")?;
    Ok(format!(
        "[[blocked]]\nmailbox = '{mailbox}'\ndirection = '{direction}'\nreason = 'r'\nticket = 'REQ 1'\nby = 's3b'\n"
    ))
}

/// `ID STATE [KEY=VALUE …]` into an entry of the registry. Lists have commas; `login=NAME:PASSWORD`; what is not written is wide.
fn application(short: &str) -> Result<String, String> {
    let words = words(short);
    let [id, state, rest @ ..] = words.as_slice() else { return Err("application: ID STATE …".to_owned()) };
    let mut keys = BTreeMap::from([
        ("senders", "['pje@tjpa.jus.br']".to_owned()),
        ("max_recipients", "50".to_owned()),
        ("max_per_hour", "1000".to_owned()),
    ]);
    for option in rest {
        let (key, value) = option.split_once('=').ok_or_else(|| format!("application: {option}?"))?;
        let list = || format!("['{}']", value.replace(',', "', '"));
        match key {
            "networks" | "senders" | "internet_domains" => _ = keys.insert(key, list()),
            "reach" => _ = keys.insert(key, format!("'{value}'")),
            "null_sender" | "max_recipients" | "max_per_hour" => _ = keys.insert(key, value.to_owned()),
            "login" => {
                let (name, password) = value.split_once(':').ok_or("login=NAME:PASSWORD")?;
                keys.insert("login", format!("'{name}'"));
                keys.insert("password_hash", format!("'{}'", cheap_hash(password)));
            }
            _ => return Err(format!("application: {option}?")),
        }
    }
    let keys: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    Ok(format!(
        "[[application]]\nid = '{id}'\nstate = '{state}'\nowner = 'o'\nrequester = 'r'\nevaluator = 'S3B'\n\
         evaluated = 2026-08-03\nticket = 'REQ 1'\nreview_by = 2999-08-03\n{keys}"
    ))
}

/// As `portaria application password` makes one, and a thousand times cheaper.
fn cheap_hash(password: &str) -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version, password_hash::SaltString};
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    hasher.hash_password(password.as_bytes(), &SaltString::encode_b64(b"conversations").unwrap()).unwrap().to_string()
}

/// `MODE [groups=GROUP,…] [begins="1 min"] [ends="5 min"]` into the switch; both are counted from when the client connected.
fn contingency(short: &str, now: SystemTime) -> Result<String, String> {
    let words = words(short);
    let [mode, rest @ ..] = words.as_slice() else { return Err("contingency: MODE …".to_owned()) };
    let (mut groups, mut begins, mut ends) = (String::new(), Duration::ZERO, Duration::from_secs(3600));
    for option in rest {
        match option.split_once('=') {
            Some(("groups", value)) => groups = format!("groups = ['{}']\n", value.replace(',', "', '")),
            Some(("begins", value)) => begins = duration(value).ok_or("begins=\"1 min\"")?,
            Some(("ends", value)) => ends = duration(value).ok_or("ends=\"5 min\"")?,
            _ => return Err(format!("contingency: {option}?")),
        }
    }
    let time = |at: SystemTime| jiff::Timestamp::try_from(at).unwrap();
    let (starts, expires) = (time(now + begins), time(now + ends));
    Ok(format!(
        "[contingency]\nmode = '{mode}'\n{groups}reason = 'clamd crashes'\nticket = 'REQ 7'\nby = 's3b'\n\
         starts = {starts}\nexpires = {expires}\n"
    ))
}

/// `SIGNATURE SENDER [NETWORK]` into an exception.
fn ignored(short: &str) -> Result<(String, String), String> {
    let words = words(short);
    let [signature, sender, networks @ ..] = words.as_slice() else {
        return Err("ignore: SIGNATURE SENDER …".into());
    };
    let entry = format!(
        "[[ignore]]\nsignature = '{signature}'\nsenders = ['{sender}']\nnetworks = {networks:?}\n\
         reason = 'false alarm'\nticket = 'REQ 8'\nby = 's3b'\nexpires = 2999-12-20T23:59:59-03:00\n"
    );
    Ok((signature.clone(), entry))
}

/// `NAME PRIMARY [ADDRESS …] [next_hop=NAME]` into a mailbox of the directory.
fn mailbox(short: &str) -> Result<String, String> {
    let words = words(short);
    let [name, primary, rest @ ..] = words.as_slice() else { return Err("mailbox: NAME PRIMARY …".to_owned()) };
    let (mut addresses, mut next_hop) = (String::new(), String::new());
    for word in rest {
        match word.strip_prefix("next_hop=") {
            Some(name) => next_hop = format!("next_hop = '{name}'\n"),
            None => addresses.push_str(&format!("'{word}', ")),
        }
    }
    Ok(format!(
        "[[mailbox]]\nname = '{name}'\nclass = 'servidor'\nprimary = '{primary}'\naddresses = [{addresses}]\n{next_hop}"
    ))
}

/// `ADDRESS [internal]` into a list of the directory.
fn list(short: &str) -> Result<String, String> {
    let (address, internal) = match short.split_once(' ') {
        None => (short, false),
        Some((address, "internal")) => (address, true),
        Some(_) => return Err("list: ADDRESS [internal]".to_owned()),
    };
    Ok(format!("[[list]]\naddress = '{address}'\ninternal_senders_only = {internal}\n"))
}

/// Words, apart from spaces inside double quotes.
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut quoted, mut word) = (Vec::new(), false, String::new());
    for char in text.chars() {
        match char {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(char),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// `5 min`, `30 s`.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.trim().split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "s" => Some(Duration::from_secs(number)),
        "min" => Some(Duration::from_secs(number * 60)),
        _ => None,
    }
}
