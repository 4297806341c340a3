//! Honest messages that look odd: as mail programs, mailing lists, servers and scanners really write them, put together by hand. None
//! of them may be called ambiguous: a court's mail would stand in the quarantine for it.

use super::payload;

/// Name and content. In the texts below a newline stands for CRLF.
pub fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    all.extend(programs());
    all.extend(servers());
    all.extend(signed());
    all.extend(odd());
    all.into_iter().map(|(name, text)| (name, text.replace('\n', "\r\n").into_bytes())).collect()
}

const PDF: &str = "JVBERi0xLjQKJcfsj6IKNSAwIG9iago8PC9MZW5ndGggNiAwIFIvRmlsdGVyIC9GbGF0ZURlY29k\nZT4+CnN0cmVhbQp4nCvkMlAwUDC1NNUzMVMwMDcHAA==";

fn programs() -> Vec<(&'static str, String)> {
    let outlook = "----=_NextPart_000_0012_01DC5A3F.8B1D2C40";
    let outlook_inner = "----=_NextPart_001_0013_01DC5A3F.8B1D2C40";
    let exchange = "_004_CPXPR80MB5432A1B2C3D4E5F60CPXPR80MB5432lamp_";
    let exchange_inner = "_000_CPXPR80MB5432A1B2C3D4E5F60CPXPR80MB5432lamp_";
    vec![
        ("Outlook, HTML and a PDF", format!(
            "From: \"Ana\" <ana@example.org>\nSubject: =?iso-8859-1?Q?Peti=E7=E3o?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary=\"{outlook}\"\nX-Mailer: Microsoft Outlook 16.0\nThread-Index: AdxX\nContent-Language: pt-br\n\nThis is a multipart message in MIME format.\n\n--{outlook}\nContent-Type: multipart/alternative;\n\tboundary=\"{outlook_inner}\"\n\n\n--{outlook_inner}\nContent-Type: text/plain;\n\tcharset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\nSegue a peti=E7=E3o.\n\n\n--{outlook_inner}\nContent-Type: text/html;\n\tcharset=\"iso-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\n<html xmlns:v=3D\"urn:schemas-microsoft-com:vml\"><body>Segue=\n</body></html>\n--{outlook_inner}--\n\n--{outlook}\nContent-Type: application/pdf;\n\tname=\"=?iso-8859-1?Q?peti=E7=E3o.pdf?=\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment;\n\tfilename=\"=?iso-8859-1?Q?peti=E7=E3o.pdf?=\"\n\n{PDF}\n\n--{outlook}--\n"
        )),
        ("Exchange, with comments of its own in the header section", format!(
            "Content-Language: pt-BR\nContent-Type: multipart/mixed;\n\tboundary=\"{exchange}\"\nMIME-Version: 1.0\nSubject: x\n\n--{exchange}\nContent-Type: multipart/alternative;\n\tboundary=\"{exchange_inner}\"\n\n--{exchange_inner}\nContent-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\nQm9tIGRpYS4NCg==\n\n--{exchange_inner}\nContent-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\nPHA+Qm9tIGRpYS48L3A+\n\n--{exchange_inner}--\n\n--{exchange}\nContent-Type: image/png; name=\"image001.png\"\nContent-Description: image001.png\nContent-Disposition: inline; filename=\"image001.png\"; size=3;\n\tcreation-date=\"Sat, 21 Nov 2026 11:00:00 GMT\";\n\tmodification-date=\"Sat, 21 Nov 2026 11:00:00 GMT\"\nContent-ID: <image001.png@01DC>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n\n--{exchange}--\n"
        )),
        ("Outlook, winmail.dat", format!(
            "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{outlook}\"\n\n--{outlook}\nContent-Type: text/plain; charset=\"us-ascii\"\nContent-Transfer-Encoding: 7bit\n\nBom dia.\n\n--{outlook}\nContent-Type: application/ms-tnef;\n\tname=\"winmail.dat\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment;\n\tfilename=\"winmail.dat\"\n\neJ8+Ig==\n\n--{outlook}--\n"
        )),
        ("Gmail", "MIME-Version: 1.0\nFrom: Ana <ana@gmail.com>\nSubject: ata\nContent-Type: multipart/mixed; boundary=\"00000000000087a3f5062b1c2d3e\"\n\n--00000000000087a3f5062b1c2d3e\nContent-Type: multipart/alternative; boundary=\"00000000000087a3f3062b1c2d3c\"\n\n--00000000000087a3f3062b1c2d3c\nContent-Type: text/plain; charset=\"UTF-8\"\n\nSegue.\n\n--00000000000087a3f3062b1c2d3c\nContent-Type: text/html; charset=\"UTF-8\"\n\n<div dir=\"ltr\">Segue.</div>\n\n--00000000000087a3f3062b1c2d3c--\n--00000000000087a3f5062b1c2d3e\nContent-Type: application/pdf; name=\"ata.pdf\"\nContent-Disposition: attachment; filename=\"ata.pdf\"\nContent-Transfer-Encoding: base64\nContent-ID: <f_m1>\nX-Attachment-Id: f_m1\n\nJVBERi0xLjQK\n--00000000000087a3f5062b1c2d3e--\n".into()),
        ("Thunderbird, format=flowed, a signature that begins with dashes", "Content-Type: text/plain; charset=UTF-8; format=flowed\nContent-Transfer-Encoding: 8bit\nMIME-Version: 1.0\nUser-Agent: Mozilla Thunderbird\nSubject: ata\n\nSegue a ata. \nObrigada.\n\n-- \nAna\n--------------------------\n".into()),
        ("Thunderbird, names of RFC 2231", "MIME-Version: 1.0\nSubject: x\nContent-Type: multipart/mixed; boundary=\"------------0aBcDeFgHiJkLmNoPqRsTuVw\"\n\nThis is a multi-part message in MIME format.\n--------------0aBcDeFgHiJkLmNoPqRsTuVw\nContent-Type: text/plain; charset=UTF-8; format=flowed\nContent-Transfer-Encoding: 7bit\n\nx\n--------------0aBcDeFgHiJkLmNoPqRsTuVw\nContent-Type: application/pdf;\n name=\"=?UTF-8?Q?Decis=C3=A3o_interlocut=C3=B3ria_do_processo?=\n =?UTF-8?Q?=2Epdf?=\"\nContent-Disposition: attachment;\n filename*0*=UTF-8''%44%65%63%69%73%C3%A3%6F%20%69%6E%74%65%72%6C%6F%63%75;\n filename*1*=%74%C3%B3%72%69%61%20%64%6F%20%70%72%6F%63%65%73%73%6F%2E%70;\n filename*2*=%64%66\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n\n--------------0aBcDeFgHiJkLmNoPqRsTuVw--\n".into()),
        ("Apple Mail, nested alternatives with pictures", "Content-Type: multipart/alternative;\n\tboundary=\"Apple-Mail=_1A2B3C4D-0000-4E5F-9000-ABCDEF012345\"\nMime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774.600.62\\))\nSubject: x\nX-Mailer: Apple Mail (2.3774.600.62)\n\n\n--Apple-Mail=_1A2B3C4D-0000-4E5F-9000-ABCDEF012345\nContent-Transfer-Encoding: 7bit\nContent-Type: text/plain;\n\tcharset=us-ascii\n\nx\n--Apple-Mail=_1A2B3C4D-0000-4E5F-9000-ABCDEF012345\nContent-Type: multipart/related;\n\ttype=\"text/html\";\n\tboundary=\"Apple-Mail=_6A7B8C9D-1111-4E5F-9000-ABCDEF012345\"\n\n\n--Apple-Mail=_6A7B8C9D-1111-4E5F-9000-ABCDEF012345\nContent-Transfer-Encoding: 7bit\nContent-Type: text/html;\n\tcharset=us-ascii\n\n<html></html>\n--Apple-Mail=_6A7B8C9D-1111-4E5F-9000-ABCDEF012345\nContent-Transfer-Encoding: base64\nContent-Disposition: inline;\n\tfilename*=utf-8''Captura%20de%20Tela.png\nContent-Type: image/png;\n\tx-unix-mode=0644;\n\tname=\"Captura de Tela.png\"\nContent-Id: <1@x>\n\niVBORw0KGgo=\n\n--Apple-Mail=_6A7B8C9D-1111-4E5F-9000-ABCDEF012345--\n\n--Apple-Mail=_1A2B3C4D-0000-4E5F-9000-ABCDEF012345--\n".into()),
        ("Lotus Notes", "MIME-Version: 1.0\nSubject: x\nX-Mailer: Lotus Notes Release 8.5.3\nContent-Type: multipart/mixed; boundary=\"=_mixed 00512A7C83257A3D_=\"\n\n--=_mixed 00512A7C83257A3D_=\nContent-Type: multipart/alternative; boundary=\"=_alternative 00512A7C83257A3D_=\"\n\n\n--=_alternative 00512A7C83257A3D_=\nContent-Type: text/plain; charset=\"ISO-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\nBom dia=2E\n\n--=_alternative 00512A7C83257A3D_=\nContent-Type: text/html; charset=\"ISO-8859-1\"\nContent-Transfer-Encoding: quoted-printable\n\n<br><font size=3D2>Bom dia</font>\n--=_alternative 00512A7C83257A3D_=--\n--=_mixed 00512A7C83257A3D_=\nContent-Type: application/octet-stream; name=\"ata.doc\"\nContent-Disposition: attachment; filename=\"ata.doc\"\nContent-Transfer-Encoding: base64\n\n0M8R4KGxGuE=\n\n--=_mixed 00512A7C83257A3D_=--\n".into()),
        ("PHPMailer", "Subject: x\nX-Mailer: PHPMailer 6.9.1\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"b1_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi\"\nContent-Transfer-Encoding: 8bit\n\nThis is a multi-part message in MIME format.\n\n--b1_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi\nContent-Type: multipart/alternative;\n boundary=\"b2_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi\"\n\n--b2_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nIntimação\n\n--b2_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<p>Intimação</p>\n\n\n--b2_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi--\n\n--b1_ZmQ2YWJjZGVmMDEyMzQ1Njc4OWFi--\n".into()),
        ("JavaMail, unquoted", "Subject: Intimacao\nMIME-Version: 1.0\nContent-Type: multipart/mixed; \n\tboundary=----=_Part_12_345678.1763715600000\n\n------=_Part_12_345678.1763715600000\nContent-Type: text/html;charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\n<b>x</b>\n------=_Part_12_345678.1763715600000\nContent-Type: application/pdf; name=doc.pdf\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=doc.pdf\n\nJVBERi0xLjQK\n------=_Part_12_345678.1763715600000--\n".into()),
        ("Python, smtplib", "Content-Type: multipart/mixed; boundary=\"===============1234567890123456789==\"\nMIME-Version: 1.0\nSubject: x\n\n--===============1234567890123456789==\nContent-Type: text/plain; charset=\"us-ascii\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\n\nx\n--===============1234567890123456789==\nContent-Type: application/octet-stream\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"a.bin\"\n\nAAEC\n\n--===============1234567890123456789==--\n".into()),
        ("a web shop's script, boundaries of which one begins with the other", "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"loja5f3a\"\n\n--loja5f3a\nContent-Type: multipart/alternative; boundary=\"loja5f3a_alt\"\n\n--loja5f3a_alt\nContent-Type: text/plain\n\nx\n--loja5f3a_alt--\n--loja5f3a--\n".into()),
        ("a scanner's mail, no text", format!("Subject: Digitalizacao\nMIME-Version: 1.0\nContent-Type: application/pdf; name=\"scan.pdf\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"scan.pdf\"\n\n{PDF}\n")),
        ("the first line of a mailbox file", "From ana@example.org Sat Nov 21 08:00:00 2026\nSubject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n>From here on.\n".into()),
        ("no MIME at all", "From: a@example.org\nSubject: x\n\nBom dia.\n--\nAna\n".into()),
        ("a body without header section", "\nBom dia.\n".into()),
        ("RFC 2045's own example of a comment", "Subject: x\nContent-Type: text/plain; charset=us-ascii (Plain text)\nContent-Transfer-Encoding: 7bit\n\nx\n".into()),
        ("semicolons at the end", "Subject: x\nContent-Type: text/html; charset=utf-8;\nContent-Transfer-Encoding: 8bit\n\n<p>x</p>\n".into()),
        ("a type without subtype, as old programs wrote it", "Subject: x\nContent-Type: text\nContent-Length: 3\n\nx\n".into()),
    ]
}

