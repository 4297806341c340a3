//! A rule that uses every key, completed with the examples that reach each of its blocks and exceptions.

use super::*;

const SAMPLE: &str = r#"
[[rule]]
id          = "S3B-2026-0042"
description = "Falso boleto de cobrança (campanha de novembro)"
owner       = "Seguranca S3B"
ticket      = "REQ 2026/118733"
mode        = "observe"
starts      = 2026-11-20T00:00:00-03:00
expires     = 2026-12-20T23:59:59-03:00
scope       = ["relay"]

  [rule.fold]
  case = true
  accents = true
  compatibility = true
  invisible = true
  lookalikes = true
  spaces = true
  digits = false
  prefixes = ["RE", "RES", "ENC", "FW", "FWD", "[EXTERNO]"]

  [[rule.match]]
  all_words = ["boleto", "cobrança"]
  any_words = ["urgente", "vencido"]
  [[rule.match]]
  phrase = "2ª via do boleto"
  [[rule.match]]
  wildcard = "*boleto*anexo*.zip*"
  [[rule.match]]
  regex = '''\bpix\b.{0,20}\bdevolucao\b'''

  [rule.except]
  sender = ["*@bancoparceiro.example"]
  recipient = ["noc@tjpa.jus.br"]
  words = ["custas processuais"]

  [rule.action]
  kind  = "quarantine"
  reply = "Mensagem retida (regra {rule}, protocolo {id}). Duvidas: noc@tjpa.jus.br"

  [[rule.example]]
  subject = "=?iso-8859-1?Q?Boleto_de_Cobran=E7a_-_URGENTE?="
  expect  = "match"
  [[rule.example]]
  subject = "Ata da reunião sobre cobrança de custas"
  expect  = "no match"
"#;

const COMPLETED: &str = r#"
  [[rule.example]]
  subject = "RES: Segue a ２ª via do bo\u200Bleto"
  expect  = "match"
  [[rule.example]]
  subject = "Boleto em anexo: fatura.zip"
  expect  = "match"
  [[rule.example]]
  subject = "PIX em processo de devolução"
  expect  = "match"
  [[rule.example]]
  subject = "Boleto de cobrança urgente"
  sender  = "aviso@bancoparceiro.example"
  expect  = "no match"
  [[rule.example]]
  subject   = "Boleto de cobrança urgente"
  recipient = "suporte@tjpa.jus.br"
  expect    = "no match"
  [[rule.example]]
  subject = "Boleto de cobrança das custas processuais - urgente"
  expect  = "no match"
"#;

#[test]
fn the_printed_sample_is_in_order_once_every_block_and_exception_is_reached() {
    let (set, faults) = read(&format!("{SAMPLE}{COMPLETED}"));
    assert!(faults.contains("no example has only this of any_words: vencido"), "{faults}");
    assert!(faults.contains("an exception by sender alone can be forged"), "{faults}");
    assert_eq!(faults.matches("warning").count(), 2, "{faults}");
    assert!(!faults.contains("error"), "{faults}");
    let [rule] = set.rules() else { panic!("{} rules", set.len()) };
    assert_eq!((rule.id(), rule.examples()), ("S3B-2026-0042", 8));
}

#[test]
fn as_printed_it_is_told_what_no_example_reaches() {
    let (set, faults) = read(&SAMPLE.replace("\"observe\"", "\"enforce\""));
    assert!(set.is_empty());
    for part in ["match block 2", "match block 3", "match block 4", "except.sender", "except.recipient", "except.words"]
    {
        assert!(faults.contains(&format!("no example reaches {part}")), "{part}: {faults}");
    }
    assert!(!faults.contains("match block 1"), "{faults}");
}

#[test]
fn every_spelling_of_the_subject_is_caught() {
    let (set, faults) = read(&format!("{SAMPLE}{COMPLETED}"));
    assert!(!faults.contains("error"), "{faults}");
    for subject in [
        "Boleto de cobrança URGENTE",
        "=?utf-8?B?Qm9sZXRvIGRlIGNvYnJhbsOnYSB1cmdlbnRl?=",
        "Enc: RES: BOLETO, COBRANÇA - vencido!",
        "Boleto de cobranc\u{327}a urgente",
        "ＢＯＬＥＴＯ cobranca urgente",
        "b\u{ad}oleto cobran\u{200d}ça urgente",
        "Вoleto de соbrança urgentе",
        "2a  VIA   do boleto",
    ] {
        let message = Message::with(&[subject]);
        let judgement = set.judge(&message.facts());
        assert_eq!(judgement.matches.len(), 1, "{subject}");
        assert_eq!(judgement.deciding, [None], "the rule only observes");
        assert_eq!(
            judgement.matches[0].reply.as_deref(),
            Some("Mensagem retida (regra S3B-2026-0042, protocolo {id}). Duvidas: noc@tjpa.jus.br")
        );
    }
    for subject in ["boletos de cobrança urgente", "Boleto de cobrança", "", "a segunda via do boleto"] {
        assert!(set.judge(&Message::with(&[subject]).facts()).matches.is_empty(), "{subject}");
    }
}
