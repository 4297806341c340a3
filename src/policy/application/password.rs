//! Passwords of applications: argon2id (RFC 9106) in PHC strings, the only form in which one is kept.
//!
//! In: a string from the registry, or a password. Out: whether they belong together, after some 20 ms of work and as many MiB: whoever
//! asks does so where nobody waits. What a hash may cost is bounded, since anybody who can connect makes us compute it.

use std::{fmt, sync::Arc};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{Ident, SaltString},
};

use crate::smtp::auth::Secret;

/// KiB of memory that one verification may take.
const MEMORY: u32 = 64 * 1024;
/// Passes over it …
const PASSES: u32 = 10;
/// … and lanes.
const LANES: u32 = 4;

/// A password that nobody has, with what [`PasswordHash::make`] costs: an unknown login takes as long to refuse as a known one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9ydGFyaWEgZGVjb3kgMQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A hashed password, of a form and a cost that we take. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Arc<str>);

/// Why a string is not such a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Not a PHC string with salt and hash.
    #[error("it is no PHC string")]
    Malformed,
    /// Not argon2id, version 19.
    #[error("only argon2id, version 19, is taken")]
    Algorithm,
    /// Above 64 MiB, 10 passes or 4 lanes.
    #[error("it would cost too much to verify: at most m=65536, t=10, p=4")]
    Cost,
}

impl PasswordHash {
    /// A string of the registry.
    pub fn parse(written: &str) -> Result<Self, PasswordFault> {
        let hash = argon2::PasswordHash::new(written).map_err(|_| PasswordFault::Malformed)?;
        let is_argon2id = hash.algorithm == Ident::new_unwrap("argon2id") && hash.version == Some(19);
        if !is_argon2id {
            return Err(PasswordFault::Algorithm);
        }
        let params = Params::try_from(&hash).map_err(|_| PasswordFault::Malformed)?;
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(PasswordFault::Malformed);
        }
        let dear = params.m_cost() > MEMORY || params.t_cost() > PASSES || params.p_cost() > LANES;
        if dear { Err(PasswordFault::Cost) } else { Ok(Self(written.into())) }
    }

    /// The hash of a password, by what OWASP asks for (19 MiB, 2 passes). `salt`: 16 octets of chance.
    pub fn make(password: &Secret, salt: [u8; 16]) -> Result<Self, PasswordFault> {
        let salt = SaltString::encode_b64(&salt).map_err(|_| PasswordFault::Malformed)?;
        let hash = hasher().hash_password(password.octets(), &salt).map_err(|_| PasswordFault::Malformed)?;
        Ok(Self(hash.to_string().into()))
    }

    /// A hash that no password has.
    pub fn decoy() -> Self {
        Self(DECOY.into())
    }

    /// Whether it is the hash of this password. Takes time and memory: not for a thread on which others wait.
    pub fn is_of(&self, password: &Secret) -> bool {
        let Ok(hash) = argon2::PasswordHash::new(&self.0) else { return false };
        hasher().verify_password(password.octets(), &hash).is_ok()
    }

    /// As it is to be written into the registry: the one place where it is shown.
    pub fn written(&self) -> &str {
        &self.0
    }
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        text.as_bytes().into()
    }

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let hash = PasswordHash::make(&secret("hunter2"), [7; 16]).unwrap();
        assert!(hash.written().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.written());
        let read = PasswordHash::parse(hash.written()).unwrap();
        assert!(read.is_of(&secret("hunter2")) && !read.is_of(&secret("hunter3")) && !read.is_of(&secret("hunter2 ")));
        assert_ne!(PasswordHash::make(&secret("hunter2"), [8; 16]).unwrap(), hash, "another salt");
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
    }

    #[test]
    fn a_decoy_is_like_a_hash_and_of_no_password() {
        let decoy = PasswordHash::decoy();
        assert_eq!(PasswordHash::parse(decoy.written()), Ok(decoy.clone()));
        let made = PasswordHash::make(&secret("x"), [7; 16]).unwrap();
        let cost = |hash: &PasswordHash| hash.written().split('$').nth(3).map(str::to_owned);
        assert_eq!(cost(&decoy), cost(&made), "what it costs gives nothing away");
        assert!(!decoy.is_of(&secret("x")) && !decoy.is_of(&secret("")));
    }

    #[test]
    fn what_is_too_dear_or_something_else_is_refused() {
        let of = |front: &str| PasswordHash::parse(&format!("{front}$c29tZXNhbHQxMjM$AAAAAAAAAAAAAAAAAAAAAA"));
        assert!(of("$argon2id$v=19$m=65536,t=10,p=4").is_ok());
        for (front, fault) in [
            ("$argon2id$v=19$m=65537,t=1,p=1", PasswordFault::Cost),
            ("$argon2id$v=19$m=4294967295,t=1,p=1", PasswordFault::Cost),
            ("$argon2id$v=19$m=64,t=11,p=1", PasswordFault::Cost),
            ("$argon2id$v=19$m=64,t=1,p=5", PasswordFault::Cost),
            ("$argon2i$v=19$m=64,t=1,p=1", PasswordFault::Algorithm),
            ("$argon2id$v=16$m=64,t=1,p=1", PasswordFault::Algorithm),
            ("$argon2id$m=64,t=1,p=1", PasswordFault::Algorithm),
        ] {
            assert_eq!(of(front), Err(fault), "{front}");
        }
        for text in [
            "",
            "hunter2",
            "$6$salt$hash",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQxMjM",
        ] {
            assert_eq!(PasswordHash::parse(text), Err(PasswordFault::Malformed), "{text}");
        }
    }
}
