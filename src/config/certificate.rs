//! The certificate and key of `[tls]`: what a client would stumble over, found before it does.
//!
//! In: the two files, our host name, the time. Out: check lines. Whether the chain ends at an authority that anybody trusts is
//! not looked at: that depends on who connects.

use std::{path::Path, time::SystemTime};

use jiff::Timestamp;
use tokio_rustls::rustls::{
    client::verify_server_name,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::{
    file::read_octets,
    probe::{CheckLine, CheckStatus},
    settings::TlsFiles,
};
use crate::{certificate::Facts, language::Text, text};

/// Below this many days somebody should look: ACME clients renew at 30.
const DAYS_LEFT: i64 = 14;

/// Both files, alone and against each other.
pub(super) fn check(files: &TlsFiles, hostname: &str, now: SystemTime) -> Vec<CheckLine> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let of_certificate = text!("certificate {certificate}", "certificado {certificate}");
    let of_key = text!("key {key}", "chave {key}");
    let mut lines = Vec::new();
    let chain =
        read_chain(&files.certificate).map_err(|what| lines.push(CheckLine::error(of_certificate.clone(), what)));
    let key = read_key(&files.key).map_err(|what| lines.push(CheckLine::error(of_key.clone(), what)));
    if let Ok(chain) = &chain {
        let (status, detail) = judge_chain(chain, hostname, now);
        lines.push(CheckLine { subject: of_certificate, status, detail });
    }
    if let (Ok(chain), Ok(key)) = (chain, key) {
        let fits = CertifiedKey::from_der(chain, key, &default_provider());
        lines.push(match fits {
            Ok(_) => CheckLine::ok(of_key, text!("fits the certificate", "corresponde ao certificado")),
            Err(error) => CheckLine::error(
                of_key,
                text!("does not fit the certificate: {error}", "não corresponde ao certificado: {error}"),
            ),
        });
    }
    lines
}

