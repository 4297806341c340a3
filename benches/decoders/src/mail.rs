//! Mail as a court gets it, made from a seed: the same octets on every machine, so that counts can be compared.
//!
//! Out: a header section as it stands behind three hops, and whole messages of a given size: a text in two forms, and an attachment in
//! base64 if there is room for one.

use crate::corpus::Chance;

/// Fields as a large provider writes them, about 2.5 KB; the subject in two encoded words. Without the blank line.
pub fn fields(content_type: &str) -> String {
    let mut chance = Chance(11);
    let mut letters = |count: usize| -> String {
        (0..count).map(|_| char::from(LETTERS.get(chance.below(LETTERS.len())).copied().unwrap_or(b'A'))).collect()
    };
    let (body_hash, signature, seal) = (letters(43), letters(342), letters(342));
    let folded = |text: &str| {
        text.as_bytes().chunks(68).map(|line| format!("\r\n\t {}", String::from_utf8_lossy(line))).collect::<String>()
    };
    let hop = |from: &str, by: &str, second: u32| {
        format!(
            "Received: from {from} ({from} [192.0.2.{second}])\r\n\tby {by} with ESMTPS id 4bXk2R5Yw{second}z\r\n\t\
             (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)\r\n\tfor <secretaria@tjpa.jus.br>; \
             Sat, 21 Nov 2026 08:00:{second:02} -0300\r\n"
        )
    };
    [
        "Return-Path: <maria.souza@empresa.example>\r\n".to_owned(),
        hop("saida7.empresa.example", "mx2.provedor.example", 41),
        hop("interno3.empresa.example", "saida7.empresa.example", 40),
        hop("estacao-118.empresa.example", "interno3.empresa.example", 39),
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=empresa.example;\r\n\ts=sel20260101; t=1795258839;\r\n\t\
             h=from:to:subject:date:message-id:mime-version:content-type;\r\n\tbh={body_hash}=;\r\n\tb={}==\r\n",
            folded(&signature)
        ),
        format!("X-Provider-Seal: i=1; a=rsa-sha256; cv=none; d=provedor.example; b={}==\r\n", folded(&seal)),
        "From: =?utf-8?Q?Maria_Concei=C3=A7=C3=A3o_de_Souza?= <maria.souza@empresa.example>\r\n".to_owned(),
        "To: Secretaria da 3a Vara <secretaria@tjpa.jus.br>,\r\n\t\"Silva, J.\" <j.silva@tjpa.jus.br>\r\n".to_owned(),
        "Cc: protocolo@tjpa.jus.br\r\n".to_owned(),
        "Subject: =?UTF-8?Q?Re=3A_Peti=C3=A7=C3=A3o_n=C2=BA_0001234-56=2E2026=2E8=2E14=2E0301_?=\r\n\t\
         =?UTF-8?Q?-_comprova=C3=A7=C3=A3o_de_recolhimento_das_custas?=\r\n"
            .to_owned(),
        "Date: Sat, 21 Nov 2026 08:00:38 -0300\r\n".to_owned(),
        "Message-ID: <CAF7q2_9tQ1c=8x@mail.empresa.example>\r\nIn-Reply-To: <0a1b2c3d@tjpa.jus.br>\r\n".to_owned(),
        "References: <0a1b2c3d@tjpa.jus.br>\r\n\t<9f8e7d6c@tjpa.jus.br>\r\nThread-Index: AdwQ1kz0YV3mXwqGQ0e6u2c\r\n".to_owned(),
        "Accept-Language: pt-BR, en-US\r\nX-Mailer: Correio 16.0\r\nX-Originating-IP: [198.51.100.23]\r\n".to_owned(),
        format!("MIME-Version: 1.0\r\nContent-Language: pt-BR\r\nContent-Type: {content_type}\r\n"),
    ]
    .concat()
}

/// A message of about `octets`, at least 3 KiB.
pub fn message(octets: usize) -> Vec<u8> {
    let mut mail = fields("multipart/mixed;\r\n\tboundary=\"----=_Parte_118_2026\"").into_bytes();
    mail.extend_from_slice(
        b"\r\nMensagem em varias partes.\r\n------=_Parte_118_2026\r\nContent-Type: multipart/alternative; boundary=\"b2\"\r\n\r\n\
          --b2\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
    );
    let lines = if octets > 6_000 { 12 } else { 2 };
    for _ in 0..lines {
        mail.extend_from_slice("Segue em anexo a petição com os comprovantes, para juntada aos autos.\r\n".as_bytes());
    }
    mail.extend_from_slice(
        b"--b2\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
    );
    for _ in 0..lines {
        mail.extend_from_slice(
            b"<p style=3D\"margin:0\">Segue em anexo a peti=C3=A7=C3=A3o com os comprovantes,=\r\n para juntada aos autos.</p>\r\n",
        );
    }
    mail.extend_from_slice(
        b"--b2--\r\n------=_Parte_118_2026\r\nContent-Type: application/pdf; name=\"peticao.pdf\"\r\n\
          Content-Disposition: attachment; filename=\"peticao.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    );
    let mut chance = Chance(5);
    while mail.len() + 120 < octets {
        mail.extend((0..76).filter_map(|_| LETTERS.get(chance.below(LETTERS.len()))));
        mail.extend_from_slice(b"\r\n");
    }
    mail.extend_from_slice(b"QUJD\r\n------=_Parte_118_2026--\r\n");
    mail
}

/// A message of about `octets` that is one text, with a dot at the beginning of every twentieth line.
pub fn text(octets: usize, transfer_encoding: &str) -> Vec<u8> {
    let mut mail =
        fields(&format!("text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {transfer_encoding}")).into_bytes();
    mail.extend_from_slice(b"\r\n");
    let mut line = 0;
    while mail.len() < octets {
        line += 1;
        let dot = if line % 20 == 0 { "." } else { "" };
        mail.extend_from_slice(
            format!("{dot}Linha {line} do despacho, com algum texto =C3=A9 mais nada.\r\n").as_bytes(),
        );
    }
    mail
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
