//! Postfix as the mailbox server: a few mailboxes in Maildir, and `550 5.1.1` for everybody else.

use std::{fs, time::Duration};

use super::{
    postfix::{Postfix, user_id},
    scratch::files_under,
    waiting::wait_for,
};

/// It serves the same mailboxes under `tjpa.jus.br` and `tjepa.jus.br`.
#[derive(Debug)]
pub struct MailboxServer {
    postfix: Postfix,
}

impl MailboxServer {
    /// Starts it with these mailboxes (local parts).
    pub fn start(mailboxes: &[&str]) -> Self {
        Self::with(mailboxes, "")
    }

    /// The same, with further lines of `main.cf`.
    pub fn with(mailboxes: &[&str], more: &str) -> Self {
        let maps: Vec<String> = mailboxes
            .iter()
            .flat_map(|name| ["tjpa.jus.br", "tjepa.jus.br"].map(|domain| format!("{{ {name}@{domain} = {name}/ }}")))
            .collect();
        let nobody = user_id("nobody");
        let settings = format!(
            "myhostname = mbx.tjpa.jus.br\n\
             virtual_mailbox_domains = tjpa.jus.br tjepa.jus.br\n\
             virtual_mailbox_base = FOLDER/mail\n\
             virtual_mailbox_maps = inline:{{ {} }}\n\
             virtual_uid_maps = static:{nobody}\n\
             virtual_gid_maps = static:{nobody}\n\
             smtpd_relay_restrictions = reject_unauth_destination\n{more}",
            maps.join(", ")
        );
        let postfix = Postfix::start("mailboxes", &settings);
        let mail = postfix.folder().join("mail");
        fs::create_dir_all(&mail).unwrap();
        std::os::unix::fs::chown(&mail, Some(nobody), None).unwrap();
        Self { postfix }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.postfix.port()
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.postfix.log()
    }

    /// The messages in a mailbox, with LF as line end, as Maildir has them.
    pub fn mailbox(&self, name: &str) -> Vec<String> {
        let folder = self.postfix.folder().join("mail").join(name).join("new");
        files_under(&folder).iter().map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }

    /// Waits for the first message in a mailbox.
    #[track_caller]
    pub fn wait_for_mail(&self, name: &str) -> String {
        wait_for(&format!("a message in the mailbox {name}"), Duration::from_secs(20), || {
            self.mailbox(name).into_iter().next()
        })
    }
}

#[test]
fn the_mailbox_server_keeps_what_is_for_its_people_and_knows_nobody_else() {
    let server = MailboxServer::start(&["maria"]);
    let mut client = super::client::Client::connect(server.port());
    client.say("MAIL FROM:<a@origin.example>").expect("250", "MAIL");
    let refusal = client.say("RCPT TO:<ninguem@tjpa.jus.br>");
    assert!(
        refusal.is("550 5.1.1") && refusal.text.contains("User unknown in virtual mailbox table"),
        "{}",
        refusal.line()
    );
    client.say("RCPT TO:<maria@tjepa.jus.br>").expect("250", "RCPT");
    client.data(b"Subject: x\r\n\r\nolar\r\n").expect("250", "dot");
    assert!(server.wait_for_mail("maria").ends_with("\nSubject: x\n\nolar\n"));
}
