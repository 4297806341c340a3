//! Counts of a run, and how they are printed.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use super::{
    Outcome,
    plan::{CELLS, Cell, FAULTS, MOODS, STEPS, VERBS, name},
};

/// What happened in many sessions.
#[derive(Debug, Default)]
pub struct Tally {
    /// Sessions.
    pub sessions: u64,
    /// Mail transactions: one record each.
    pub transactions: u64,
    /// Those whose mail data came whole.
    pub whole: u64,
    /// Passwords that were verified, and those that were right; messages of applications that went on, by network and by login.
    applications: [usize; 4],
    endings: BTreeMap<String, u64>,
    struck: BTreeMap<Cell, u64>,
}

impl Tally {
    /// One more session.
    pub fn add(&mut self, outcome: &Outcome) {
        self.sessions += 1;
        self.transactions += outcome.endings.len() as u64;
        self.whole += outcome.whole as u64;
        let (logins, went) = (outcome.logins, outcome.of_applications);
        self.count_applications([logins.0, logins.1, went.0, went.1]);
        for ending in &outcome.endings {
            *self.endings.entry(name(ending)).or_default() += 1;
        }
        for &cell in &outcome.struck {
            *self.struck.entry(cell).or_default() += 1;
        }
    }

    /// All of another one.
    pub fn merge(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.transactions += other.transactions;
        self.whole += other.whole;
        self.count_applications(other.applications);
        for (ending, times) in other.endings {
            *self.endings.entry(ending).or_default() += times;
        }
        for (cell, times) in other.struck {
            *self.struck.entry(cell).or_default() += times;
        }
    }

    fn count_applications(&mut self, counts: [usize; 4]) {
        for (sum, count) in self.applications.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    /// Whether applications did all that they can: log in, fail to, send by their network and by their login.
    pub fn applications_did_all(&self) -> bool {
        let [verified, right, by_network, by_login] = self.applications;
        right > 0 && verified > right && by_network > 0 && by_login > 0
    }

    /// Faults that struck.
    pub fn faults(&self) -> u64 {
        self.struck.values().sum()
    }

    /// What could have gone wrong and never did.
    pub fn gaps(&self) -> impl Iterator<Item = &'static Cell> {
        CELLS.iter().filter(|cell| !self.struck.contains_key(cell))
    }

    fn cell(&self, cell: Cell) -> String {
        match self.struck.get(&cell) {
            Some(times) => times.to_string(),
            None if CELLS.contains(&cell) => "0".to_owned(),
            None => "-".to_owned(),
        }
    }
}

/// The endings, then two tables; `-` is what cannot be.
impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10} mail data came whole", self.whole)?;
        let [verified, right, by_network, by_login] = self.applications;
        writeln!(f, "{verified:>10} passwords verified, {right} of them right")?;
        writeln!(f, "{:>10} messages of applications went on, {by_login} of them by a login", by_network + by_login)?;
        for (ending, times) in &self.endings {
            writeln!(f, "{times:>10} {ending}")?;
        }
        let short = |thing: String| thing.split(' ').next().unwrap_or_default().chars().take(9).collect::<String>();
        write!(f, "\n{:18}", "fault at step")?;
        for step in STEPS {
            write!(f, " {:>9}", short(name(step)))?;
        }
        for (fault, _) in FAULTS {
            write!(f, "\n{:18}", name(fault))?;
            for step in STEPS {
                write!(f, " {:>9}", self.cell(Cell::At(step, fault)))?;
            }
        }
        write!(f, "\n\n{:18}", "next hop answers")?;
        for verb in VERBS {
            write!(f, " {:>9}", name(verb))?;
        }
        for mood in MOODS {
            write!(f, "\n{:18}", name(mood))?;
            for verb in VERBS {
                write!(f, " {:>9}", self.cell(Cell::Answer(verb, mood)))?;
            }
        }
        writeln!(f)
    }
}
