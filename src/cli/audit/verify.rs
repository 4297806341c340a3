//! What is wrong with the trail, line by line; and the head, to be kept elsewhere.

use std::sync::Arc;

use serde_json::{Value, json};

use super::copy::{self, Files, Rows};
use crate::{
    audit::{Flaw, Hash, Head, Kind, LOG, Stored},
    cli::{
        Common, Exit,
        escape::escape,
        rendering::{Style, json_line, store_fault},
        run::with_runtime,
        show,
    },
    config::Settings,
    language::Text,
    store::{Store, StoreFault},
    text,
};

/// What was found.
struct Found {
    entries: u64,
    /// With the file in which each is.
    flaws: Vec<(Arc<str>, Flaw)>,
    last: Option<Head>,
    /// Whether the head that somebody kept elsewhere is an entry of this trail; none if nobody asked.
    contains: Option<(Head, bool)>,
    /// The hash of each sound entry; none: nobody compares them with their copy.
    files: Option<Files>,
}

/// `contains`: a head that somebody kept elsewhere, `SEQ:HASH`.
/// `database`: the copies are looked at too.
pub fn verify(common: &mut Common, contains: Option<&str>, database: bool) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let kept = match contains.map(|written| head(written).ok_or(written)).transpose() {
        Ok(kept) => kept,
        Err(written) => {
            let written = escape(written);
            let what = text!(
                "`{written}` is no head: give number and hash as `audit verify` shows them, NUMBER:HASH",
                "`{written}` não é uma ponta: dê número e hash como `audit verify` mostra, NÚMERO:HASH"
            );
            eprintln!("{}", what.in_language(common.language));
            return Exit::Usage;
        }
    };
    let style = super::style(common, &settings);
    let rows = match database.then(|| with_runtime(async { Ok(rows(&settings).await) })).transpose() {
        Ok(rows) => match rows.transpose() {
            Ok(rows) => rows,
            Err(fault) => {
                let told = store_fault(&fault, &style);
                eprint!("{}", told.text);
                return crate::cli::exit(told.exit_code);
            }
        },
        Err(what) => {
            eprintln!("{}", escape(style.say(&what)));
            return Exit::Faults;
        }
    };
    let found = super::open(&settings)
        .and_then(|stored| look(stored, kept, database).map_err(|fault| super::unreadable(&fault)));
    match found {
        Ok(found) => {
            let mut text = if style.json { as_json(&found, &style) } else { as_text(&found, &style) };
            let mut is_good = found.flaws.is_empty() && found.contains.is_none_or(|(_, is_there)| is_there);
            if let Some((rows, files)) = rows.zip(found.files.as_ref()) {
                let copies = rows.compare(files);
                is_good &= copies.iter().all(|copy| copy.flaws.is_empty());
                text += &if style.json { copy::as_json(&copies, &style) } else { copy::as_text(&copies, &style) };
            }
            show(&text, u8::from(!is_good))
        }
        Err(what) => {
            eprintln!("{}", escape(what.in_language(common.language)));
            Exit::Faults
        }
    }
}

async fn rows(settings: &Settings) -> Result<Rows, StoreFault> {
    Rows::fetch(&Store::open_read_only(&settings.store).await?).await
}

fn head(written: &str) -> Option<Head> {
    let (seq, hash) = written.split_once(':')?;
    Some(Head { seq: seq.parse().ok()?, hash: Hash::try_from(hash.to_owned()).ok()? })
}

fn look(mut stored: Stored, kept: Option<Head>, compares: bool) -> std::io::Result<Found> {
    let mut contains = kept.map(|head| (head, false));
    let (mut entries, mut flaws, mut files) = (0_u64, Vec::new(), compares.then(Files::new));
    while let Some(step) = stored.next_step()? {
        flaws.extend(step.flaws.into_iter().map(|flaw| (step.file.clone(), flaw)));
        let Some(entry) = step.entry else { continue };
        entries = entries.saturating_add(1);
        if let Some((head, is_there)) = &mut contains {
            *is_there |= step.is_sound && entry.seq == head.seq && entry.hash == head.hash;
        }
        if let Some(files) = files.as_mut().filter(|_| step.is_sound) {
            files.insert(entry.seq, entry.hash.into());
        }
    }
    let ending = stored.finish();
    flaws.extend(ending.flaws.into_iter().map(|flaw| (Arc::from(LOG), flaw)));
    Ok(Found { entries, flaws, last: ending.last, contains, files })
}

