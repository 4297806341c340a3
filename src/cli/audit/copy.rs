//! The trail's files beside their copy in the database, and the copies of other nodes.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use crate::{
    audit::{Entry, Hash},
    cli::{
        escape::escape,
        rendering::{Style, json_line},
    },
    language::Text,
    record::audit::Copied,
    store::{StoreFault, View},
    text,
};

/// Rows read at a time.
const PAGE: u32 = 1000;

/// What stands in the files: the hash of each sound entry, by its number.
pub(super) type Files = BTreeMap<u64, String>;

/// One node's copy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    node: String,
    /// It is the copy of these files.
    is_own: bool,
    entries: u64,
    /// Not copied yet, because they are newer than what is.
    waiting: u64,
    pub(super) flaws: Vec<(u64, Difference)>,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// The copy has it, the files have another or none.
    NotInFile,
    /// The files have it, the copy has another or none, and has later ones.
    NotInCopy,
    /// The row is not what was copied.
    Altered,
    /// It does not follow the one before it: something is missing or was changed.
    Unchained,
}

/// A row, of whose line only this is kept: a trail of years has a hundred megabytes of lines.
#[derive(Clone, Debug)]
struct Row {
    seq: u64,
    hash: String,
    /// What its line says that it follows; none: the line is no entry, or not the one that number and hash say.
    follows: Option<String>,
}

/// The rows of all nodes, as the database has them now.
pub(super) struct Rows {
    own: String,
    of: Vec<(String, Vec<Row>)>,
}

impl Rows {
    /// To come before the files are read: what is written and copied meanwhile would be in the copy, and not in the files.
    pub(super) async fn fetch(view: &View) -> Result<Self, StoreFault> {
        let own = view.node().to_owned();
        let mut nodes = view.copied_nodes().await?;
        if !nodes.contains(&own) {
            nodes.insert(0, own.clone());
        }
        let mut of = Vec::new();
        for node in nodes {
            let rows = rows(view, &node).await?;
            of.push((node, rows));
        }
        Ok(Self { own, of })
    }

    /// All copies: this node's beside its files, and those of others, each for itself.
    pub(super) fn compare(self, files: &Files) -> Vec<Copy> {
        let Self { own: ours, of } = self;
        let one = |(node, rows): (String, Vec<Row>)| {
            if node == ours { own(node, &rows, files) } else { others(node, &rows) }
        };
        of.into_iter().map(one).collect()
    }
}

async fn rows(view: &View, node: &str) -> Result<Vec<Row>, StoreFault> {
    let (mut rows, mut at) = (Vec::new(), (0, String::new()));
    loop {
        let page = view.copied(node, (at.0, &at.1), PAGE).await?;
        let Some(last) = page.last() else { return Ok(rows) };
        at = (last.seq, last.hash.clone());
        rows.extend(page.into_iter().map(Row::of));
    }
}

impl Row {
    fn of(row: Copied) -> Self {
        let is_said = |(entry, sealed): &(Entry, Hash)| {
            entry.hash == *sealed && entry.seq == row.seq && entry.hash.as_str() == row.hash
        };
        let read = Entry::read_sealed(row.line.as_bytes()).ok().filter(is_said);
        Self { seq: row.seq, hash: row.hash, follows: read.map(|(entry, _)| entry.previous.into()) }
    }
}

fn own(node: String, rows: &[Row], files: &Files) -> Copy {
    let mut flaws = Vec::new();
    let mut copied = Files::new();
    for Row { seq, hash, follows } in rows {
        if follows.is_none() {
            flaws.push((*seq, Difference::Altered));
        } else if files.get(seq) != Some(hash) {
            flaws.push((*seq, Difference::NotInFile));
        } else {
            copied.insert(*seq, hash.clone());
        }
    }
    // Of the trail that is there now: one that was put away may have gone further.
    let last = copied.last_key_value().map_or(0, |(seq, _)| *seq);
    let missing = files.keys().filter(|seq| !copied.contains_key(seq));
    let (missing, waiting): (Vec<u64>, Vec<u64>) = missing.partition(|seq| **seq <= last);
    flaws.extend(missing.into_iter().map(|seq| (seq, Difference::NotInCopy)));
    flaws.sort_by_key(|(seq, _)| *seq);
    Copy { node, is_own: true, entries: rows.len() as u64, waiting: waiting.len() as u64, flaws }
}

