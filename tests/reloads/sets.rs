//! Two rule sets that say the contrary of each other at every step of a transaction, so that a message that meets both is seen.
//!
//! | | `alfa` | `beta` |
//! |---|---|---|
//! | RCPT `ana` | refused | taken |
//! | RCPT `bia` | taken | refused |
//! | subject `norte` | held by ALFA-1 | relayed, tagged by BETA-2 |
//! | subject `sul` | relayed, tagged by ALFA-2 | held by BETA-1 |

use std::{fs, path::Path};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Set {
    Alfa,
    Beta,
}

pub const WORDS: [&str; 2] = ["norte", "sul"];
pub const MAILBOXES: [&str; 2] = ["ana@tjpa.jus.br", "bia@tjpa.jus.br"];

/// The one application that both know.
pub struct Application {
    pub sender: &'static str,
    pub password: &'static str,
    /// In base64, as AUTH LOGIN sends it.
    pub login_as_sent: &'static str,
    /// The same.
    pub password_as_sent: &'static str,
}

pub const APPLICATION: Application = Application {
    sender: "pje@tjpa.jus.br",
    password: "correct horse battery staple 17",
    login_as_sent: "c3ZjLXBqZQ==",
    password_as_sent: "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSAxNw==",
};

/// `applications.toml`, with the line that `portaria application password` printed.
pub fn applications(password_hash: &str) -> String {
    format!(
        "[[application]]\nid = \"pje\"\nowner = \"o\"\nrequester = \"r\"\nevaluator = \"S3B\"\nevaluated = 2026-01-01\n\
         ticket = \"REQ 1\"\nreview_by = 2999-01-01\nsenders = [\"{}\"]\nmax_recipients = 5\nstate = \"active\"\n\
         login = \"svc-pje\"\n{password_hash}reach = \"internal\"\nmax_per_hour = 1000000\n",
        APPLICATION.sender
    )
}

impl Set {
    pub const BOTH: [Self; 2] = [Self::Alfa, Self::Beta];

    fn index(self) -> usize {
        self as usize
    }

    pub fn other(self) -> Self {
        Self::BOTH[1 - self.index()]
    }

    /// Its folder beside `portaria.toml`.
    pub fn folder(self) -> &'static str {
        ["rules-alfa", "rules-beta"][self.index()]
    }

    fn name(self) -> &'static str {
        ["ALFA", "BETA"][self.index()]
    }

    /// The word that it holds.
    pub fn holds(self) -> &'static str {
        WORDS[self.index()]
    }

    /// The mailbox that it blocks.
    pub fn blocks(self) -> &'static str {
        MAILBOXES[self.index()]
    }

    /// The rule that holds.
    pub fn holding(self) -> String {
        format!("{}-1", self.name())
    }

    /// The rule that tags.
    pub fn tagging(self) -> String {
        format!("{}-2", self.name())
    }

    /// `subjects/set.toml`
    pub fn rules(self) -> String {
        rule(&self.holding(), self.holds(), "quarantine") + &rule(&self.tagging(), self.other().holds(), "tag")
    }

    /// `mailboxes.toml`
    pub fn mailboxes(self) -> String {
        format!(
            "[[blocked]]\nmailbox = \"{}\"\ndirection = \"receive\"\nreason = \"r\"\nticket = \"t\"\nby = \"b\"\n",
            self.blocks()
        )
    }

    /// Writes it into a folder.
    pub fn write(self, folder: &Path) {
        fs::create_dir_all(folder.join("subjects")).unwrap();
        fs::write(folder.join("subjects/set.toml"), self.rules()).unwrap();
        fs::write(folder.join("mailboxes.toml"), self.mailboxes()).unwrap();
    }
}

/// One rule for a word.
pub fn rule(id: &str, word: &str, action: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ndescription = \"{word}\"\nowner = \"S3B\"\nticket = \"REQ 2026/1\"\nmode = \"enforce\"\n\
         [[rule.match]]\nall_words = [\"{word}\"]\n[rule.action]\nkind = \"{action}\"\n\
         [[rule.example]]\nsubject = \"vento {word}\"\nexpect = \"match\"\n\
         [[rule.example]]\nsubject = \"ata\"\nexpect = \"no match\"\n\n"
    )
}
