//! The change in force: the gateway is asked to read the file that was just written, and what came of it is told. Nothing is said to be in
//! force that is not.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use super::{Ground, shown::in_words};
use crate::{
    cli::{
        Common, Exit,
        escape::escape,
        rendering::{Style, json_line},
        status::{ask_at, field, reloaded},
    },
    config,
    document::Faults,
    door::{control::Command, gateway::now},
    language::Text,
    policy::{
        blocked_mailbox::{Block, Direction},
        directory::MailboxKey,
    },
    record::unix_millis,
    text,
};

/// The gateway is asked so often whether it judges by the files as they are.
const TRIES: usize = 5;

/// What was written.
pub enum Change<'a> {
    /// This entry.
    Blocked(&'a Block),
    /// No entry blocks these in this direction any more.
    Unblocked(&'a [MailboxKey], Direction),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The gateway judges by the files as they are.
    InForce,
    /// It read them and keeps the old ones: some file has faults.
    Refused,
    /// It read other files than we wrote.
    Other,
    /// Nobody answered.
    Unreachable,
}

impl Outcome {
    fn exit(self) -> Exit {
        match self {
            Self::InForce => Exit::Done,
            Self::Refused | Self::Other => Exit::Faults,
            Self::Unreachable => Exit::NotReachable,
        }
    }
}

/// Asks, tells, and ends the command. `began`: when it was started.
pub(super) fn put(common: &Common, ground: &Ground, change: &Change<'_>, warnings: &Faults, began: Instant) -> Exit {
    eprint!("{}", warnings.render(common.language));
    let style = super::style(common, ground);
    let (mut asked, mut outcome) = ask(ground);
    // Whoever changes a file between the gateway's look and ours makes them differ, and is no reason for alarm.
    for _ in 1..TRIES {
        if outcome != Outcome::Other {
            break;
        }
        (asked, outcome) = ask(ground);
    }
    let since = now();
    let seconds = since.monotonic.saturating_duration_since(began).as_secs_f64();
    let version = asked.as_ref().ok().and_then(|answer| field(answer, "policy").as_str()).map(escape);
    let told = Told { ground, change, outcome, seconds, since: since.wall, version };
    print!("{}", if style.json { told.json(&style) } else { told.text(&style) });
    match &asked {
        Err(fault) => eprintln!("{}", fault.in_language(common.language)),
        Ok(answer) => eprint!("{}", reloaded(answer, common.language).1),
    }
    eprint!("{}", told.not_in_force(&style));
    outcome.exit()
}

/// Lets the gateway read the files, and compares what it has then with what they say.
fn ask(ground: &Ground) -> (Result<Value, Text>, Outcome) {
    let asked = ask_at(&ground.settings, &Command::Reload);
    let outcome = match &asked {
        Err(_) => Outcome::Unreachable,
        Ok(answer) if field(answer, "faults").is_string() => Outcome::Refused,
        // The same files have the same version, wherever they lie.
        Ok(answer) => match field(answer, "policy").as_str() {
            Some(version) if version == config::load_policy(&ground.settings, now().wall).0.version => Outcome::InForce,
            _ => Outcome::Other,
        },
    };
    (asked, outcome)
}

struct Told<'a> {
    ground: &'a Ground,
    change: &'a Change<'a>,
    outcome: Outcome,
    seconds: f64,
    since: SystemTime,
    version: Option<String>,
}

impl Told<'_> {
    /// What stands in the file now; and since when the gateway does it.
    fn text(&self, style: &Style) -> String {
        let mut out = match self.change {
            Change::Blocked(entry) => {
                let Text { en, pt } = in_words(entry, &style.time_zone);
                let addresses = super::shown::addresses(entry, &self.ground.directory);
                let shown: String = addresses.iter().map(|address| format!("  {}\n", escape(address))).collect();
                style.say(&text!("blocked: {en}", "bloqueada: {pt}")).to_owned() + "\n" + &shown
            }
            Change::Unblocked(keys, _) => {
                let keys: Vec<String> = keys.iter().map(|key| escape(&key.0)).collect();
                let keys = keys.join(", ");
                style.say(&text!("no longer blocked: {keys}", "não está mais bloqueada: {keys}")).to_owned() + "\n"
            }
        };
        if self.outcome == Outcome::InForce {
            let since = style.time(unix_millis(self.since));
            let (seconds, version) = (format!("{:.1}", self.seconds), self.version.as_deref().unwrap_or_default());
            let told = match self.begins() {
                Some(starts) => text!(
                    "loaded since {since} ({seconds} s), version {version}; it acts from {starts} on",
                    "carregado desde {since} ({seconds} s), versão {version}; vale a partir de {starts}"
                ),
                None => text!(
                    "in force since {since} ({seconds} s), version {version}",
                    "em vigor desde {since} ({seconds} s), versão {version}"
                ),
            };
            out.push_str(style.say(&told));
            out.push('\n');
        }
        out
    }

    fn json(&self, style: &Style) -> String {
        let (mailboxes, direction, expires) = match self.change {
            Change::Blocked(entry) => (&*entry.mailboxes, entry.direction, entry.period.expires),
            Change::Unblocked(keys, direction) => (*keys, *direction, None),
        };
        let time = |at: SystemTime| style.rfc3339(unix_millis(at));
        let is_in_force = self.outcome == Outcome::InForce;
        json_line(&json!({
            "file": self.ground.list,
            "blocked": matches!(self.change, Change::Blocked(_)),
            "mailboxes": mailboxes.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(),
            "direction": direction.name(),
            "expires": expires.map(time),
            "written": true,
            "in_force": is_in_force,
            "since": if is_in_force { time(self.since).into() } else { Value::Null },
            "policy": self.version,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        }))
    }

    /// When an entry that is loaded begins to act, if that is later.
    fn begins(&self) -> Option<String> {
        let Change::Blocked(entry) = self.change else { return None };
        let starts = entry.period.starts.filter(|starts| *starts > self.since)?;
        Some(crate::cli::when::written(starts, &self.ground.settings.gateway.timezone))
    }

    /// Written, and not in force: what is true now, and what to do. Nothing when it is.
    fn not_in_force(&self, style: &Style) -> String {
        let file = escape(&self.ground.list.display().to_string());
        let told = match self.outcome {
            Outcome::InForce => return String::new(),
            Outcome::Unreachable => text!(
                "{file} is written. A gateway that runs and could not be asked DOES NOT KNOW IT; one that starts reads it",
                "{file} está gravado. Uma Portaria que roda e não pôde ser consultada NÃO SABE DISSO; a que iniciar o lê"
            ),
            Outcome::Refused => text!(
                "{file} is written, and NOT IN FORCE: mend the faults above, then `portaria reload`",
                "{file} está gravado, e NÃO ESTÁ EM VIGOR: corrija as falhas acima, depois `portaria reload`"
            ),
            Outcome::Other => text!(
                "{file} is written, and the gateway judges by other files: has it another rules_dir, or did somebody change one just now?",
                "{file} está gravado, e a Portaria decide por outros arquivos: ela usa outro rules_dir, ou alguém acabou de mudar um?"
            ),
        };
        style.say(&told).to_owned() + "\n"
    }
}
