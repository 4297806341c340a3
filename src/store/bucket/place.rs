//! Where a bucket is: `[quarantine.s3]` as a value that can be opened, and the credentials, read from a file when it is.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use hyper::Uri;

/// A bucket of a server that speaks S3. No secret stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPlace {
    /// `endpoint`, without a slash at its end.
    endpoint: String,
    /// `bucket`
    pub bucket: String,
    /// `prefix`: what every key begins with; may be empty.
    pub prefix: String,
    /// `region`: a part of what is signed.
    pub region: String,
    /// `path_style`: the bucket's name is the first part of the path, and not of the host's name.
    pub path_style: bool,
    /// `credentials`: the file; none: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` of the environment.
    pub credentials: Option<PathBuf>,
    /// `spool`: octets of content that may wait on this node's disk for the bucket; beyond them nothing is held.
    pub spool: u64,
}

/// Why an endpoint is none that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointFault {
    /// Not `https://HOST[:PORT]`, and nothing behind it.
    NotHttp,
    /// `http://`, and it leaves this machine.
    InClear,
}

impl BucketPlace {
    /// At an endpoint; `in_clear`: one beyond this machine may be spoken to without TLS.
    pub fn new(endpoint: &str, in_clear: bool, bucket: &str) -> Result<Self, EndpointFault> {
        let uri: Uri = endpoint.parse().map_err(|_| EndpointFault::NotHttp)?;
        let authority = uri.authority().filter(|it| !it.as_str().contains('@')).ok_or(EndpointFault::NotHttp)?;
        let (port, host) = (authority.as_str().strip_prefix(authority.host()), authority.host());
        let port_is_good = port == Some("") || authority.port_u16().is_some_and(|port| port != 0);
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if host.is_empty() || !port_is_good || !bare {
            return Err(EndpointFault::NotHttp);
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if in_clear || is_here(host) => {}
            Some("http") => return Err(EndpointFault::InClear),
            _ => return Err(EndpointFault::NotHttp),
        }
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            bucket: bucket.to_owned(),
            prefix: String::new(),
            region: "us-east-1".to_owned(),
            path_style: true,
            credentials: None,
            spool: 4 << 30,
        })
    }

    /// What requests go to: with the bucket in the host's name, unless paths have it.
    pub(super) fn endpoint(&self) -> String {
        match self.endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => format!("{scheme}://{}.{host}", self.bucket),
            _ => self.endpoint.clone(),
        }
    }
}

impl fmt::Display for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint, self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

fn is_here(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Who we are to the server.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.id)
    }
}

impl Credentials {
    /// A file as the AWS tools write it: `aws_access_key_id = …`, `aws_secret_access_key = …`, perhaps `aws_session_token = …`; what else stands
    /// there does not count. Of several profiles `[default]` is meant, and without that name none: to take the first is to sign with
    /// somebody else's key one day.
    pub(super) fn parse(text: &str) -> Result<Self, CredentialsFault> {
        let profiles = profiles(text);
        let lines = match profiles.as_slice() {
            [] => Vec::new(),
            [(_, only)] => only.clone(),
            several => match several.iter().find(|(name, _)| *name == "default") {
                Some((_, lines)) => lines.clone(),
                None => {
                    let names = several.iter().map(|(name, _)| format!("[{name}]")).collect::<Vec<_>>();
                    return Err(CredentialsFault::Profiles(names.join(", ")));
                }
            },
        };
        let value = |wanted: &str| lines.iter().find(|(key, _)| *key == wanted).map(|(_, value)| (*value).to_owned());
        Self::of(value("aws_access_key_id"), value("aws_secret_access_key"), value("aws_session_token"))
    }

    /// Those of the environment.
    pub(super) fn of_environment() -> Result<Self, CredentialsFault> {
        let value = |name| std::env::var(name).ok();
        Self::of(value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"), value("AWS_SESSION_TOKEN"))
    }

    fn of(id: Option<String>, secret: Option<String>, token: Option<String>) -> Result<Self, CredentialsFault> {
        let full = |value: Option<String>| value.filter(|value| !value.is_empty());
        Ok(Self {
            id: full(id).ok_or(CredentialsFault::Missing("aws_access_key_id"))?,
            secret: full(secret).ok_or(CredentialsFault::Missing("aws_secret_access_key"))?,
            token: full(token),
        })
    }
}

/// Why nothing says who we are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CredentialsFault {
    /// This key has no value.
    Missing(&'static str),
    /// There are these profiles, and none of them is `[default]`.
    Profiles(String),
}

/// A profile's name, and what stands in it.
type Profile<'t> = (&'t str, Vec<(&'t str, &'t str)>);

/// Those in which something stands. What stands in front of the first name has none.
fn profiles(text: &str) -> Vec<Profile<'_>> {
    let mut profiles: Vec<Profile<'_>> = vec![("", Vec::new())];
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            profiles.push((name.trim(), Vec::new()));
        } else if let (Some((key, value)), Some((_, lines))) = (line.split_once('='), profiles.last_mut()) {
            lines.push((key.trim(), value.trim()));
        }
    }
    profiles.retain(|(_, lines)| !lines.is_empty());
    profiles
}

