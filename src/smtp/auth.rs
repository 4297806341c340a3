//! AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login): from base64 to a login and a password.
//!
//! In: the mechanism, and each response of the client as it stood on the wire. Out: the next challenge, or credentials, or what is
//! wrong with them. Whether they are right is not known here, nor who may use them.
//!
//! A password is a [`Secret`] from the first octet on: nothing prints it, and an error says where something is wrong and never what.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::violation::Violation;

/// What our EHLO says behind AUTH, under TLS only.
pub const OFFERED: &str = "AUTH PLAIN LOGIN";

/// Octets of a login at most (RFC 4616 §2 asks for 255 to be taken).
const LOGIN: usize = 255;
/// Octets of a password at most (RFC 4616 §2 asks for 255 to be taken).
const PASSWORD: usize = 1024;

/// Octets that are shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// To compare, and for nothing else.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Who the client says it is, and how it means to prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name, not empty, at most 255 octets, no control characters.
    pub login: String,
    /// Not empty, at most 1024 octets.
    pub password: Secret,
}

/// A mechanism that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616
    Plain,
    /// Old, and all that some applications can do.
    Login,
}

/// AUTH as understood: `AUTH SP sasl-mech [SP initial-response]` (RFC 4954 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How.
    pub mechanism: Mechanism,
    /// What it says first; none: it waits to be asked.
    pub initial: Option<Secret>,
}

impl Auth {
    /// Reads the argument of the command.
    pub fn parse(argument: &[u8]) -> Result<Self, Violation> {
        let mut words = argument.splitn(2, |octet| *octet == b' ');
        let mechanism = match words.next().unwrap_or_default().to_ascii_uppercase().as_slice() {
            b"PLAIN" => Mechanism::Plain,
            b"LOGIN" => Mechanism::Login,
            b"" => return Err(Violation::MissingArgument),
            _ => return Err(Violation::UnknownMechanism),
        };
        // "=" is a response of no octets (§4).
        let initial =
            words.next().map(|written| if written == b"=" { Ok(Secret(Vec::new())) } else { decode(written) });
        Ok(Self { mechanism, initial: initial.transpose()? })
    }
}

/// An exchange under way: what the next response is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The one message of PLAIN.
    Plain,
    /// The login of LOGIN.
    Login,
    /// The password of LOGIN.
    Password {
        /// The login that was given.
        login: String,
    },
}

/// How an exchange goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client is to be asked.
    Ask(Exchange),
    /// It has said all.
    Done(Credentials),
}

impl Exchange {
    /// The exchange that a command begins; its initial response is the first response.
    pub fn begin(auth: Auth) -> Result<Step, Violation> {
        let first = match auth.mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::Login,
        };
        match auth.initial {
            Some(initial) => first.take(&initial),
            None => Ok(Step::Ask(first)),
        }
    }

    /// What the client hears behind 334: base64, as clients of LOGIN expect it to the letter.
    pub fn challenge(&self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Login => "VXNlcm5hbWU6",
            Self::Password { .. } => "UGFzc3dvcmQ6",
        }
    }

    /// A response as it stood on the line; `*` gives up (RFC 4954 §4).
    pub fn respond(self, line: &[u8]) -> Result<Step, Violation> {
        if line == b"*" {
            return Err(Violation::AuthCancelled);
        }
        self.take(&decode(line)?)
    }

    fn take(self, response: &Secret) -> Result<Step, Violation> {
        match self {
            Self::Plain => plain(response.octets()).map(Step::Done),
            Self::Login => Ok(Step::Ask(Self::Password { login: login(response.octets())? })),
            Self::Password { login } => Ok(Step::Done(Credentials { login, password: password(response.octets())? })),
        }
    }
}

/// `[authzid] NUL authcid NUL passwd` (RFC 4616 §2). Nobody acts for somebody else here: an authzid is the login again, or absent.
fn plain(message: &[u8]) -> Result<Credentials, Violation> {
    let parts: Vec<&[u8]> = message.splitn(4, |octet| *octet == 0).collect();
    let [acts_for, name, secret] = parts.as_slice() else { return Err(Violation::Credentials) };
    if !acts_for.is_empty() && acts_for != name {
        return Err(Violation::Credentials);
    }
    Ok(Credentials { login: login(name)?, password: password(secret)? })
}

fn login(octets: &[u8]) -> Result<String, Violation> {
    let text = std::str::from_utf8(octets).map_err(|_| Violation::Credentials)?;
    let fits = !text.is_empty() && text.len() <= LOGIN && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or(Violation::Credentials)
}

