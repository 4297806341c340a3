//! A rule that is in order, and for each code what to change in it: once so that exactly this code is found, once so that nothing is.

/// A rule that is in order. Each row changes one place of it, or adds something at its end.
pub const GOOD: &str = r#"
[[rule]]
id = "T-1"
description = "Falso boleto"
owner = "Seguranca"
ticket = "REQ 1"
mode = "enforce"
starts = 2026-11-20T00:00:00-03:00
expires = 2026-12-20T23:59:59-03:00
scope = ["relay"]

[[rule.match]]
all_words = ["boleto"]
any_words = ["urgente", "vencido"]
[[rule.match]]
phrase = "segunda via da fatura"
[[rule.match]]
wildcard = "*fatura*.zip*"
[[rule.match]]
regex = '''\bpix\b.{0,20}\bdevolvido\b'''

[rule.except]
sender = ["*@banco.example"]
words = ["custas processuais"]
networks = ["10.20.0.0/16"]

[rule.action]
kind = "quarantine"
reply = "Retida (regra {rule}, protocolo {id})"

[[rule.example]]
subject = "Boleto urgente"
expect = "match"
[[rule.example]]
subject = "Boleto vencido"
expect = "match"
[[rule.example]]
subject = "Segunda via da fatura"
expect = "match"
[[rule.example]]
subject = "Nova fatura.zip"
expect = "match"
[[rule.example]]
subject = "Pix devolvido"
expect = "match"
[[rule.example]]
subject = "Ata da cobrança"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente"
sender = "aviso@banco.example"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente das custas processuais"
expect = "no match"
[[rule.example]]
subject = "Boleto urgente"
client = "10.20.3.4"
expect = "no match"
"#;