/// The `ca` of a next hop: a file that holds at least one certificate.
pub(super) fn check_authorities(path: &Path) -> CheckLine {
    let shown = path.display();
    let subject = text!("certificate authorities {shown}", "autoridades certificadoras {shown}");
    match read_chain(path).map(|chain| chain.len()) {
        Ok(count) => CheckLine::ok(subject, text!("{count} certificates", "{count} certificados")),
        Err(what) => CheckLine::error(subject, what),
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Text> {
    let octets = read_octets(path).map_err(|fault| fault.what)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(text!("holds no certificate in PEM", "não contém certificado em PEM")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(text!("is not PEM: {error}", "não é PEM: {error}")),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, Text> {
    let octets = read_octets(path).map_err(|fault| fault.what)?;
    PrivateKeyDer::from_pem_slice(&octets)
        .map_err(|error| text!("holds no private key in PEM: {error}", "não contém chave privada em PEM: {error}"))
}

/// The worst thing that can be said of a chain, or how long it lasts.
fn judge_chain(chain: &[CertificateDer<'_>], hostname: &str, now: SystemTime) -> (CheckStatus, Text) {
    let Some(facts) = chain.iter().map(|der| Facts::read(der)).collect::<Option<Vec<_>>>() else {
        return (CheckStatus::Error, text!("cannot be understood", "não pode ser interpretado"));
    };
    let (Some(first), Some(der)) = (facts.first(), chain.first()) else {
        return (CheckStatus::Error, text!("holds no certificate", "não contém certificado"));
    };
    let now = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
    let not_after = facts.iter().map(|one| one.not_after).min().unwrap_or(first.not_after);
    let days = not_after.as_second().saturating_sub(now.as_second()).div_euclid(86_400);
    if now > not_after {
        return (CheckStatus::Error, text!("ended at {not_after}", "venceu em {not_after}"));
    }
    if let Some(not_before) = facts.iter().map(|one| one.not_before).max().filter(|not_before| now < *not_before) {
        return (CheckStatus::Error, text!("begins at {not_before} only", "só começa em {not_before}"));
    }
    if !covers(der, hostname) {
        let what =
            text!("does not name {hostname}; {days} days left", "não traz o nome {hostname}; restam {days} dias");
        return (CheckStatus::Warning, what);
    }
    if let Some(broken) = facts.windows(2).position(|pair| matches!(pair, [one, next] if one.issuer != next.subject)) {
        let (one, next) = (broken + 1, broken + 2);
        let what = text!(
            "certificate {next} in the file did not issue certificate {one}; {days} days left",
            "o certificado {next} do arquivo não emitiu o certificado {one}; restam {days} dias"
        );
        return (CheckStatus::Warning, what);
    }
    if facts.len() == 1 && first.issuer != first.subject {
        let what = text!(
            "stands alone: the intermediate certificates are missing; {days} days left",
            "está sozinho: faltam os certificados intermediários; restam {days} dias"
        );
        return (CheckStatus::Warning, what);
    }
    let status = if days < DAYS_LEFT { CheckStatus::Warning } else { CheckStatus::Ok };
    (status, text!("names {hostname}; {days} days left", "traz o nome {hostname}; restam {days} dias"))
}

fn covers(certificate: &CertificateDer<'_>, hostname: &str) -> bool {
    let name = ServerName::try_from(hostname);
    let parsed = ParsedCertificate::try_from(certificate);
    matches!((name, parsed), (Ok(name), Ok(parsed)) if verify_server_name(&parsed, &name).is_ok())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "writes the files that are checked")]
mod tests {
    use std::{fs, time::Duration};

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};

    use super::*;
    use crate::language::Language;

    fn params(names: &[&str], from: i32, to: i32) -> CertificateParams {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        params
    }

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn every_way_to_get_it_wrong_is_named() {
        let folder = std::env::temp_dir().join(format!("portaria-certificate-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (key, other_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let self_signed = |names: &[&str]| params(names, 2020, 2030).self_signed(&key).unwrap().pem();
        let mut authority = params(&[], 2020, 2030);
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let issued = params(&["mx.tjpa.jus.br"], 2020, 2050).signed_by(&key, &authority).unwrap().pem();
        let forever = params(&["mx.tjpa.jus.br"], 2020, 9999).self_signed(&key).unwrap().pem();
        let good = self_signed(&["*.tjpa.jus.br"]);
        let chain = format!("{issued}{}", authority.pem());
        let (key, other_key) = (key.serialize_pem(), other_key.serialize_pem());
        let rows = [
            // Certificate, key, time: what is said of the certificate, and of the key.
            (&good, &key, "2026-01-01T00:00:00Z", "ok names mx.tjpa.jus.br; 1461 days left", "ok fits"),
            (&forever, &key, "2026-01-01T00:00:00Z", "ok names mx.tjpa.jus.br", "ok fits"),
            (&chain, &key, "2029-12-01T00:00:00Z", "ok names mx.tjpa.jus.br; 31 days left", "ok fits"),
            (&chain, &key, "2029-12-25T00:00:00Z", "warning names mx.tjpa.jus.br; 7 days left", "ok fits"),
            (&chain, &key, "2030-01-02T00:00:00Z", "error ended at 2030-01-01T00:00:00Z", "ok fits"),
            (&good, &key, "2019-12-31T00:00:00Z", "error begins at 2020-01-01T00:00:00Z only", "ok fits"),
            (&good, &other_key, "2026-01-01T00:00:00Z", "ok names", "error does not fit"),
            (
                &self_signed(&["mx.example"]),
                &key,
                "2026-01-01T00:00:00Z",
                "warning does not name mx.tjpa.jus.br",
                "ok fits",
            ),
            (&issued, &key, "2026-01-01T00:00:00Z", "warning stands alone", "ok fits"),
            (
                &format!("{issued}{good}"),
                &key,
                "2026-01-01T00:00:00Z",
                "warning certificate 2 in the file did not issue certificate 1",
                "ok fits",
            ),
            // The two files taken for each other, and files with nothing in them.
            (&key, &good, "2026-01-01T00:00:00Z", "error holds no certificate", "error holds no private key"),
            (
                &String::new(),
                &String::new(),
                "2026-01-01T00:00:00Z",
                "error holds no certificate",
                "error holds no private key",
            ),
        ];
        for (index, (certificate, key, now, of_certificate, of_key)) in rows.into_iter().enumerate() {
            let files =
                TlsFiles { certificate: folder.join(format!("{index}.pem")), key: folder.join(format!("{index}.key")) };
            fs::write(&files.certificate, certificate).unwrap();
            fs::write(&files.key, key).unwrap();
            let lines = check(&files, "mx.tjpa.jus.br", at(now));
            let said = |subject: &str| {
                let line = lines.iter().find(|line| line.subject.en.starts_with(subject)).unwrap();
                format!("{} {}", line.status.name(Language::En), line.detail.en)
            };
            assert!(said("certificate").starts_with(of_certificate), "row {index}: {}", said("certificate"));
            assert!(said("key").starts_with(of_key), "row {index}: {}", said("key"));
        }
        let absent = TlsFiles { certificate: folder.join("absent"), key: folder.clone() };
        let lines = check(&absent, "mx.tjpa.jus.br", SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        assert!(lines.iter().all(|line| line.status == CheckStatus::Error), "{lines:?}");
        fs::remove_dir_all(folder).unwrap();
    }
}