fn as_text(found: &Found, style: &Style) -> String {
    let line = |(file, flaw): &(Arc<str>, Flaw)| {
        let (line, told) = (flaw.line, told(&flaw.kind));
        let Text { en, pt } = told;
        let file = if **file == *LOG { String::new() } else { format!("{}, ", escape(file)) };
        style.say(&text!("{file}line {line}: {en}", "{file}linha {line}: {pt}")).to_owned() + "\n"
    };
    let mut out: String = found.flaws.iter().map(line).collect();
    let mut say = |text: Text| {
        out.push_str(style.say(&text));
        out.push('\n');
    };
    if let Some((head, false)) = &found.contains {
        let seq = head.seq;
        say(text!(
            "entry {seq} with the hash that you kept is not in this trail: it was written anew, or cut",
            "a entrada {seq} com o hash que você guardou não está nesta trilha: ela foi reescrita, ou cortada"
        ));
    } else if let Some((head, true)) = &found.contains {
        let seq = head.seq;
        say(text!("entry {seq} is there, as you kept it", "a entrada {seq} está lá, como você a guardou"));
    }
    let (entries, flaws) = (found.entries, found.flaws.len());
    say(match flaws {
        0 => text!("{entries} entries, each follows the one before", "{entries} entradas, cada uma segue a anterior"),
        _ => text!(
            "{entries} entries, damaged in {flaws} places; docs/audit.md says what each means",
            "{entries} entradas, danificada em {flaws} lugares; docs/audit.md diz o que cada um significa"
        ),
    });
    if let Some(Head { seq, hash }) = &found.last {
        let hash = hash.as_str();
        say(text!("head, to be kept elsewhere: {seq}:{hash}", "ponta, para guardar em outro lugar: {seq}:{hash}"));
    }
    out
}

fn as_json(found: &Found, style: &Style) -> String {
    let flaws = found.flaws.iter().map(|(file, flaw)| {
        let mut value = json!({ "kind": "flaw", "file": &**file, "line": flaw.line, "flaw": name(&flaw.kind) });
        if let (Some((first, last)), Some(object)) = (span(&flaw.kind), value.as_object_mut()) {
            object.insert("first".to_owned(), first.into());
            object.insert("last".to_owned(), last.into());
        }
        if let Some(object) = value.as_object_mut() {
            object.insert("what".to_owned(), style.say(&told(&flaw.kind)).into());
        }
        json_line(&value)
    });
    let head = |head: &Head| json!({ "seq": head.seq, "hash": head.hash });
    let all = json!({
        "kind": "trail",
        "entries": found.entries,
        "flaws": found.flaws.len(),
        "head": found.last.as_ref().map_or(Value::Null, head),
        "contains": found.contains.as_ref().map(|(_, is_there)| is_there),
    });
    flaws.collect::<String>() + &json_line(&all)
}

/// For scripts.
fn name(kind: &Kind) -> &'static str {
    match kind {
        Kind::NotAnEntry(_) => "not_an_entry",
        Kind::Altered => "altered",
        Kind::Missing { .. } => "missing",
        Kind::OutOfOrder => "out_of_order",
        Kind::Twice => "twice",
        Kind::Unchained => "unchained",
        Kind::Torn => "torn",
        Kind::TailMissing { .. } => "tail_missing",
        Kind::HeadDiffers { .. } => "head_differs",
        Kind::HeadBehind { .. } => "head_behind",
        Kind::HeadMissing => "head_missing",
    }
}

/// The entries that it is about, if not the one on the line.
fn span(kind: &Kind) -> Option<(u64, u64)> {
    match kind {
        Kind::Missing { first, last } | Kind::TailMissing { first, last } => Some((*first, *last)),
        Kind::HeadDiffers { seq } | Kind::HeadBehind { seq } => Some((*seq, *seq)),
        _ => None,
    }
}

fn told(kind: &Kind) -> Text {
    match kind {
        Kind::NotAnEntry(why) => {
            let why = escape(why);
            text!("no entry: {why}", "não é uma entrada: {why}")
        }
        Kind::Altered => text!("changed since it was written", "alterada depois de escrita"),
        Kind::Missing { first, last } => {
            text!("entries {first} to {last} are missing before it", "faltam as entradas {first} a {last} antes dela")
        }
        Kind::OutOfOrder => text!("this entry belongs further up", "esta entrada deveria estar mais acima"),
        Kind::Twice => {
            text!("a second entry with the number of the one before", "segunda entrada com o número da anterior")
        }
        Kind::Unchained => text!(
            "does not follow the entry before it: one of the two was written anew",
            "não segue a entrada anterior: uma das duas foi reescrita"
        ),
        Kind::Torn => text!("the last line has no end", "a última linha não tem fim"),
        Kind::TailMissing { first, last } => text!(
            "entries {first} to {last} are missing at the end: audit.head knows of them",
            "faltam as entradas {first} a {last} no fim: audit.head as conhece"
        ),
        Kind::HeadDiffers { seq } => text!(
            "audit.head knows another entry {seq}: one of the two was written anew",
            "audit.head conhece outra entrada {seq}: um dos dois foi reescrito"
        ),
        Kind::HeadBehind { seq } => text!(
            "audit.head stands at entry {seq}, further back than a crash explains",
            "audit.head está na entrada {seq}, mais atrás do que uma queda explica"
        ),
        Kind::HeadMissing => text!("audit.head is missing or no head", "audit.head falta ou não é uma ponta"),
    }
}