/// Whether a text can be a bucket's name: 3 to 63 of a to z, digits, hyphens and dots, a letter or digit at both ends.
pub fn is_bucket(name: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    let ends = [name.bytes().next(), name.bytes().last()];
    (3..=63).contains(&name.len())
        && name.bytes().all(|octet| plain(octet) || b".-".contains(&octet))
        && ends.iter().all(|end| end.is_some_and(plain))
}

/// Whether a text can be what keys begin with: parts of letters, digits, `._-`, with single slashes between.
pub fn is_prefix(text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    let part = |part: &str| !part.is_empty() && !matches!(part, "." | "..") && part.bytes().all(plain);
    text.len() <= 200 && (text.is_empty() || text.split('/').all(part))
}

/// Shown in faults: where credentials are looked for.
pub(super) fn named(file: Option<&Path>) -> PathBuf {
    file.map_or_else(|| PathBuf::from("environment"), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_somebody_says_otherwise() {
        let fault = |endpoint, in_clear| BucketPlace::new(endpoint, in_clear, "portaria").err();
        for good in ["https://s3.example", "https://s3.example:9000/", "http://127.0.0.1:5000", "http://[::1]:5000"] {
            assert_eq!(fault(good, false), None, "{good}");
        }
        assert_eq!(fault("http://s3.example", false), Some(EndpointFault::InClear));
        assert_eq!(fault("http://s3.example", true), None);
        for bad in
            ["s3.example", "ftp://s3.example", "https://a:b@s3.example", "https://s3.example/x", "https://h:0", ""]
        {
            assert_eq!(fault(bad, true), Some(EndpointFault::NotHttp), "{bad}");
        }
    }

    #[test]
    fn a_bucket_stands_in_the_path_or_in_the_name() {
        let mut place = BucketPlace::new("https://s3.example/", false, "held").unwrap();
        assert_eq!(place.endpoint(), "https://s3.example");
        place.path_style = false;
        assert_eq!(place.endpoint(), "https://held.s3.example");
        place.prefix = "a/b".to_owned();
        assert_eq!(place.to_string(), "https://s3.example/held/a/b");
    }

    #[test]
    fn credentials_are_read_as_the_usual_tools_write_them() {
        let text = "[default]\naws_access_key_id = AKIA\naws_secret_access_key=a/b+c==\nregion = x\n";
        let read = Credentials::parse(text).unwrap();
        assert_eq!((read.id.as_str(), read.secret.as_str(), &read.token), ("AKIA", "a/b+c==", &None));
        assert!(!format!("{read:?}").contains("a/b"));
        let missing = CredentialsFault::Missing;
        assert_eq!(Credentials::parse("aws_access_key_id = AKIA"), Err(missing("aws_secret_access_key")));
        assert_eq!(Credentials::parse("aws_access_key_id ="), Err(missing("aws_access_key_id")));
        assert_eq!(Credentials::parse(""), Err(missing("aws_access_key_id")));
    }

    /// One profile is the one, whatever its name; of several it is the default, whole, and no part of another.
    #[test]
    fn of_several_profiles_the_default_is_meant_or_none() {
        let profile = |name: &str, id: &str| format!("[{name}]\naws_access_key_id={id}\naws_secret_access_key=s{id}\n");
        let (other, default) = (profile("backup", "OTHER"), profile("default", "MINE"));
        let token = "aws_session_token = theirs\n";
        for (text, id) in [
            (other.clone(), "OTHER"),
            (format!("# of 2026\n\n[empty]\n{other}"), "OTHER"),
            (format!("{other}{token}{default}"), "MINE"),
            (format!("{default}{other}{token}"), "MINE"),
        ] {
            let read = Credentials::parse(&text).unwrap();
            assert_eq!((read.id.as_str(), read.secret, read.token), (id, format!("s{id}"), None), "{text}");
        }
        let two = other + &profile("archive", "THIRD");
        assert_eq!(Credentials::parse(&two), Err(CredentialsFault::Profiles("[backup], [archive]".to_owned())));
        let half = format!("[default]\naws_access_key_id = MINE\n{two}");
        assert_eq!(Credentials::parse(&half), Err(CredentialsFault::Missing("aws_secret_access_key")));
    }

    #[test]
    fn names_are_what_servers_take() {
        for (name, good) in
            [("portaria", true), ("a.b-c", true), ("ab", false), ("Portaria", false), ("-ab", false), ("a/bc", false)]
        {
            assert_eq!(is_bucket(name), good, "{name}");
        }
        for (text, good) in [("", true), ("a", true), ("a/b.c", true), ("/a", false), ("a//b", false), ("../a", false)]
        {
            assert_eq!(is_prefix(text), good, "{text}");
        }
    }
}