/// A node may have begun its trail anew, and then has the first numbers twice: each row is held to what it says that it follows, and not to
/// the row before it.
fn others(node: String, rows: &[Row]) -> Copy {
    let there: HashSet<(u64, &str)> = rows.iter().map(|row| (row.seq, row.hash.as_str())).collect();
    let first = Hash::none();
    let follows = |row: &Row, previous: &str| match row.seq.checked_sub(1) {
        Some(0) => previous == first.as_str(),
        Some(before) => there.contains(&(before, previous)),
        None => false,
    };
    let wrong = |row: &Row| match &row.follows {
        None => Some((row.seq, Difference::Altered)),
        Some(previous) => (!follows(row, previous)).then_some((row.seq, Difference::Unchained)),
    };
    let flaws = rows.iter().filter_map(wrong).collect();
    Copy { node, is_own: false, entries: rows.len() as u64, waiting: 0, flaws }
}

/// For people: a line a finding, and one a node.
pub(super) fn as_text(copies: &[Copy], style: &Style) -> String {
    let mut out = String::new();
    let mut say = |text: Text| {
        out.push_str(style.say(&text));
        out.push('\n');
    };
    for copy in copies {
        let (node, entries, waiting) = (escape(&copy.node), copy.entries, copy.waiting);
        for (seq, difference) in &copy.flaws {
            let Text { en, pt } = told(*difference);
            say(text!("database, {node}, entry {seq}: {en}", "banco de dados, {node}, entrada {seq}: {pt}"));
        }
        let flaws = copy.flaws.len();
        say(match (copy.is_own, flaws) {
            (true, 0) => text!(
                "database, {node} (this one): {entries} entries, as in the files; {waiting} are not copied yet",
                "banco de dados, {node} (este): {entries} entradas, como nos arquivos; {waiting} ainda não copiadas"
            ),
            (false, 0) => text!(
                "database, {node}: {entries} entries, each follows the one before",
                "banco de dados, {node}: {entries} entradas, cada uma segue a anterior"
            ),
            _ => text!(
                "database, {node}: {entries} entries, {flaws} findings",
                "banco de dados, {node}: {entries} entradas, {flaws} achados"
            ),
        });
    }
    out
}

/// For scripts: an object a finding, and one a node.
pub(super) fn as_json(copies: &[Copy], style: &Style) -> String {
    let mut out = String::new();
    for copy in copies {
        for (seq, difference) in &copy.flaws {
            out += &json_line(&json!({
                "kind": "difference", "node": copy.node, "seq": seq, "difference": name(*difference),
                "what": style.say(&told(*difference)),
            }));
        }
        out += &json_line(&json!({
            "kind": "copy", "node": copy.node, "own": copy.is_own, "entries": copy.entries, "waiting": copy.waiting,
            "differences": copy.flaws.len(),
        }));
    }
    out
}

fn name(difference: Difference) -> &'static str {
    match difference {
        Difference::NotInFile => "not_in_file",
        Difference::NotInCopy => "not_in_copy",
        Difference::Altered => "altered",
        Difference::Unchained => "unchained",
    }
}

