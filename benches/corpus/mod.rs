//! Rules and subjects as a court could have them, made from a seed: the same on every machine.
//!
//! Out: the text of a rule file with as many rules as are asked for (60 % words and phrases, 20 % wildcards, 20 % expressions), each
//! with its two examples, and subjects: of one who writes what a rule looks for, of one who nearly does, and of one who wants it to take
//! long. Rules of one campaign share their ordinary words (`boleto`, `fatura`) and differ in a name, as real ones do.
#![allow(dead_code, reason = "each bench takes what it needs")]

#[path = "../../src/policy/rule/tests/chance.rs"]
mod chance;

use std::fmt::Write as _;

pub use chance::Chance;

/// What campaigns are about.
pub const NOUNS: &[&str] = &[
    "boleto",
    "fatura",
    "cobrança",
    "pagamento",
    "depósito",
    "intimação",
    "notificação",
    "protesto",
    "multa",
    "entrega",
    "encomenda",
    "comprovante",
    "recadastramento",
    "bloqueio",
    "senha",
    "certificado",
    "restituição",
    "imposto",
    "débito",
    "cartório",
    "premiação",
    "empréstimo",
    "consignado",
    "orçamento",
    "pedido",
    "nota fiscal",
    "licença",
    "webmail",
    "quarentena",
    "aposentadoria",
];

/// How they press.
pub const PRESSING: &[&str] = &[
    "urgente",
    "vencido",
    "pendente",
    "imediato",
    "último aviso",
    "hoje",
    "suspenso",
    "expirado",
    "atrasado",
    "extrajudicial",
];

const ENDINGS: &[&str] = &["zip", "rar", "iso", "exe", "pdf.html", "docm", "xlsm", "js"];

const SYLLABLES: &[&str] = &[
    "bra", "cel", "dal", "for", "gra", "lux", "mar", "nor", "par", "quin", "ras", "sol", "tec", "uni", "ver", "zan",
    "bel", "cor", "dux", "fin", "gar", "jur", "lin", "mol", "nex", "pul", "rin", "ser", "tor", "vix", "cam", "pes",
];

/// A name that no other rule has, and that no ordinary subject holds: the company that the campaign pretends to be.
pub fn name(nth: usize) -> String {
    let syllable = |of: usize| SYLLABLES.get(of % SYLLABLES.len()).copied().unwrap_or_default();
    let count = SYLLABLES.len();
    // Scattered, so that names that stand together do not begin alike.
    let at = nth.wrapping_mul(7_919) % (count * count * count);
    format!("{}{}{}", syllable(at), syllable(at / count), syllable(at / count / count))
}

/// A rule file of `count` rules.
pub fn rules(count: usize) -> String {
    let mut chance = Chance(2_026);
    let mut out = String::new();
    for nth in 0..count {
        let (block, example) = block(nth, &mut chance);
        let (mode, action) =
            [("enforce", "quarantine"), ("observe", "quarantine"), ("enforce", "tag")][chance.below(3)];
        // A write to a String cannot fail.
        let _ = writeln!(
            out,
            "[[rule]]\nid = \"C-{nth:05}\"\ndescription = \"Campanha {nth}\"\nowner = \"Seguranca S3B\"\nticket = \"REQ 2026/{nth}\"\n\
             mode = \"{mode}\"\naction.kind = \"{action}\"\n[[rule.match]]\n{block}\n[[rule.example]]\nsubject = \"{example}\"\n\
             expect = \"match\"\n[[rule.example]]\nsubject = \"Ata da reunião\"\nexpect = \"no match\"\n"
        );
    }
    out
}

/// A subject that rule `nth` matches.
pub fn example(nth: usize) -> String {
    examples(nth + 1).pop().unwrap_or_default()
}

/// A subject for each of `count` rules, that it matches.
pub fn examples(count: usize) -> Vec<String> {
    let mut chance = Chance(2_026);
    let one = |nth| {
        let example = block(nth, &mut chance).1;
        chance.below(3);
        example
    };
    (0..count).map(one).collect()
}

/// Whether rule `nth` is an expression.
pub fn is_expression(nth: usize) -> bool {
    nth % 10 >= 8
}

