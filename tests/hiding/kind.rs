//! Types, archives, fragments.

use super::{Case, attached, attachment, mime_head, mixed, parts, payload};

fn part(name: &str, fields: &str, body: &str) -> Case {
    Case::new(name, mixed(&format!("{fields}\r\n{body}")))
}

/// As a multipart of this subtype.
fn of(subtype: &str) -> Case {
    let message =
        format!("{}Content-Type: multipart/{subtype}; boundary=b\r\n\r\n{}", mime_head(), parts("b", &[&attached()]));
    Case::new(format!("an attachment in multipart/{subtype}"), message)
}

/// These parts in a signed multipart.
fn signed(name: &str, parts: &[&str]) -> Case {
    let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
    let head = "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=b\r\n\r\n";
    Case::new(format!("signed: {name}"), format!("{}{head}{parts}--b--\r\n", mime_head()))
}

fn fields(media_type: &str) -> String {
    format!("Content-Type: {media_type}\r\nContent-Transfer-Encoding: base64\r\n")
}

pub fn cases() -> Vec<Case> {
    let body = payload::base64();
    let file = payload::test_file();
    let zip = payload::zip("a.com", &file);
    let in_base64 = |octets: &[u8]| payload::lines(&payload::base64_word(octets), 76);
    let text = "Content-Type: text/plain\r\n\r\nSegue.\r\n";
    let signature =
        "Content-Type: application/pgp-signature; name=signature.asc\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n";
    let multipart = format!("Content-Type: multipart/mixed; boundary=c\r\n\r\n{}", parts("c", &[&attached()]));
    let message = format!("Content-Type: message/rfc822\r\n\r\n{}", mixed(&attached()));
    let half = in_base64(&file[..34]);
    let alone = |fields: &str, body: &str| format!("{}{fields}\r\n{body}", mime_head());
    vec![
        part("an attachment", &attachment("base64"), &body),
        part("a text as an attachment", &fields("text/plain; name=a.txt"), &body),
        part("a text without name", &fields("text/plain"), &body),
        part("HTML", &fields("text/html"), &body),
        part("a picture", &fields("image/png; name=a.png"), &body),
        part("no type", "Content-Transfer-Encoding: base64\r\n", &body),
        part("an empty type", &fields(""), &body),
        part("a type without slash", &fields("application"), &body),
        part("an unknown type", &fields("x-unknown/x-unknown; name=a.com"), &body),
        part("a type of 8-bit letters", &fields("aplicação/x"), &body),
        part(
            "two names",
            "Content-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment; filename=a.com\r\nContent-Transfer-Encoding: base64\r\n",
            &body,
        ),
        part(
            "two dispositions",
            "Content-Disposition: inline\r\nContent-Disposition: attachment; filename=a.com\r\nContent-Transfer-Encoding: base64\r\n",
            &body,
        ),
        part(
            "two types of a part",
            "Content-Type: text/plain\r\nContent-Type: application/octet-stream; name=a.com\r\nContent-Transfer-Encoding: base64\r\n",
            &body,
        ),
        part(
            "a name in RFC 2231 sections",
            &fields("application/octet-stream;\r\n name*0*=utf-8''a%2E;\r\n name*1=com"),
            &body,
        ),
        part("an Apple double", &fields("application/applefile"), &body),
        part(
            "fields in another order",
            "Content-Transfer-Encoding: base64\r\nContent-Type: application/octet-stream\r\n",
            &body,
        ),
        Case::new("the whole message is the file", alone(&attachment("base64"), &body)),
        Case::new("the whole message is the file, plain", alone(&attachment("7bit"), &(payload::plain() + "\r\n"))),
        Case::new("the whole message is a text in base64", alone(&fields("text/plain"), &body)),
        part("a stored zip", &attachment("base64"), &in_base64(&zip)),
        part("a zip in a zip", &attachment("base64"), &in_base64(&payload::zip("a.zip", &zip))),
        part("a zip behind other octets", &attachment("base64"), &in_base64(&[b"MZ stub ".as_slice(), &zip].concat())),
        part("a zip in broken base64", &attachment("base64"), &in_base64(&zip).replace("\r\n", "!\r\n")),
        part("a zip that says it is a picture", &fields("image/jpeg; name=a.jpg"), &in_base64(&zip)),
        part("a message as an attachment", "Content-Type: message/rfc822\r\n", &mixed(&attached())),
        part("a message that says it is a text", "Content-Type: text/plain; name=a.eml\r\n", &mixed(&attached())),
        part("a message that says it is octets", &attachment("base64"), &in_base64(mixed(&attached()).as_bytes()))
            .contained(),
        part("message/global in base64", &fields("message/global"), &in_base64(mixed(&attached()).as_bytes())),
        part("message/news", "Content-Type: message/news\r\n", &mixed(&attached())),
        part("message/delivery-status", &fields("message/delivery-status"), &body),
        part("text/rfc822-headers", "Content-Type: text/rfc822-headers\r\n", &mixed(&attached())),
        Case::new(
            "a fragment, the first of two",
            alone(
                "Content-Type: message/partial; id=\"x\"; number=1; total=2\r\n",
                &format!("{}{}\r\n{half}", mime_head(), attachment("base64")),
            ),
        ),
        Case::new(
            "a fragment, the last of two",
            alone("Content-Type: message/partial; id=\"x\"; number=2; total=2\r\n", &in_base64(&file[34..])),
        ),
        part("a fragment as a part", "Content-Type: Message/Partial; number=1; total=2; id=x\r\n", &half),
        part(
            "the body is elsewhere, by FTP",
            "Content-Type: message/external-body; access-type=anon-ftp; site=x.example; name=a.com\r\n",
            "Content-Type: application/octet-stream\r\n\r\n",
        ),
        part(
            "the body is elsewhere, by URL",
            "Content-Type: message/external-body; access-type=URL; URL=\"http://x.example/a.com\"\r\n",
            "Content-Type: application/octet-stream\r\n\r\n",
        ),
        of("alternative"),
        of("related"),
        of("parallel"),
        of("report; report-type=delivery-status"),
        of("signed; protocol=\"application/pgp-signature\""),
        signed("an attachment behind the signature", &[text, signature, &attached()]),
        signed("an attachment beside no text, behind the signature", &[&attached(), signature, &attached()]),
        signed("a multipart with it and a text beside it", &[&multipart, text]),
        signed("a multipart with it for the signature", &[text, &multipart]),
        signed("a message with it for the signature", &[text, &message]),
        signed(
            "it as the signature",
            &[text, &attached().replace("application/octet-stream", "application/pgp-signature")],
        ),
        signed("a multipart with it, signed", &[&multipart, signature]),
        signed("it, signed", &[&attached(), signature]),
        of("encrypted; protocol=\"application/pgp-encrypted\""),
        of("form-data"),
        of("appledouble"),
        of("x-mixed-replace"),
    ]
}
