//! `N! ready …`: the connection to a next hop that was asked for, as a script writes it, and as its EHLO lines say it.

use portaria::smtp::extension::Capabilities;

/// Such a connection.
#[derive(Clone, Debug)]
pub struct Ready {
    /// It was not to be one that was used before.
    pub fresh: bool,
    /// It was used before.
    pub reused: bool,
    /// RSET is to go out in front of MAIL.
    pub owes_reset: bool,
    /// How often MAIL was said on it.
    pub mails: u32,
    /// The next hop.
    pub to: String,
    /// Which of its addresses; none: the first.
    pub address: Option<String>,
    /// The address that was to be avoided, or `nobody`.
    pub avoids: Option<String>,
    /// The lines of its EHLO reply.
    lines: Vec<String>,
}

impl Ready {
    /// The words behind `N! ready`. A keyword has its parameters behind `=`, and `:` for the `=` in them.
    pub fn parse(words: &[String]) -> Option<Self> {
        let mut ready = Self {
            fresh: false,
            reused: false,
            owes_reset: false,
            mails: 0,
            to: "mailbox".to_owned(),
            address: None,
            avoids: None,
            lines: vec!["mbx1.tjpa.jus.br".to_owned()],
        };
        for word in words {
            match word.split_once('=') {
                None if word == "reused" => ready.reused = true,
                None if word == "owes-reset" => ready.owes_reset = true,
                None if word == "fresh" => ready.fresh = true,
                Some(("mails", number)) => ready.mails = number.parse().ok()?,
                Some(("to", name)) => name.clone_into(&mut ready.to),
                Some(("address", is)) => ready.address = Some(is.to_owned()),
                Some(("avoids", is)) => ready.avoids = Some(is.to_owned()),
                _ => ready.lines.push(word.replace('=', " ").replace(':', "=")),
            }
        }
        Some(ready)
    }

    /// The same, when it was introduced.
    pub fn introduced(&self) -> Self {
        Self { reused: false, owes_reset: false, ..self.clone() }
    }

    /// What its EHLO reply says, read as the gateway reads it.
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::from_ehlo_lines(&self.lines)
    }

    /// Its EHLO reply.
    pub fn ehlo_reply(&self) -> String {
        let last = self.lines.len() - 1;
        let line = |(nth, line): (usize, &String)| format!("250{}{line}\r\n", if nth == last { ' ' } else { '-' });
        self.lines.iter().enumerate().map(line).collect()
    }

    /// Whether MAIL was said on it as often as it takes it (RFC 9422, MAILMAX), after so many.
    pub fn is_used_up(&self, mails: u32) -> bool {
        self.capabilities().limits.transactions.is_some_and(|most| mails >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_become_an_ehlo_reply() {
        let words = ["fresh", "mails=2", "to=other", "PIPELINING", "XFORWARD=NAME=ADDR", "LIMITS=MAILMAX:3=RCPTMAX:2"];
        let ready = Ready::parse(&words.map(str::to_owned)).unwrap();
        let reply =
            "250-mbx1.tjpa.jus.br\r\n250-PIPELINING\r\n250-XFORWARD NAME ADDR\r\n250 LIMITS MAILMAX=3 RCPTMAX=2\r\n";
        assert_eq!(ready.ehlo_reply(), reply);
        assert!(ready.fresh && !ready.reused && ready.to == "other" && ready.is_used_up(3) && !ready.is_used_up(2));
    }
}