/// The match block of rule `nth`, and a subject that it matches.
fn block(nth: usize, chance: &mut Chance) -> (String, String) {
    let (name, noun, pressing) = (name(nth), first_word(chance.of(NOUNS)), first_word(chance.of(PRESSING)));
    match nth % 10 {
        0 | 1 => (format!("all_words = [\"{noun}\", \"{name}\"]"), format!("{name}: seu {noun} chegou")),
        2 | 3 => (
            format!("all_words = [\"{noun}\", \"{name}\"]\nany_words = [\"{pressing}\", \"agora\"]"),
            format!("{noun} {name} {pressing}"),
        ),
        4 | 5 => (format!("phrase = \"{noun} da {name}\""), format!("Segue o {noun} da {name}")),
        6 => {
            let ending = chance.of(ENDINGS);
            (format!("wildcard = \"*{noun}*{name}*.{ending}*\""), format!("{noun} da {name} em anexo.{ending} veja"))
        }
        7 => (format!("wildcard = \"*{name}*{pressing}*\""), format!("grupo {name}: {pressing}!")),
        8 => {
            let noun = folded(noun);
            (format!("regex = '''\\b{noun}\\b.{{0,20}}\\b{name}\\b'''"), format!("{noun} da {name}"))
        }
        _ => (format!("regex = '''{name}[ -]?[0-9]{{3,}}'''"), format!("pedido {name}-0042")),
    }
}

fn first_word(text: &'static str) -> &'static str {
    text.split(' ').next().unwrap_or(text)
}

/// Without the accents that these words have: an expression looks at the folded subject.
fn folded(text: &str) -> String {
    let plain = |c| match c {
        'ç' => 'c',
        'ã' | 'á' => 'a',
        'é' => 'e',
        'ó' => 'o',
        'ú' => 'u',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// Rules that share the only fragment that is long enough to be looked up: the digits that tell them apart stand alone.
pub fn rules_that_share_all(count: usize) -> String {
    let mut out = String::new();
    for nth in 0..count {
        let digits: Vec<String> = format!("{nth:05}").chars().map(String::from).collect();
        let (pattern, subject) = (digits.join("?"), digits.join(" "));
        // A write to a String cannot fail.
        let _ = writeln!(
            out,
            "[[rule]]\nid = \"A-{nth:05}\"\ndescription = \"d\"\nowner = \"o\"\nticket = \"t\"\nmode = \"observe\"\n\
             action.kind = \"tag\"\n[[rule.match]]\nwildcard = \"*comprovante?{pattern}*\"\n[[rule.example]]\n\
             subject = \"comprovante {subject}\"\nexpect = \"match\"\n[[rule.example]]\nsubject = \"Ata\"\nexpect = \"no match\"\n"
        );
    }
    out
}

/// Subjects that nearly match, of about `octets`: the words of many rules, and the names of none of them quite.
pub fn near_miss(chance: &mut Chance, octets: usize) -> String {
    let mut out = String::new();
    while out.len() < octets {
        let mut name = name(chance.below(10_000));
        match chance.below(3) {
            0 => name.push('o'),
            1 => drop(name.pop()),
            _ => drop(name.remove(0)),
        }
        let (noun, pressing) = (chance.of(NOUNS), chance.of(PRESSING));
        // A write to a String cannot fail.
        let _ = write!(out, "{noun} {name} {pressing} ");
    }
    out.truncate(out.floor_char_boundary(octets));
    out
}

/// Subjects of about `octets` that are nothing but names of rules: each is looked up, and hardly one of them holds.
pub fn names_alone(chance: &mut Chance, octets: usize) -> String {
    let mut out = String::new();
    while out.len() < octets {
        // A write to a String cannot fail.
        let _ = write!(out, "{} ", name(chance.below(10_000)));
    }
    out.truncate(octets);
    out
}

/// Subjects of about `octets` in which every second letter is one of another script.
pub fn disguised(chance: &mut Chance, octets: usize) -> String {
    let alike = |c| match c {
        'a' => 'а',
        'e' => 'е',
        'o' => 'о',
        'c' => 'с',
        'p' => 'р',
        other => other,
    };
    let mut out: String = near_miss(chance, octets).chars().map(alike).collect();
    out.truncate(out.floor_char_boundary(octets));
    out
}
