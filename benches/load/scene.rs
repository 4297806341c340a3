//! What stands ready for all stages: a folder, the sink, clamd, and the mail.

use std::{cell::RefCell, collections::HashMap, path::PathBuf, rc::Rc};

use crate::{
    client::Way,
    gateway::{Clamsmtp, Gateway, Setup},
    mail::{self, Mail},
    options::{Build, Options},
    program::Sink,
    rules,
    run::Subject,
    scanner::Clamd,
};

/// Rules of the stage that has them and no scanner.
pub const RULES: usize = 1_000;

/// By octets, and header fields more than usual.
type Corpora = HashMap<(usize, usize), Rc<[Mail]>>;

/// All of it; ends with it.
#[derive(Debug)]
pub struct Scene {
    /// What was asked for.
    pub options: Options,
    /// The next hop of everything.
    pub sink: Sink,
    /// When it is installed.
    pub clamd: Option<Clamd>,
    gateways: RefCell<usize>,
    mails: RefCell<Corpora>,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Starts what every stage needs.
    pub fn new(options: Options) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|fault| format!("no folder for the programs: {fault}"))?;
        let sink = Sink::start()?;
        let temporary = options.temporary.as_deref().unwrap_or(folder.path());
        let clamd = Clamd::is_installed().then(|| Clamd::start(folder.path(), options.seed, temporary)).transpose()?;
        if clamd.is_none() {
            println!("clamd is not installed: stages with it are left out (apt-get install clamav-daemon)");
        }
        Ok(Self { options, sink, clamd, gateways: RefCell::default(), mails: RefCell::default(), folder })
    }

    /// The messages of a size: as many different ones as 4 MiB hold.
    pub fn mails(&self, octets: usize, more_fields: usize) -> Rc<[Mail]> {
        let make = || {
            let count = ((4 << 20) / octets).clamp(2, 64);
            mail::corpus(self.options.seed, octets, count, more_fields).into()
        };
        Rc::clone(self.mails.borrow_mut().entry((octets, more_fields)).or_insert_with(make))
    }

    /// The builds that are measured: those given, or the one made with this program.
    pub fn builds(&self) -> Vec<Build> {
        let own = Build { name: "gateway".to_owned(), path: PathBuf::from(env!("CARGO_BIN_EXE_portaria")) };
        if self.options.gateways.is_empty() && self.options.running.is_empty() {
            vec![own]
        } else {
            self.options.gateways.clone()
        }
    }

    /// The build of the stages that take one.
    pub fn build(&self) -> Result<Build, String> {
        self.builds()
            .into_iter()
            .next()
            .ok_or_else(|| "this stage starts its gateways: give one by gateway=FILE".to_owned())
    }

    /// A folder of its own.
    pub fn new_folder(&self) -> PathBuf {
        let mut nth = self.gateways.borrow_mut();
        *nth += 1;
        self.folder.path().join(format!("gateway-{nth}"))
    }

    /// A gateway in a folder of its own before the sink.
    pub fn gateway(&self, build: &Build, setup: &Setup) -> Result<Gateway, String> {
        let folder = self.new_folder();
        std::fs::create_dir_all(&folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
        Gateway::start(build, &folder, self.sink.port(), setup)
    }

    /// The same with clamd.
    pub fn with_clamd(&self) -> Setup {
        Setup { scanner: self.clamd.as_ref().map(|clamd| clamd.socket().to_owned()), ..Setup::default() }
    }

    /// clamsmtp before the sink.
    pub fn clamsmtp(&self, clamd: &Clamd) -> Result<Clamsmtp, String> {
        Clamsmtp::start(self.folder.path(), self.sink.port(), clamd.socket())
    }

    /// The load straight into the sink.
    pub fn floor(&self) -> Subject {
        Subject {
            name: "floor".to_owned(),
            way: Way::Smtp(self.sink.port()),
            own: None,
            others: vec![("sink", self.sink.id())],
            arrives: true,
        }
    }

    /// Raw scans.
    pub fn raw(&self, clamd: &Clamd) -> Subject {
        Subject {
            name: "clamd".to_owned(),
            way: Way::Clamd(clamd.socket().to_owned()),
            own: None,
            others: vec![("clamd", clamd.id())],
            arrives: false,
        }
    }

    /// Whatever relays to the sink.
    pub fn relay(&self, name: &str, port: u16, process: u32, clamd: Option<&Clamd>) -> Subject {
        let mut others: Vec<(&'static str, u32)> = clamd.iter().map(|clamd| ("clamd", clamd.id())).collect();
        others.push(("sink", self.sink.id()));
        Subject { name: name.to_owned(), way: Way::Smtp(port), own: Some(process), others, arrives: true }
    }
}

/// No scanner, and so many rules.
pub fn with_rules(count: usize) -> Setup {
    Setup { rules: Some(rules::rules(count)), ..Setup::default() }
}
