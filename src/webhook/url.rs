//! The address of a webhook, as configured.
//!
//! Many such addresses carry their secret in the path or the query, so what is shown of one is scheme, host and port.

use std::fmt;

use hyper::Uri;

/// An `https://` or `http://` address.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(super) tls: bool,
    /// To connect to: a name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and port as written, for the header field Host.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
}

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// Neither `https://HOST…` nor `http://HOST…`.
    NotHttp,
    /// There is a user (and perhaps a password) in it.
    User,
}

impl Url {
    /// Reads an address. What follows a `#` is for browsers and is left out.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let uri: Uri = text.parse().map_err(|_| UrlFault::NotHttp)?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(UrlFault::NotHttp),
        };
        let authority = uri.authority().ok_or(UrlFault::NotHttp)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::User);
        }
        // `host:` and `host:70000` have a port that is none.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => Some(if tls { 443 } else { 80 }),
            _ => authority.port_u16().filter(|port| *port != 0),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let named = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c));
        Ok(Self {
            tls,
            host: if named { host.to_owned() } else { return Err(UrlFault::NotHttp) },
            port: port.ok_or(UrlFault::NotHttp)?,
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// Whether everybody on the way could read it.
    pub fn is_in_clear(&self) -> bool {
        let here = self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        !self.tls && !here
    }
}

/// `https://alerts.tjpa.jus.br/…`
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = (if self.tls { "https" } else { "http" }, if self.path == "/" { "" } else { "…" });
        write!(f, "{scheme}://{}/{rest}", self.authority)
    }
}

/// As shown: settings are printed whole where somebody looks for a fault.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_configured() {
        for (text, parts) in [
            ("https://alerts.tjpa.jus.br/portaria", Ok((true, "alerts.tjpa.jus.br", 443, "/portaria"))),
            ("http://127.0.0.1:8080", Ok((false, "127.0.0.1", 8080, "/"))),
            ("http://[::1]:9/x?y=z#f", Ok((false, "::1", 9, "/x?y=z"))),
            ("HTTPS://a.example/", Ok((true, "a.example", 443, "/"))),
            ("alerts.tjpa.jus.br", Err(UrlFault::NotHttp)),
            ("ftp://a.example/", Err(UrlFault::NotHttp)),
            ("https://", Err(UrlFault::NotHttp)),
            ("https:///x", Err(UrlFault::NotHttp)),
            ("https://a.example:70000/", Err(UrlFault::NotHttp)),
            ("https://a.example:0/", Err(UrlFault::NotHttp)),
            ("https://a.example:/", Err(UrlFault::NotHttp)),
            ("https://a.example/x y", Err(UrlFault::NotHttp)),
            ("https://a.example/x\r\nHost: b", Err(UrlFault::NotHttp)),
            ("https://a$b/", Err(UrlFault::NotHttp)),
            ("https://user:secret@a.example/", Err(UrlFault::User)),
            ("/portaria", Err(UrlFault::NotHttp)),
            ("", Err(UrlFault::NotHttp)),
        ] {
            let read = Url::parse(text);
            let read = read.as_ref().map(|url| (url.tls, url.host.as_str(), url.port, url.path.as_str()));
            assert_eq!(read, parts.as_ref().copied(), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (text, shown) in [
            ("https://hooks.example/services/T0/B1/secret", "https://hooks.example/…"),
            ("http://hooks.example:81/?token=secret", "http://hooks.example:81/…"),
            ("https://hooks.example", "https://hooks.example/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.to_string(), format!("{url:?}")), (shown.to_owned(), shown.to_owned()));
        }
    }

    #[test]
    fn only_this_machine_may_be_told_in_clear() {
        for (text, clear) in
            [("https://a/", false), ("http://a/", true), ("http://127.0.0.1/", false), ("http://[::1]/", false)]
        {
            assert_eq!(Url::parse(text).unwrap().is_in_clear(), clear, "{text}");
        }
    }
}
