//! `portaria rules replay`: what a rule set would have done with the mail of the last weeks, beside what was done.
//!
//! In: the records of the database, read only, whether the gateway runs or not; the rule files of a folder. Out: what differs, by kind
//! and by rule, with samples. Nothing is changed anywhere. What a record does not hold is said, not guessed (`record::replay`,
//! decision 41).

mod progress;
mod shown;
mod tally;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    thread,
    time::SystemTime,
};

use jiff::tz::TimeZone;
use tokio::runtime::Handle;

use self::{progress::Progress, tally::Tally};
use crate::{
    cli::{
        Common, Exit, actor,
        escape::escape,
        rendering::{Rendering, Style, store_fault},
        run::with_runtime,
        subjects,
        when::{self, Edge},
    },
    config::{self, Settings},
    door::gateway::now,
    language::Text,
    policy::{directory::Directory, rule::RuleSet},
    record::{
        UnixMillis,
        audit::{Action, Event},
        replay::{Memory, Replay},
        unix_millis,
    },
    store::{Store, StoreFault, View},
    text,
};

/// Parts into which the period is cut, so that whoever is done early takes the next one. They are of the same length of time, not of the same
/// number of records.
const PARTS: usize = 256;

/// The database has no more readers than these.
const WORKERS: usize = 4;

/// What was typed.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `--since`.
    pub since: String,
    /// `--until`; none: now.
    pub until: Option<String>,
    /// `--at`.
    pub at: Option<String>,
    /// `--rule`.
    pub rule: Option<String>,
    /// `--dir`: a rules folder.
    pub folder: Option<PathBuf>,
    /// `--limit-shown`.
    pub samples: usize,
    /// `--by`.
    pub by: Option<String>,
}

/// What was looked at, and what came of it.
pub struct Looked<'l> {
    /// From here on.
    pub since: UnixMillis,
    /// To before here.
    pub until: UnixMillis,
    /// As if everything had come then.
    pub at: Option<UnixMillis>,
    /// Whose rules.
    pub folder: &'l Path,
    /// They.
    pub rules: &'l RuleSet,
    /// It was ended before all of so many were looked at.
    pub stopped_of: Option<u64>,
    /// The counts.
    pub tally: Tally,
}

impl Looked<'_> {
    /// The mode of a rule of the set.
    fn mode_of(&self, id: &str) -> Option<&'static str> {
        self.rules.rules().iter().find(|rule| rule.id() == id).map(|rule| rule.mode().name())
    }

    /// Rules that begin within the period or after it, and so are not tried on all of it.
    fn later_rules(&self) -> impl Iterator<Item = (&str, UnixMillis)> {
        let wanted = |id: &str| self.tally.only.as_deref().is_none_or(|only| only == id);
        let starts = self.rules.rules().iter().filter_map(|rule| Some((rule.id(), unix_millis(rule.starts()?))));
        starts.filter(move |(id, starts)| self.at.is_none() && *starts > self.since && wanted(id))
    }
}

/// Does it.
pub fn replay(common: &mut Common, asked: &Asked) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = Style { json: common.json, language: common.language, time_zone: settings.gateway.timezone.clone() };
    if let Some(what) = subjects::no_replay(&settings) {
        eprintln!("{}", style.say(&what));
        return Exit::Usage;
    }
    let moments = match Moments::read(asked, now().wall, &style.time_zone) {
        Ok(moments) => moments,
        Err(what) => {
            eprintln!("{}", escape(style.say(&what)));
            return Exit::Usage;
        }
    };
    let folder = asked.folder.as_deref().unwrap_or(&settings.gateway.rules_dir);
    let Some((rules, directory)) = rules_of(folder, &settings, &style) else { return Exit::Faults };
    let replay = Replay::new(&rules, &directory, moments.at);
    let (since, until, at) = (unix_millis(moments.since), unix_millis(moments.until), moments.at.map(unix_millis));
    let run = Run { replay: &replay, since, until, tally: Tally::new(asked.samples, asked.rule.clone()) };
    let looked = with_runtime(async {
        let view = match Store::open_read_only(&settings.store).await {
            Ok(view) => view,
            Err(fault) => return Ok(Err(fault)),
        };
        audited(asked, folder, &settings, &style)?;
        Ok(run.over(&view, &style).await)
    });
    let told = match looked {
        Ok(Ok((tally, stopped_of))) => {
            let shown = shown::shown(&Looked { since, until, at, folder, rules: &rules, stopped_of, tally }, &style);
            return crate::cli::show(&shown.text, shown.exit_code);
        }
        Ok(Err(fault)) => store_fault(&fault, &style),
        Err(what) => Rendering { text: escape(style.say(&what)) + "\n", exit_code: 1 },
    };
    eprint!("{}", told.text);
    crate::cli::exit(told.exit_code)
}