fn servers() -> Vec<(&'static str, String)> {
    vec![
        ("a delivery status notification of Postfix", "Subject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"4F2A41234567.1763715600/mx.example.org\"\n\nThis is a MIME-encapsulated message.\n\n--4F2A41234567.1763715600/mx.example.org\nContent-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\nI'm sorry to have to inform you.\n\n--4F2A41234567.1763715600/mx.example.org\nContent-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\nX-Postfix-Queue-ID: 4F2A41234567\n\nFinal-Recipient: rfc822; x@example.com\nAction: failed\nStatus: 5.1.1\n\n--4F2A41234567.1763715600/mx.example.org\nContent-Description: Undelivered Message\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nReturn-Path: <a@example.org>\nSubject: x\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nx\n--i--\n\n--4F2A41234567.1763715600/mx.example.org--\n".into()),
        ("a delivery status notification with headers alone", "Subject: Returned mail\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"r1\"\n\n--r1\n\nfailed\n--r1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n--r1\nContent-Type: text/rfc822-headers\n\nSubject: x\nContent-Type: multipart/mixed; boundary=\"gone\"\n\n--r1--\n".into()),
        ("a bounce of qmail, the message in the text", "From: MAILER-DAEMON@example.org\nSubject: failure notice\n\nHi. This is the qmail-send program.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <a@example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"lost\"\n\n--lost\nContent-Type: text/plain\n\nx\n--lost--\n".into()),
        ("a returned message that was cut", "Subject: Undeliverable\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"r1\"\n\n--r1\n\nfailed\n--r1\nContent-Type: message/rfc822\n\nSubject: x\nContent-Type: multipart/mixed; boundary=\"cut\"\n\n--cut\nContent-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0x\n\n--r1--\n".into()),
        ("a read receipt", "Subject: Lida: x\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification;\n\tboundary=\"mdn\"\n\n--mdn\nContent-Type: text/plain\n\nLida.\n--mdn\nContent-Type: message/disposition-notification\n\nReporting-UA: x\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--mdn--\n".into()),
        ("Mailman, a footer of its own part", "Subject: [lista] x\nList-Id: <lista.example.org>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"===============0123456789==\"\n\n--===============0123456789==\nContent-Type: multipart/alternative; boundary=\"0000000000001\"\n\n--0000000000001\nContent-Type: text/plain; charset=\"UTF-8\"\n\nx\n\n--0000000000001--\n\n--===============0123456789==\nContent-Type: text/plain; charset=\"us-ascii\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\nContent-Disposition: inline\n\n_______________________________________________\nlista mailing list\nlista@example.org\n\n--===============0123456789==--\n".into()),
        ("a list that appends its footer behind everything", "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"abc\"\n\n--abc\n\nx\n--abc--\n\n---------------------------------\nTo unsubscribe: lista@example.org\n".into()),
        ("a list that appends its footer to base64", "Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nQm9tIGRpYS4=\n\n--\nTo unsubscribe: lista@example.org\n".into()),
        ("a digest", "Subject: Digest, Vol 1\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"===1==\"\n\n--===1==\nContent-Type: text/plain\n\nToday's topics\n--===1==\nContent-Type: multipart/digest; boundary=\"===2==\"\nMIME-Version: 1.0\n\n--===2==\nContent-Type: message/rfc822\nMIME-Version: 1.0\n\nSubject: a\nContent-Type: text/plain\n\nx\n--===2==\n\nSubject: b\n\ny\n--===2==--\n\n--===1==--\n".into()),
        ("forwarded as an attachment, twice", "Subject: ENC: ENC: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"o\"\n\n--o\n\nveja\n--o\nContent-Type: message/rfc822; name=\"x.eml\"\nContent-Disposition: attachment; filename=\"x.eml\"\n\nSubject: ENC: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"p\"\n\n--p\n\nveja\n--p\nContent-Type: message/rfc822\nContent-Disposition: inline\n\nSubject: x\nContent-Type: multipart/alternative; boundary=\"q\"\n\n--q\n\nx\n--q--\n\n--p--\n\n--o--\n".into()),
        ("forwarded in the text", "Subject: Fwd: x\nContent-Type: text/plain\n\n-----Original Message-----\nFrom: a\nContent-Type: text/html\n\n---------- Forwarded message ---------\nx\n".into()),
        ("a calendar invitation", "Subject: Audiencia\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"cal\"\n\n--cal\nContent-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\nQXVkaWVuY2lh\n--cal\nContent-Type: text/calendar; charset=\"utf-8\"; method=REQUEST\nContent-Transfer-Encoding: base64\n\nQkVHSU46VkNBTEVOREFS\n\n--cal--\n".into()),
        ("an abuse report", "Subject: abuse\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=\"arf\"\n\n--arf\n\nx\n--arf\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--arf\nContent-Type: message/rfc822\nContent-Disposition: inline\n\nSubject: x\n\nx\n--arf--\n".into()),
        ("an internationalised message within", "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"g\"\n\n--g\nContent-Type: message/global\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeAoKeAo=\n--g--\n".into()),
        ("form data", "Subject: formulario\nMIME-Version: 1.0\nContent-Type: multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW\n\n------WebKitFormBoundary7MA4YWxkTrZu0gW\nContent-Disposition: form-data; name=\"a\"\n\n1\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\n".into()),
    ]
}

