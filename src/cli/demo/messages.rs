//! The sample messages of the demonstration, and what must become of each.

use crate::{language::Text, text};

/// What must become of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// 250 from the mailbox server, and the message in the Maildir.
    Delivered,
    /// 250 from us, and the message in the quarantine.
    Quarantined,
    /// 550 with this enhanced status code.
    Refused(&'static str),
}

impl Expected {
    /// For the table.
    pub fn label(self) -> Text {
        match self {
            Self::Delivered => text!("delivered", "entregue"),
            Self::Quarantined => text!("quarantined", "em quarentena"),
            Self::Refused(_) => text!("refused", "recusada"),
        }
    }
}

/// One sample message.
pub struct Sample {
    /// What it shows.
    pub what: Text,
    /// The reverse-path.
    pub from: &'static str,
    /// The forward-path.
    pub to: &'static str,
    /// Its content.
    pub content: String,
    /// What must become of it.
    pub expected: Expected,
}

/// The samples, in the order in which they are sent.
pub fn samples() -> Vec<Sample> {
    let sample = |what, from, to, content, expected| Sample { what, from, to, content, expected };
    vec![
        sample(
            text!("a clean message", "mensagem limpa"),
            "cidadao@exemplo.org",
            "ana@tjpa.jus.br",
            message("=?utf-8?Q?Ata_da_reuni=C3=A3o?=", "Segue a ata.\r\n"),
            Expected::Delivered,
        ),
        sample(
            text!("the EICAR test file as an attachment", "arquivo de teste EICAR em anexo"),
            "atacante@exemplo.org",
            "ana@tjpa.jus.br",
            eicar_message(),
            Expected::Refused("5.7.1"),
        ),
        sample(
            text!("a blocked subject, encoded", "assunto bloqueado, codificado"),
            "cobranca@exemplo.org",
            "bruno@tjepa.jus.br",
            message("=?iso-8859-1?Q?RE:_2=AA_via_do_Boleto_de_Cobran?= =?iso-8859-1?Q?=E7a?=", "Pague hoje.\r\n"),
            Expected::Quarantined,
        ),
        sample(
            text!("a blocked mailbox", "caixa bloqueada"),
            "cidadao@exemplo.org",
            "Fulano.Tal+x@tjpa.jus.br",
            message("Oi", "Oi.\r\n"),
            Expected::Refused("5.2.1"),
        ),
        sample(
            text!("a blocked mailbox that sends", "caixa bloqueada que envia"),
            "fulano.tal@tjepa.jus.br",
            "ana@tjpa.jus.br",
            message("Oi", "Oi.\r\n"),
            Expected::Refused("5.7.1"),
        ),
        sample(
            text!("an unknown mailbox", "caixa desconhecida"),
            "cidadao@exemplo.org",
            "ninguem@tjpa.jus.br",
            message("Oi", "Oi.\r\n"),
            Expected::Refused("5.1.1"),
        ),
        sample(
            text!("a domain that is not ours", "domínio que não é nosso"),
            "cidadao@exemplo.org",
            "ana@exemplo.net",
            message("Oi", "Oi.\r\n"),
            Expected::Refused("5.7.1"),
        ),
    ]
}

fn message(subject: &str, body: &str) -> String {
    format!("From: Alguem <alguem@exemplo.org>\r\nTo: ana@tjpa.jus.br\r\nSubject: {subject}\r\n\r\n{body}")
}

/// The EICAR test file (eicar.org), which every scanner takes for a virus. Its 68 octets stand here in two halves, so that this
/// source file is not taken for one.
fn eicar_message() -> String {
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    format!(
        "From: atacante@exemplo.org\r\nTo: ana@tjpa.jus.br\r\nSubject: Nota fiscal\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nEm anexo.\r\n\
         --b\r\nContent-Type: application/octet-stream; name=\"nota.com\"\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"nota.com\"\r\n\r\n{}\r\n--b--\r\n",
        base64(eicar.as_bytes())
    )
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextet = |bits: u32| ALPHABET.get((bits & 63) as usize).map_or('=', |octet| char::from(*octet));
    let mut out = String::new();
    for chunk in octets.chunks(3) {
        let octet = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        out.extend([sextet(bits >> 18), sextet(bits >> 12)]);
        out.push(if chunk.len() > 1 { sextet(bits >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { sextet(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_pads_as_rfc_4648_says() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(plain.as_bytes()), encoded);
        }
    }
}
