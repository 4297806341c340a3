//! MAIL and RCPT as we say them to a next hop: from values only, with the parameters that it offered and no others.

use std::fmt::{self, Write as _};

use crate::smtp::{
    envelope::{MailFrom, RcptTo},
    extension::Capabilities,
    parameter::{Body, Ret},
};

/// MAIL with the parameters that the next hop offers. `size` goes out under SIZE, whatever the client declared.
pub(super) fn mail(mail: &MailFrom, size: Option<u64>, offered: &Capabilities) -> String {
    let parameters = &mail.parameters;
    let body = parameters.body.map(|body| match body {
        Body::SevenBit => "7BIT",
        Body::EightBitMime => "8BITMIME",
    });
    let ret = parameters.ret.map(|ret| match ret {
        Ret::Full => "FULL",
        Ret::Headers => "HDRS",
    });
    let mut line = Line::new(format_args!("MAIL FROM:<{}>", mail.path));
    line.parameter("SIZE", size.filter(|_| offered.size.is_some()));
    line.parameter("BODY", body.filter(|_| offered.eight_bit_mime));
    if parameters.smtputf8 && offered.smtputf8 {
        line.word("SMTPUTF8");
    }
    line.parameter("RET", ret.filter(|_| offered.dsn));
    line.parameter("ENVID", parameters.envid.as_deref().filter(|_| offered.dsn));
    line.end()
}

/// RCPT, with NOTIFY and ORCPT under DSN. A source route is never passed on (RFC 5321 §3.3, Appendix C).
pub(super) fn rcpt(rcpt: &RcptTo, offered: &Capabilities) -> String {
    let mut line = Line::new(format_args!("RCPT TO:<{}>", rcpt.path));
    line.parameter("NOTIFY", rcpt.parameters.notify.as_deref().filter(|_| offered.dsn));
    line.parameter("ORCPT", rcpt.parameters.orcpt.as_deref().filter(|_| offered.dsn));
    line.end()
}

/// A command line being written.
struct Line(String);

impl Line {
    fn new(start: fmt::Arguments<'_>) -> Self {
        // Most commands have room in it, and are written without being copied.
        let mut line = String::with_capacity(96);
        // Writing to a String cannot fail.
        let _ = line.write_fmt(start);
        Self(line)
    }

    fn word(&mut self, word: &str) {
        self.0.push(' ');
        self.0.push_str(word);
    }

    fn parameter(&mut self, keyword: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            let _ = write!(self.0, " {keyword}={value}");
        }
    }

    /// The line with its CRLF. The grammar of paths and parameters has no control characters; should a value ever get here past
    /// it, it must not become a second command (promise 3).
    fn end(self) -> String {
        let mut line = self.0;
        if line.chars().any(char::is_control) {
            line = line.chars().map(|char| if char.is_control() { '?' } else { char }).collect();
        }
        line.push_str("\r\n");
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::{
        parameter::{MailParameters, RcptParameters},
        path::{Domain, ForwardPath, Host, Mailbox, ReversePath},
    };

    fn everything() -> Capabilities {
        Capabilities {
            pipelining: true,
            eight_bit_mime: true,
            smtputf8: true,
            dsn: true,
            starttls: true,
            enhanced_status_codes: true,
            size: Some(0),
            ..Capabilities::default()
        }
    }

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text).unwrap()
    }

    #[test]
    fn mail_with_what_is_offered_and_nothing_else() {
        let full = MailParameters {
            size: Some(7),
            body: Some(Body::EightBitMime),
            smtputf8: true,
            ret: Some(Ret::Headers),
            envid: Some("a+2B".to_owned()),
        };
        let seven = MailParameters { body: Some(Body::SevenBit), ret: Some(Ret::Full), ..MailParameters::default() };
        let none = Capabilities::default;
        let a = "a@example.org";
        for (path, parameters, size, offered, expected) in [
            (
                Some(a),
                &full,
                Some(9),
                everything(),
                "<a@example.org> SIZE=9 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2B",
            ),
            (Some(a), &full, Some(9), none(), "<a@example.org>"),
            (Some(a), &full, Some(9), Capabilities { size: Some(1), ..none() }, "<a@example.org> SIZE=9"),
            (Some(a), &full, None, Capabilities { size: Some(1), ..none() }, "<a@example.org>"),
            (Some(a), &full, Some(9), Capabilities { eight_bit_mime: true, ..none() }, "<a@example.org> BODY=8BITMIME"),
            (Some(a), &full, Some(9), Capabilities { smtputf8: true, ..none() }, "<a@example.org> SMTPUTF8"),
            (Some(a), &full, Some(9), Capabilities { dsn: true, ..none() }, "<a@example.org> RET=HDRS ENVID=a+2B"),
            (None, &seven, None, everything(), "<> BODY=7BIT RET=FULL"),
            (None, &MailParameters::default(), None, everything(), "<>"),
        ] {
            let path = path.map_or(ReversePath::Null, |path| ReversePath::Mailbox(mailbox(path)));
            let mail = mail(&MailFrom { path, parameters: parameters.clone() }, size, &offered);
            assert_eq!(mail, format!("MAIL FROM:{expected}\r\n"));
        }
    }

    #[test]
    fn rcpt_keeps_the_spelling_and_drops_the_route() {
        let dsn = RcptParameters { notify: Some("FAILURE,DELAY".to_owned()), orcpt: Some("rfc822;b@x".to_owned()) };
        let routed = || ForwardPath::Mailbox {
            mailbox: mailbox("\"B C\"@Example.ORG"),
            source_route: vec![Domain::parse("relay.example").unwrap()],
        };
        for (path, offered, expected) in [
            (ForwardPath::Postmaster, everything(), "<postmaster> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@x"),
            (routed(), everything(), "<\"B C\"@Example.ORG> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b@x"),
            (routed(), Capabilities { dsn: false, ..everything() }, "<\"B C\"@Example.ORG>"),
        ] {
            let line = rcpt(&RcptTo { path, parameters: dsn.clone() }, &offered);
            assert_eq!(line, format!("RCPT TO:{expected}\r\n"));
        }
    }

    /// Promise 3: a value that got past the grammar is still one line.
    #[test]
    fn no_value_becomes_a_second_command() {
        let mut evil = mailbox("a@example.org");
        evil.host = Host::Literal("[x]>\r\nDATA\r\n".to_owned());
        let path = ForwardPath::Mailbox { mailbox: evil, source_route: Vec::new() };
        let line = rcpt(&RcptTo { path, parameters: RcptParameters::default() }, &everything());
        assert_eq!(line, "RCPT TO:<a@[x]>??DATA??>\r\n");
    }
}
