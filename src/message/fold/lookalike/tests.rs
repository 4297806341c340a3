//! What looks alike, whose words are left alone, and that the table is what it says.

use std::collections::BTreeSet;

use super::*;

/// Both readings of a subject.
fn both(subject: &str) -> (String, String) {
    let fold = Fold::default();
    let plain = fold.subject(subject);
    let alike = fold.lookalike_subject(subject, &plain).unwrap_or_else(|| plain.clone());
    (plain, alike)
}

#[test]
fn an_entry_is_a_letter_that_no_other_step_makes_ascii() {
    let mut seen = BTreeSet::new();
    for LookAlike { character: c, letter, script, .. } in entries() {
        let name = format!("U+{:04X} {c}", c as u32);
        assert!(!c.is_ascii() && letter.is_ascii_alphabetic() && c.is_alphabetic(), "{name}");
        assert!(seen.insert(c), "{name} stands twice");
        let others = [Script::Latin, Script::Common];
        assert_eq!(Script::of(c), (!others.contains(&script)).then_some(script), "{name}");
        // Otherwise a subject that folds to ASCII could read differently, and the second reading is not made of such.
        for bits in 0..8_u8 {
            let (case, accents, compatibility) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
            let fold = Fold { case, accents, compatibility, ..Fold::default() };
            assert!(!fold.pattern(&c.to_string()).is_ascii(), "{name} with {fold:?}");
        }
        // Seldom does a capital look like another letter than its small one; what is not listed here is a slip of the pen.
        let small = letter_of_small(c);
        let differs = small.is_some_and(|small| small != letter.to_ascii_lowercase());
        assert_eq!(differs, ['Η', 'Μ', 'Ν', 'Υ'].contains(&c), "{name}");
    }
    assert!(seen.len() > 400, "{}", seen.len());
    assert_eq!(entries().map(|entry| entry.letter.to_ascii_lowercase()).collect::<BTreeSet<_>>().len(), 26);
}

fn letter_of_small(c: char) -> Option<char> {
    only(c.to_lowercase()).filter(|&small| small != c).and_then(entry).map(|entry| entry.letter)
}

#[test]
fn a_disguise_of_one_or_all_letters_is_seen_through() {
    for (subject, expected) in [
        // As the issue asks: Cyrillic `В`, `О`, `Л`, `Е`, `Т`.
        ("ВОЛЕТО", "boleto"),
        ("Вoleto", "boleto"),
        ("vоleto", "voleto"),
        ("Βοleto", "boleto"),
        ("ᏴOᏞEᎢO ꓐꓳꓡꓰꓔꓳ ᗷᗝᒪEᎢᗝ", "boleto boleto boleto"),
        ("ʙᴏʟᴇᴛᴏ 🅱🅾🅻🅴🆃🅾 ɓolɛƭo", "boleto boleto boleto"),
        ("bօlеtჿ bסlеtه", "boleto boleto"),
        // Capitals without an entry go as their small letters do.
        ("Пota Гua", "nota rua"),
        // NFKC makes a sigma of this one, and no c.
        ("соϲa ϲ", "coca c"),
        // With accents, invisible characters, full width and mathematics in between.
        ("Вó\u{200b}lё\u{301}ｔ𝐨", "boleto"),
        ("Rе: ENС: pіх", "pix"),
        // The digit zero is no letter.
        ("b0leto", "b0leto"),
    ] {
        assert_eq!(both(subject).1, expected, "{subject}");
    }
}

#[test]
fn what_only_looks_alike_to_the_complete_skeleton_stays_apart() {
    for (a, b) in [("corno", "como"), ("carne", "came"), ("modem", "modern"), ("pix1", "pixl"), ("O", "0")] {
        assert_ne!(both(a).1, both(b).1);
    }
}

#[test]
fn honest_words_of_another_script_stay_where_the_subject_is_written_in_it() {
    for subject in [
        "Тема: повестка дня заседания",
        // Each of these letters is in the table.
        "Тема: право ребёнка",
        "ТЕМА: ПРАВО РЕБЁНКА",
        "волето",
        "Re: ТЕМА СОБРАНИЯ",
        "Сара и РОСА на ковре — Windows 11",
        "Το ΝΕΟ πρόγραμμα σπουδών",
        "Об'єкт і суб’єкт праці",
        // A Hangul filler is a letter to Unicode, and nothing to the eye.
        "тема\u{115f} ковра",
    ] {
        let (plain, alike) = both(subject);
        assert_eq!(plain, alike, "{subject}");
    }
    for (subject, expected) in [
        // Most of this one is Latin: a word among others of a script that its reader cannot read is a disguise.
        ("Segue o ВОЛЕТО vencido", "segue o boleto vencido"),
        // Nothing here is anything but a close look-alike, so nothing shows that it is Russian.
        ("ТЕМА", "tema"),
        ("ТЕМА РОСА", "tema poca"),
        ("рахо осеаѕ", "paxo oceas"),
        // A word of two scripts is never honest enough.
        ("счёт: ВОLЕТО на оплату счёта", "счет: boleto на оплату счета"),
    ] {
        assert_eq!(both(subject).1, expected, "{subject}");
    }
}

#[test]
fn the_script_that_a_subject_is_written_in_shows_itself() {
    for (subject, expected) in [
        ("", None),
        ("boleto", None),
        ("ВОЛЕТО", None),
        ("волето", Some(Script::Cyrillic)),
        ("повестка дня", Some(Script::Cyrillic)),
        ("повестка дня and its agenda", None),
        ("повестка дня 2026 iso", Some(Script::Cyrillic)),
        // Half is not most.
        ("дня abc", None),
        ("δίκη", Some(Script::Greek)),
        ("ΚΑΙ", None),
        ("日本語", None),
    ] {
        assert_eq!(home(subject, &Fold::default()), expected, "{subject}");
    }
}

#[test]
fn a_pattern_means_what_is_written() {
    let fold = Fold::default();
    for (written, expected) in
        [("bоleto", "boleto"), ("тема", "тема"), ("ВОЛЕТО pіx", "волето pix"), ("тема bоleto", "тема boleto")]
    {
        assert_eq!(fold.lookalike_pattern(written), expected, "{written}");
    }
    let off = Fold { lookalikes: false, ..Fold::default() };
    assert_eq!(off.lookalike_pattern("bоleto"), "bоleto");
    assert_eq!(off.lookalike_subject("bоleto", "bоleto"), None);
}

#[test]
fn the_other_switches_do_what_they_do() {
    let read = |fold: Fold, subject: &str| fold.lookalike_subject(subject, &fold.subject(subject));
    let cased = Fold { case: false, ..Fold::default() };
    assert_eq!(read(cased, "ВОlеto").as_deref(), Some("BOleto"));
    let accented = Fold { accents: false, ..Fold::default() };
    assert_eq!(read(accented, "bоlёto").as_deref(), Some("bolëto"));
    let narrow = Fold { compatibility: false, ..Fold::default() };
    assert_eq!(read(narrow, "bоｌeto").as_deref(), Some("boｌeto"));
}