fn password(octets: &[u8]) -> Result<Secret, Violation> {
    let fits = !octets.is_empty() && octets.len() <= PASSWORD;
    fits.then(|| octets.into()).ok_or(Violation::Credentials)
}

/// Strict base64 (RFC 4648 §4): padded, and nothing in it that another reader would pass over.
fn decode(written: &[u8]) -> Result<Secret, Violation> {
    STANDARD.decode(written).map(Secret).map_err(|_| Violation::Credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &str) -> String {
        STANDARD.encode(text)
    }

    /// Login and password; none: something is still awaited.
    type End = Result<Option<(String, Vec<u8>)>, Violation>;

    /// What the client says after AUTH, one line after the other; the challenges that it hears, and what comes of it.
    fn exchange(argument: &str, lines: &[&str]) -> (Vec<&'static str>, End) {
        let mut challenges = Vec::new();
        let mut step = Auth::parse(argument.as_bytes()).and_then(Exchange::begin);
        for line in lines {
            let Ok(Step::Ask(exchange)) = step else { break };
            challenges.push(exchange.challenge());
            step = exchange.respond(line.as_bytes());
        }
        let end = step.map(|step| match step {
            Step::Ask(_) => None,
            Step::Done(credentials) => Some((credentials.login, credentials.password.0)),
        });
        (challenges, end)
    }

    #[test]
    fn plain_and_login_with_and_without_an_initial_response() {
        let whole = encode("\0svc-pje\0tim tanstaaf");
        let (user, secret) = (encode("svc-pje"), encode("tim tanstaaf"));
        let done = Ok(Some(("svc-pje".to_owned(), b"tim tanstaaf".to_vec())));
        let rows: &[(&str, &[&str], &[&str])] = &[
            (&format!("PLAIN {whole}"), &[], &[]),
            ("plain", &[&whole], &[""]),
            (&format!("PLAIN {}", encode("svc-pje\0svc-pje\0tim tanstaaf")), &[], &[]),
            ("LOGIN", &[&user, &secret], &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
            (&format!("login {user}"), &[&secret], &["UGFzc3dvcmQ6"]),
        ];
        for (argument, lines, challenges) in rows {
            assert_eq!(exchange(argument, lines), (challenges.to_vec(), done.clone()), "{argument}");
        }
    }

    #[test]
    fn what_is_no_response_is_told_without_saying_what_was_wrong_in_it() {
        let long = encode(&format!("\0a\0{}", "x".repeat(1025)));
        let long_name = encode(&format!("\0{}\0b", "x".repeat(256)));
        let rows: &[(&str, &[&str], Violation)] = &[
            ("", &[], Violation::MissingArgument),
            ("CRAM-MD5", &[], Violation::UnknownMechanism),
            ("PLAINX", &[], Violation::UnknownMechanism),
            ("PLAIN", &["*"], Violation::AuthCancelled),
            ("LOGIN", &["YQ==", "*"], Violation::AuthCancelled),
            ("PLAIN", &["not base64!"], Violation::Credentials),
            ("PLAIN AGEAYg", &[], Violation::Credentials),
            ("PLAIN AGEAYg==  ", &[], Violation::Credentials),
            ("PLAIN =", &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("a\0b")), &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("\0a\0b\0c")), &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("\0\0b")), &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("\0a\0")), &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("root\0a\0b")), &[], Violation::Credentials),
            (&format!("PLAIN {}", encode("\0a\nb\0c")), &[], Violation::Credentials),
            (&format!("PLAIN {long}"), &[], Violation::Credentials),
            (&format!("PLAIN {long_name}"), &[], Violation::Credentials),
            ("LOGIN =", &[], Violation::Credentials),
            ("LOGIN", &["", ""], Violation::Credentials),
        ];
        for (argument, lines, expected) in rows {
            assert_eq!(exchange(argument, lines).1, Err(*expected), "{argument} {lines:?}");
        }
    }

    #[test]
    fn nothing_shows_a_password() {
        let auth = Auth::parse(format!("PLAIN {}", encode("\0a\0hunter2")).as_bytes()).unwrap();
        let Ok(Step::Done(credentials)) = Exchange::begin(auth.clone()) else { panic!("not done") };
        for shown in [format!("{auth:?}"), format!("{credentials:?}"), format!("{:?}", credentials.password)] {
            assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
        }
    }
}