/// Whoever may write a rule can search other people's mail with it: the trail says so before anything is read (decision 41).
fn audited(asked: &Asked, folder: &Path, settings: &Settings, style: &Style) -> Result<(), Text> {
    let at = unix_millis(now().wall);
    let until = asked.until.clone().unwrap_or_else(|| style.rfc3339(at));
    let written = [("since", Some(asked.since.clone())), ("until", Some(until)), ("rule", asked.rule.clone())];
    let mut detail: BTreeMap<String, String> =
        written.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    detail.insert("shown".to_owned(), asked.samples.to_string());
    let object = folder.display().to_string();
    let event = Event { at, actor: actor::actor(asked.by.clone()), action: Action::RulesReplayed, object, detail };
    actor::write(settings, &event)
}

/// `--since`, `--until`, `--at`.
#[derive(Debug, PartialEq, Eq)]
struct Moments {
    since: SystemTime,
    until: SystemTime,
    at: Option<SystemTime>,
}

impl Moments {
    /// What was typed; or what is wrong with it.
    fn read(asked: &Asked, now: SystemTime, zone: &TimeZone) -> Result<Self, Text> {
        let since = when::instant(&asked.since, Edge::Since, now, zone)?;
        let until = asked.until.as_ref().map_or(Ok(now), |until| when::instant(until, Edge::UpTo, now, zone))?;
        let at =
            asked.at.as_ref().map(|at| if at == "now" { Ok(now) } else { when::instant(at, Edge::From, now, zone) });
        if since >= until {
            return Err(text!("`--since` is not before `--until`", "`--since` não é anterior a `--until`"));
        }
        Ok(Self { since, until, at: at.transpose()? })
    }
}

/// The rules of a folder, with the directory of the configuration; none after an error, which is told.
fn rules_of(folder: &Path, settings: &Settings, style: &Style) -> Option<(RuleSet, Directory)> {
    let (directory, mut faults) = config::load_directory(settings);
    let (files, unreadable) = config::rule_octets(folder);
    faults.append(unreadable);
    let (rules, found) = RuleSet::read_files(&files, &|address| directory.resolve(address));
    faults.append(found);
    if faults.has_errors() {
        eprint!("{}", faults.render(style.language));
        return None;
    }
    // Advice is `rules check`'s.
    Some((rules, directory))
}

struct Run<'r> {
    replay: &'r Replay<'r>,
    since: UnixMillis,
    until: UnixMillis,
    tally: Tally,
}

/// What the workers share.
struct Shared<'s> {
    view: &'s View,
    first: UnixMillis,
    last: UnixMillis,
    next: AtomicUsize,
    done: AtomicU64,
    stop: AtomicBool,
}

impl Run<'_> {
    /// Every record of the period; and how many there are, if it was ended before the last one.
    async fn over(&self, view: &View, style: &Style) -> Result<(Tally, Option<u64>), StoreFault> {
        let total = view.count_between(self.since, self.until).await?;
        let Some((first, last)) = view.bounds_between(self.since, self.until).await? else {
            return Ok((self.tally.clone(), None));
        };
        let shared = Shared {
            view,
            first,
            last,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        };
        let workers = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(WORKERS);
        let runtime = Handle::current();
        let tallies = tokio::task::block_in_place(|| {
            thread::scope(|scope| {
                let work = || runtime.block_on(self.work(&shared));
                let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
                let mut progress = Progress::new(total, style);
                let ended = || running.iter().all(thread::ScopedJoinHandle::is_finished);
                runtime.block_on(progress.watch(&shared.done, &shared.stop, ended));
                running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
            })
        });
        let mut whole = self.tally.clone();
        for tally in tallies {
            // A panic of a worker is ours.
            whole.merge(tally.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        let stopped = shared.stop.load(Ordering::Relaxed) && whole.looked_at < total;
        Ok((whole, stopped.then_some(total)))
    }

    /// Part after part, until there is none, or it is to stop.
    async fn work(&self, shared: &Shared<'_>) -> Result<Tally, StoreFault> {
        let (mut tally, mut memory) = (self.tally.clone(), Memory::default());
        loop {
            let part = shared.next.fetch_add(1, Ordering::Relaxed);
            if part >= PARTS || shared.stop.load(Ordering::Relaxed) {
                return Ok(tally);
            }
            let (since, until) = shared.part(part);
            let each = |text: &str| {
                tally.add(self.replay.of_text(text, &mut memory).ok());
                shared.done.fetch_add(1, Ordering::Relaxed);
                !shared.stop.load(Ordering::Relaxed)
            };
            shared.view.each_text_between(since, until, each).await?;
        }
    }
}

impl Shared<'_> {
    /// From when to before when part `part` goes. The parts are all of the period, and none of it is in two.
    fn part(&self, part: usize) -> (UnixMillis, UnixMillis) {
        bounds(self.first, self.last, part)
    }
}

fn bounds(first: UnixMillis, last: UnixMillis, part: usize) -> (UnixMillis, UnixMillis) {
    let length = i128::from(last) - i128::from(first) + 1;
    let at = |part: usize| {
        let offset = length * part as i128 / PARTS as i128;
        UnixMillis::try_from(i128::from(first) + offset).unwrap_or(UnixMillis::MAX)
    };
    (at(part), at(part + 1))
}