fn told(difference: Difference) -> Text {
    match difference {
        Difference::NotInFile => text!(
            "the files do not have it: they were cut, written anew, or put away",
            "os arquivos não a têm: foram cortados, reescritos ou guardados"
        ),
        Difference::NotInCopy => {
            text!("the database does not have it, and has later ones", "o banco não a tem, e tem posteriores")
        }
        Difference::Altered => text!("changed in the database", "alterada no banco de dados"),
        Difference::Unchained => text!(
            "does not follow the one before it: something is missing or was changed",
            "não segue a anterior: falta algo ou algo foi alterado"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{Trail, tests::event},
        language::{Language, acts_or_hides},
    };

    /// The entries of a trail about `1`, `2`, … of something, as files and as rows.
    fn both(what: &str, count: u64) -> (Files, Vec<Row>) {
        let folder = tempfile::tempdir().unwrap();
        let trail = Trail::open(folder.path()).unwrap();
        let entries = (1..=count).map(|number| trail.append(&event(&format!("{what}{number}"))).unwrap());
        let rows: Vec<Row> = entries.map(|entry| Row::of(row(&entry))).collect();
        (rows.iter().map(|row| (row.seq, row.hash.clone())).collect(), rows)
    }

    fn row(entry: &Entry) -> Copied {
        Copied { seq: entry.seq, hash: entry.hash.as_str().to_owned(), at: entry.at, line: entry.line() }
    }

    #[test]
    fn files_and_copy_say_what_the_other_lacks() {
        let (files, rows) = both("", 5);
        let compared = |files: &Files, rows: &[Row]| own("local".to_owned(), rows, files).flaws;
        assert_eq!(compared(&files, &rows), []);
        let mut cut = files.clone();
        cut.retain(|seq, _| *seq < 4);
        assert_eq!(compared(&cut, &rows), [(4, Difference::NotInFile), (5, Difference::NotInFile)]);
        assert_eq!(compared(&files, &[&rows[..1], &rows[2..]].concat()), [(2, Difference::NotInCopy)]);
        let behind = own("local".to_owned(), &rows[..3], &files);
        assert_eq!((behind.waiting, behind.flaws), (2, vec![]), "what is newer is not missing");
        let mut anew = files.clone();
        anew.insert(3, "0".repeat(64));
        assert_eq!(compared(&anew, &rows), [(3, Difference::NotInFile), (3, Difference::NotInCopy)]);
        let mut altered = rows.clone();
        altered[1].follows = None;
        assert_eq!(compared(&files, &altered), [(2, Difference::Altered), (2, Difference::NotInCopy)]);
        // The trail of before was put away, and had gone further: what is newer than the copy is still not missing.
        let (new_files, new_rows) = both("anew ", 4);
        let mut all = [&rows[..], &new_rows[..2]].concat();
        all.sort_by_key(|row| (row.seq, row.hash.clone()));
        let anew = own("local".to_owned(), &all, &new_files);
        assert_eq!(anew.flaws, (1..=5).map(|seq| (seq, Difference::NotInFile)).collect::<Vec<_>>());
        assert_eq!(anew.waiting, 2);
    }

    /// What a row says is held to its line.
    #[test]
    fn a_row_that_is_not_its_line_is_altered() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Trail::open(folder.path()).unwrap().append(&event("1")).unwrap();
        type Change = fn(&mut Copied);
        let table: [(Change, bool); 5] = [
            (|_| {}, true),
            (|row| row.seq = 2, false),
            (|row| row.hash = "0".repeat(64), false),
            (|row| row.line = row.line.replace("maria", "mario"), false),
            (|row| row.line.push(' '), false),
        ];
        for (nth, (change, is_good)) in table.into_iter().enumerate() {
            let mut copied = row(&entry);
            change(&mut copied);
            assert_eq!(Row::of(copied).follows.is_some(), is_good, "{nth}");
        }
    }

    #[test]
    fn the_copy_of_another_node_is_a_chain_of_its_own() {
        let (_, rows) = both("", 4);
        assert_eq!(others("mx2".to_owned(), &rows).flaws, []);
        let flaws = |rows: &[Row]| others("mx2".to_owned(), rows).flaws;
        assert_eq!(flaws(&[&rows[..1], &rows[2..]].concat()), [(3, Difference::Unchained)]);
        assert_eq!(flaws(&rows[1..]), [(2, Difference::Unchained)]);
        let mut altered = rows.clone();
        altered[1].follows = None;
        assert_eq!(flaws(&altered), [(2, Difference::Altered)], "one damage, told once");
        // Begun anew: the same numbers again, one between the other.
        let mut all = [rows.clone(), both("anew ", 3).1].concat();
        all.sort_by_key(|row| (row.seq, row.hash.clone()));
        assert_eq!(flaws(&all), []);
        all.retain(|row| row.seq != 2 || row.hash == rows[1].hash);
        assert_eq!(
            flaws(&all),
            [(3, Difference::Unchained)],
            "and a hole in the second is seen beside the whole first"
        );
        let copies = [others("mx2\u{1b}[2J".to_owned(), &rows)];
        for language in [Language::En, Language::PtBr] {
            let style = Style { json: false, language, time_zone: jiff::tz::TimeZone::UTC };
            let text = as_text(&copies, &style) + &as_json(&copies, &style);
            assert!(!text.replace('\n', "").contains(acts_or_hides), "{text}");
        }
    }
}