fn signed() -> Vec<(&'static str, String)> {
    vec![
        ("S/MIME, signed in clear", "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=\"----7D1C5A\"\n\nThis is an S/MIME signed message\n\n------7D1C5A\nContent-Type: text/plain\n\nx\n\n------7D1C5A\nContent-Type: application/pkcs7-signature; name=\"smime.p7s\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"smime.p7s\"\n\nMIIB\n\n------7D1C5A--\n".into()),
        ("S/MIME, opaque", "Subject: x\nMIME-Version: 1.0\nContent-Disposition: attachment; filename=\"smime.p7m\"\nContent-Type: application/x-pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\nMIIBMIIB\nMIIBMIIB\n\n".into()),
        ("PGP/MIME, signed", "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/signed; micalg=pgp-sha512;\n protocol=\"application/pgp-signature\"; boundary=\"Sig_/abc=def\"\n\n--Sig_/abc=def\nContent-Type: text/plain; charset=US-ASCII\nContent-Transfer-Encoding: quoted-printable\n\n=46rom me\n\n--Sig_/abc=def\nContent-Type: application/pgp-signature\nContent-Description: OpenPGP digital signature\n\n-----BEGIN PGP SIGNATURE-----\n\niQIz\n-----END PGP SIGNATURE-----\n\n--Sig_/abc=def--\n".into()),
        ("PGP/MIME, encrypted", "Subject: ...\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\n boundary=\"enc\"\n\nThis is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\n--enc\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--enc\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\nContent-Disposition: inline; filename=\"encrypted.asc\"\n\n-----BEGIN PGP MESSAGE-----\n\nhQIM\n-----END PGP MESSAGE-----\n\n--enc--\n".into()),
        ("PGP in the text", "Subject: x\nContent-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -- \nAna\n-----BEGIN PGP SIGNATURE-----\n\niQIz\n=abcd\n-----END PGP SIGNATURE-----\n".into()),
    ]
}