/// The code, what stands in [`GOOD`], what stands in its place in the bad file, and in the near miss. With nothing in the first of
/// the three the others are added at the end; [`spelled`] says what they may be short for.
#[rustfmt::skip]
pub const ROWS: &[(&str, &str, &str, &str)] = &[
    ("E02", r#"= "Falso boleto""#, "= “Falso boleto”", r#"= "“Falso” boleto""#),
    (
        "E02",
        r#"ticket = "REQ 1""#,
        r#"ticket = "REQ 1"
ticket = "REQ 2""#,
        r#"ticket = "REQ 2""#,
    ),
    ("E02", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r#""pix\.devolvido""#, "'pix.devolvido'"),
    (
        "E03",
        r#"owner = "Seguranca""#,
        r#"owner = "Seguranca"
dono = "S3B""#,
        r#"owner = "dono""#,
    ),
    ("E04", r#"mode = "enforce""#, r#"mode = "aplicar""#, r#"mode = "observe""#),
    ("E04", r#"["urgente", "vencido"]"#, r#""urgente""#, r#"[ "vencido", "urgente", ]"#),
    ("E05", r#"id = "T-1""#, r#"id = "T 1""#, r#"id = "T_1.a-2""#),
    (
        "E05",
        r#"id = "T-1"
"#,
        "",
        "id = 'T-1'
",
    ),
    ("E06", r#"ticket = "REQ 1""#, r#"ticket = "  ""#, r#"ticket = "1""#),
    (
        "E06",
        r#"owner = "Seguranca"
"#,
        "",
        r#"owner = "S"
"#,
    ),
    ("E07", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-12-20", "expires = 2026-12-20T23:59:59Z"),
    ("E07", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-11-19T23:59:59-03:00", "expires = 2026-12-20 00:00:00Z"),
    ("A08", "expires = 2026-12-20T23:59:59-03:00", "expires = 2026-11-27T00:00:00-03:00", "expires = 2026-11-30T00:00:00-03:00"),
    (
        "A08",
        "starts = 2026-11-20T00:00:00-03:00
expires = 2026-12-20T23:59:59-03:00",
        "starts = 2027-03-01T00:00:00Z",
        "starts = 2027-02-01T00:00:00Z",
    ),
    ("E09", r#"phrase = "segunda via da fatura""#, r#"phrase = "- !""#, r#"phrase = "segunda - via da fatura!""#),
    ("E09", "", "[[rule.match]]", "# [[rule.match]]"),
    ("E10", r#"wildcard = "*fatura*.zip*""#, r#"wildcard = "*.?*""#, r#"wildcard = "*fatura*.zi?*""#),
    (
        "E10",
        "",
        r#"[[rule.match]]
wildcard = "*de *"
YES conta de luz"#,
        r#"[[rule.match]]
wildcard = "*de luz*"
YES conta de luz"#,
    ),
    ("E11", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''pix (?=devolvido)'''", "'''pix (?:devolvido)'''"),
    ("E11", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r"'''\b(pix\b.{0,20}\bdevolvido\b'''", r"'''\b(pix)\b.{0,20}\bdevolvido\b'''"),
    ("E12", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''(pix devolvido)*'''", "'''(pix devolvido)+'''"),
    ("E13", r"\bdevolvido\b'''", r"\bdevolução\b'''", r"\bdev[oó]lvido\b'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''^Subject: pix'''", "'''^pix devolvido'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", "'''pix^ devolvido'''", "'''(^|x)pix devolvido$'''"),
    ("E13", r"'''\bpix\b.{0,20}\bdevolvido\b'''", r#""\bpix\b""#, r"'\bpix\b.d'"),
    ("A14", r#""segunda via da fatura""#, r#""segunda via da fa\u200Btura""#, r#""segunda  via  da fatura""#),
    (
        "A14",
        "",
        r#"[[rule.match]]
phrase = "conta bl\u043Equeada"
YES conta blоqueada"#,
        r#"[[rule.match]]
phrase = "счет bloqueada"
YES счет bloqueada"#,
    ),
    ("E15", r#""urgente", "vencido""#, r#""bem urgente", "vencido""#, r#""URGENTE", "vencido""#),
    ("A15", r#"phrase = "segunda via da fatura""#, r#"phrase = "via""#, r#"phrase = "via da""#),
    (
        "A16",
        "",
        r#"[[rule.match]]
all_words = ["reunião"]
YES Reunião"#,
        r#"[[rule.match]]
all_words = ["reunião", "fraude"]
YES Reunião e fraude"#,
    ),
    (
        "A16",
        "",
        r#"[[rule.match]]
all_words = ["nft"]
YES NFT"#,
        r#"[[rule.match]]
all_words = ["nfts"]
YES NFTs"#,
    ),
    ("E17", r#""urgente", "vencido""#, r#""urgent*", "vencido""#, r#""urgente" , "vencido""#),
    ("A17", r#""segunda via da fatura""#, r#""segunda via da fatura*""#, r#""segunda via, da fatura""#),
    ("A17", r#""*fatura*.zip*""#, r#""nova fatura.zip""#, r#""nova fatura.zip*""#),
    (
        "E18",
        "",
        r#"RULE T-2 off tag
[[rule.match]]
phrase = "conta nova"
YES conta nova"#,
        r#"RULE T-2 off tag
[[rule.match]]
phrase = "conta nova"
YES conta nova
NO conta"#,
    ),
    ("E19", r#"subject = "Segunda via da fatura""#, r#"subject = "Segunda via da fatora""#, r#"subject = "RES: SEGUNDA VIA - da fatura!""#),
    (
        "E20",
        "",
        r#"[[rule.match]]
phrase = "conta suspensa""#,
        r#"[[rule.match]]
phrase = "conta suspensa"
YES conta suspensa"#,
    ),
    ("A20", r#""urgente", "vencido""#, r#""urgente", "vencido", "atrasado""#, r#""vencido", "urgente""#),
    ("A20", r#"wildcard = "*fatura*.zip*""#, r#"wildcard = "*fatura*""#, r#"wildcard = "*nova*fatura*""#),
    (
        "E21",
        r#"networks = ["10.20.0.0/16"]"#,
        r#"networks = ["10.20.0.0/16"]
list = ["avisos.example"]"#,
        r#"networks = ["10.20.0.0/17"]"#,
    ),
    ("A21", r#"words = ["custas processuais"]"#, r#"words = ["custas processuais", "guia de custas"]"#, r#"words = ["das custas processuais"]"#),
    (
        "E22",
        "",
        r#"RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
"#,
    ),
    (
        "A22",
        "",
        r#"RULE T-2 enforce tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-2 observe tag
[[rule.match]]
wildcard = "*loteria*"
YES loteria federal
NO conta
RULE T-3 enforce quarantine
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
    ),
    (
        "A23",
        "",
        r#"RULE T-2 observe tag
[[rule.match]]
all_words = ["loteria"]
YES loteria
NO conta
RULE T-3 observe tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
        r#"RULE T-2 observe tag
[[rule.match]]
all_words = ["loteria", "federal"]
YES loteria federal
NO conta
RULE T-3 observe tag
[[rule.match]]
all_words = ["sorteio", "loteria"]
YES sorteio da loteria
NO conta
"#,
    ),
    (
        "A22",
        "",
        r#"RULE T-2 observe tag
starts = 2026-11-21T00:00:00Z
expires = 2026-12-01T00:00:00Z
scope = ["relay"]
[[rule.match]]
all_words = ["boleto", "urgente", "golpe"]
YES boleto urgente golpe
NO conta
"#,
        r#"RULE T-2 observe tag
scope = ["relay"]
[[rule.match]]
all_words = ["boleto", "urgente", "golpe"]
YES boleto urgente golpe
NO conta
"#,
    ),
    ("E25", r#"sender = ["*@banco.example"]"#, r#"sender = ["banco.example"]"#, r#"sender = ["*@banco.example", "*@*.banco.example"]"#),
    ("E25", r#"client = "10.20.3.4""#, r#"client = "10.20.3""#, r#"client = "10.20.255.255""#),
    ("E25", r#"sender = ["*@banco.example"]"#, r#"sender = ["*@banco.example", "*@just*ça.example"]"#, r#"sender = ["*@banco.example", "*@justiça.example"]"#),
    ("A26", r#"sender = ["*@banco.example"]"#, r#"sender = ["*@banco.example", "*@gmail.com"]"#, r#"sender = ["*@banco.example", "fulano@gmail.com"]"#),
    ("E28", r#"reply = "Retida"#, r#"reply = "Retida. Dúvidas: noc@tjpa.jus.br"#, r#"reply = "Retida. Duvidas: noc@tjpa.jus.br"#),
    ("E28", r#"reply = "Retida"#, r#"reply = "Retida por mx1.tjpa.local"#, r#"reply = "Retida por mx1.tjpa.jus.br"#),
    ("A28", r#"kind = "quarantine""#, r#"kind = "tag""#, r#"kind = "reject""#),
    (
        "A30",
        "",
        r#"[[rule.match]]
all_words = ["portaria"]
YES Portaria"#,
        r#"[[rule.match]]
all_words = ["portaria", "nova"]
YES Portaria nova"#,
    ),
    (
        "A32",
        "",
        "[[rule.match]]
regex = '^z.k'
YES zak",
        "[[rule.match]]
regex = '^zak.'
YES zaki",
    ),
    ("E37", r#""urgente", "vencido""#, r#""urgente", "vencido", "URGENTE""#, r#""VENCIDO", "urgente""#),
];

/// Whole lines for short ones: `RULE id mode kind` the head of a rule, `YES subject` and `NO subject` an example.
pub fn spelled(short: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some(("RULE", rest)) => {
            let [id, mode, kind] = rest.split(' ').collect::<Vec<_>>()[..] else { panic!("{rest}") };
            format!(
                "[[rule]]\nid = \"{id}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"{mode}\"\n\
                 action.kind = \"{kind}\"\n"
            )
        }
        Some(("YES", subject)) => format!("[[rule.example]]\nsubject = \"{subject}\"\nexpect = \"match\"\n"),
        Some(("NO", subject)) => format!("[[rule.example]]\nsubject = \"{subject}\"\nexpect = \"no match\"\n"),
        _ => format!("{line}\n"),
    };
    short.lines().map(line).collect()
}

/// [`GOOD`] with `text` in place of `place`; at its end, without one.
pub fn file(place: &str, text: &str) -> String {
    if place.is_empty() {
        return format!("{GOOD}{}", spelled(text));
    }
    assert_eq!(GOOD.matches(place).count(), 1, "{place}");
    GOOD.replace(place, text)
}
