//! EHLO keywords: those that a next hop said, and those that we offer (RFC 5321 §2.2, §4.1.1.1; decision 13).

/// What a next hop said to EHLO, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920)
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152)
    pub eight_bit_mime: bool,
    /// SMTPUTF8 (RFC 6531)
    pub smtputf8: bool,
    /// DSN (RFC 3461)
    pub dsn: bool,
    /// STARTTLS (RFC 3207)
    pub starttls: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034)
    pub enhanced_status_codes: bool,
    /// SIZE (RFC 1870): offered, and its limit (0 or absent: none stated)
    pub size: Option<u64>,
}

impl Capabilities {
    /// Reads the lines of a 250 reply to EHLO (the first is the greeting). Unknown keywords are passed over.
    pub fn from_ehlo_lines(lines: &[String]) -> Self {
        let _ = lines;
        todo!()
    }
    /// What every one of several next hops can do; `size` is the smallest limit stated.
    pub fn common(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let _ = all.into_iter().count();
        todo!()
    }
}

/// What one listener offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// End to end: only if every next hop was last seen to have it.
    pub eight_bit_mime: bool,
    /// End to end.
    pub smtputf8: bool,
    /// End to end.
    pub dsn: bool,
    /// Hop by hop: whether this listener has a certificate and the session is not under TLS yet.
    pub starttls: bool,
    /// The limit announced, octets.
    pub size: u64,
}

impl Offer {
    /// Decision 13. `seen` is what all next hops reachable from the listener have in common, `None` when one was never seen.
    pub fn new(seen: Option<&Capabilities>, message_size: u64, starttls: bool) -> Self {
        let _ = (seen, message_size, starttls);
        todo!()
    }
    /// The lines of our reply to EHLO; the first is our name.
    pub fn ehlo_lines(&self, hostname: &str) -> Vec<String> {
        let mut lines = vec![hostname.to_owned(), "PIPELINING".to_owned(), format!("SIZE {}", self.size)];
        let keywords = [
            ("8BITMIME", self.eight_bit_mime),
            ("STARTTLS", self.starttls),
            ("ENHANCEDSTATUSCODES", true),
            ("DSN", self.dsn),
            ("SMTPUTF8", self.smtputf8),
        ];
        lines.extend(keywords.iter().filter(|(_, offered)| *offered).map(|(keyword, _)| (*keyword).to_owned()));
        lines
    }
}