fn odd() -> Vec<(&'static str, String)> {
    let letters = "x".repeat(3000);
    let long_boundary = "=_".to_owned() + &"0123456789".repeat(8);
    let deep = (0..10).fold("Subject: x\n\nx\n".to_owned(), |inner, n| {
        format!("Subject: ENC\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"n{n}n\"\n\n--n{n}n\n\nveja\n--n{n}n\nContent-Type: message/rfc822\n\n{inner}\n--n{n}n--\n")
    });
    let parts = |body: &str| {
        format!(
            "Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"zz\"\n\n--zz\n{body}\n--zz--\n"
        )
    };
    vec![
        ("a boundary a little too long", format!("Subject: x\nContent-Type: multipart/mixed; boundary=\"{long_boundary}\"\n\n--{long_boundary}\n\nx\n--{long_boundary}--\n")),
        ("a boundary that is said and not used", "Subject: x\nContent-Type: multipart/mixed; boundary=\"-\"\n\nx\n".into()),
        ("the same parameter twice", "Subject: x\nContent-Type: multipart/mixed; boundary=\"zz\"; charset=utf-8; boundary=\"zz\"\n\n--zz\n\nx\n--zz--\n".into()),
        ("the same encoding twice", parts("Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: 7bit\n\nx")),
        ("7bit and 8bit", parts("Content-Type: text/plain\nContent-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: 8bit\n\nx")),
        ("text and HTML, said of one body", "Subject: x\nContent-Type: text/plain; charset=utf-8\nContent-type: text/html; charset=utf-8\n\n<p>x</p>\n".into()),
        ("encodings that nobody knows", parts("Content-Transfer-Encoding: 8-bit\n\nx\n--zz\nContent-Transfer-Encoding: utf-8\n\ny")),
        ("the header section again before the first delimiter", "Subject: x\n\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"zz\"\n\n--zz\n\nx\n--zz--\n".into()),
        ("the header section again in a multipart", "Subject: x\nContent-Type: multipart/mixed; boundary=\"zz\"\n\nContent-Type: multipart/mixed; boundary=\"zz\"\n\n--zz\n\nx\n--zz--\n".into()),
        ("HTML as quoted-printable with a bare equals sign", parts("Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n<a href=http://example.org/?a=b&c=zz>x</a>\n=\n=20")),
        ("a long line", parts(&format!("Content-Type: text/html\n\n<p>{letters}</p>"))),
        ("base64 on one line", parts(&format!("Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n{}", "QUFB".repeat(2000)))),
        ("base64 with blank lines around it", parts("Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\n\nJVBERi0x\n\n\n")),
        ("an empty attachment", parts("Content-Type: application/octet-stream; name=a\nContent-Transfer-Encoding: base64\n\n")),
        ("a part without a body", parts("Content-Type: text/plain")),
        ("no closing delimiter", "Subject: x\nContent-Type: multipart/mixed; boundary=\"zz\"\n\n--zz\n\nx\n".into()),
        ("raw 8-bit letters in a name", parts("Content-Type: application/pdf; name=\"petição.pdf\"\nContent-Disposition: attachment; filename=petição inicial.pdf\nContent-Transfer-Encoding: base64\n\nJVBERi0x")),
        ("ten messages, each an attachment of the next", deep),
        ("talk about uuencode", "Subject: x\n\nA file begins with\nbegin 644 a.txt\nand ends with a line `end`.\n".into()),
        ("MIME-Version with a comment", "Subject: x\nMIME-Version: 1.0 (produced by MetaSend Vx.x)\nContent-Type: text/plain; charset=us-ascii\n\nx\n".into()),
        ("the fields of Sun's old mail program", "Subject: x\nX-Sun-Charset: US-ASCII\nContent-Type: X-sun-attachment\nContent-Length: 2\n\nx\n".into()),
        ("a patch, and diffs that begin with dashes", "Subject: [PATCH] x\nContent-Type: text/plain\n\n---\n a | 2 +-\n\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n--x\n+-x\n-- \n2.43.0\n".into()),
        ("the published test file is not needed to be odd", parts(&format!("Content-Type: application/zip; name=a.zip\nContent-Transfer-Encoding: base64\n\n{}", payload::base64_word(&payload::zip("a.txt", b"ata"))))),
    ]
}
