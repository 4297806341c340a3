//! Searches held against a naive reading of all records, and against what the database says it does.

use std::collections::BTreeSet;

use super::{
    ways::{FREQUENT, ROWS_PER_LOOK_UP, ROWS_PER_RECORD, TOO_MANY, Way, how_many, of_counted, so_often_is_alike},
    *,
};
use crate::{
    record::{sample, term::Term},
    store::{Change, JournalPosition, Store, database},
};

const DAY: i64 = window::DAY;

/// Every few hours one, over five weeks, each of some senders, recipients, words.
fn records(count: u64) -> Vec<Record> {
    let words = ["Boleto", "cobrança", "Intimação", "ata", "urgente", "boletim"];
    let pick = |number: u64, salt: u64, of: usize| {
        (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0x2545_f491_4f6c_dd1d)) as usize / 7 % of
    };
    let one = |number: u64| {
        let mut record = sample::record(number);
        // Several in one millisecond: the order is by id then.
        record.began = sample::BEGAN - (number / 3) as i64 * 7 * 3_600_000;
        record.id = TransactionId::new(record.began as u64, u128::from(number) << 12);
        record.reverse_path = format!("pessoa{}@example.com", pick(number, 1, 9));
        record.reverse_path_mailbox =
            (pick(number, 2, 3) == 0).then(|| sample::record(1).recipients.remove(2).mailbox.unwrap());
        record.recipients.truncate(1 + pick(number, 3, 3));
        record.client.address = [192, 0, 2, pick(number, 4, 5) as u8].into();
        record.message_id = Some(format!("<{}@example.com>", number % 50));
        record.rules.iter_mut().for_each(|rule| rule.rule = format!("R-{}", pick(number, 5, 4)));
        let words = (0..3).map(|nth| words[pick(number, 6 + nth, words.len())]);
        record.subjects = vec![words.collect::<Vec<_>>().join(" ")];
        record
    };
    (0..count).map(one).collect()
}

async fn store(records: &[Record]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
    load(&store, records).await;
    (folder, store)
}

async fn load(store: &Store, records: &[Record]) {
    for (number, some) in (1..).zip(records.chunks(200)) {
        let changes: Vec<Change> = some.iter().map(|record| Change::Outcome(Box::new(record.clone()))).collect();
        store.load(&changes, JournalPosition { segment: 1, offset: number }).await.unwrap();
    }
}

fn any(terms: impl IntoIterator<Item = Term>) -> Sought {
    Sought::AnyOf(terms.into_iter().collect())
}

fn kinds() -> Vec<Vec<Sought>> {
    let noc = sample::record(1).recipients.remove(2).mailbox.unwrap();
    let both = any([Term::from_mailbox(&noc), Term::to_mailbox(&noc)]);
    let words = |text| Sought::words(text).unwrap();
    vec![
        vec![],
        vec![any([Term::from_address("Pessoa3@EXAMPLE.com")])],
        vec![any([Term::to_address("fulano.tal@tjpa.jus.br")])],
        vec![both.clone()],
        vec![any([Term::client([192, 0, 2, 3].into())])],
        vec![any([Term::message_id("17@example.com")])],
        vec![any([Term::rule("r-2")])],
        words("INTIMACAO"),
        words("bol*"),
        words("boleto cobranca urgente"),
        words("bol* urg* ata"),
        words("bol* inti*"),
        words("bol* 17*"),
        [words("boleto"), vec![both, any([Term::rule("R-1")])]].concat(),
        words("ausente boleto"),
    ]
}

async fn all_pages(store: &Store, search: &Search) -> Vec<TransactionId> {
    let (mut found, mut search) = (Vec::new(), search.clone());
    loop {
        let page = store.search(&search).await.unwrap();
        assert!(page.records.len() <= search.limit as usize);
        found.extend(page.records.into_iter().map(|record| record.id));
        match page.next {
            Some(next) => search.behind = Some(next),
            None => return found,
        }
    }
}

/// Each kind of search, in several spans, in pages of several sizes: what a reading of all records finds, in its order.
#[tokio::test]
async fn a_search_finds_what_a_reading_of_everything_finds() {
    let mut records = records(400);
    let (_folder, store) = store(&records).await;
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    let newest = sample::BEGAN + 1;
    let spans = [(newest - 40 * DAY, newest), (newest - 20 * DAY, newest - 3 * DAY), (0, 1), (newest, i64::MAX)];
    let mut finds = 0;
    for all in kinds() {
        for (from, until) in spans {
            let span = Span { from, until };
            let meant = |record: &&Record| {
                let terms = term::of(record);
                span.contains(record.began) && all.iter().all(|sought| sought.is_in(&terms))
            };
            let expected: Vec<_> = records.iter().filter(meant).map(|record| record.id.clone()).collect();
            for limit in [7, 1000] {
                let search = Search { span, all: all.clone(), behind: None, limit };
                assert_eq!(all_pages(&store, &search).await, expected, "{search:?}");
            }
            finds += usize::from(!expected.is_empty());
        }
    }
    assert!(finds > 20, "{finds}");
}

/// Many in one day, of which most have a word that begins so: the way of time, and a look at the records, find no more and no less.
#[tokio::test]
async fn a_frequent_beginning_is_found_by_looking_at_the_records() {
    let mut records = records(200);
    for (number, record) in (0_i64..).zip(&mut records) {
        record.began = sample::BEGAN - number * window::SLOT;
        record.subjects = vec![format!("boleto{} {}", number % 90, if number % 60 == 59 { "raro" } else { "ata" })];
    }
    let (_folder, store) = store(&records).await;
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    let day = window::day_of(sample::BEGAN);
    let span = Span { from: 0, until: i64::MAX };
    for (text, by_time, looked_up) in [
        ("bol*", true, 0),
        ("bol* at*", true, 0),
        ("bol* raro", false, 0),
        ("bol* rar*", false, 0),
        ("boleto1* raro", false, 1),
    ] {
        let all = Sought::words(text).unwrap();
        match ways::best(store.readers(), day, &all, true).await.unwrap().unwrap().way {
            Way::Time => assert!(by_time, "{text}"),
            Way::Terms { also, .. } => assert_eq!((by_time, also.len()), (false, looked_up), "{text}"),
            Way::Merged(_) => panic!("{text} has a beginning"),
        }
        let meant = |record: &&Record| all.iter().all(|sought| sought.is_in(&term::of(record)));
        let expected: Vec<_> = records.iter().filter(meant).map(|record| record.id.clone()).collect();
        for limit in [1, 2, 7, 1000] {
            let search = Search { span, all: all.clone(), behind: None, limit };
            assert_eq!(all_pages(&store, &search).await, expected, "{text}, {limit} a page");
        }
    }
}

/// The rarest is read; a beginning is looked up only where that reads less than the records themselves.
#[test]
fn a_beginning_is_not_read_for_a_few_records() {
    let all = Sought::words("bol* ata").unwrap();
    let [word, beginning] = [&all[1], &all[0]];
    let way = |words, beginnings| of_counted(vec![(beginnings, beginning), (words, word)]);
    let terms = |first, also| Way::Terms { first, also };
    assert_eq!(way(1, ROWS_PER_RECORD), terms(word, vec![beginning]));
    assert_eq!(way(1, ROWS_PER_RECORD + 1), terms(word, vec![]));
    assert_eq!(way(15, TOO_MANY), terms(word, vec![]));
    assert_eq!(way(9, 8), terms(beginning, vec![word]));
    assert_eq!(of_counted(vec![(TOO_MANY, beginning), (TOO_MANY, beginning)]), Way::Time);
}

/// Two words that are frequent on every day, and meet once a day or never: what is found is what a reading of everything finds, and from the
/// second day on their rows are read side by side, unless one is much more frequent than the other.
#[tokio::test]
async fn frequent_words_that_seldom_meet_are_read_side_by_side() {
    let per_day = 2 * usize::try_from(FREQUENT).unwrap() + 3;
    let mut records = records(6 * per_day as u64);
    for (number, record) in records.iter_mut().enumerate() {
        let (day, nth) = (number / per_day, number % per_day);
        record.began = sample::BEGAN - DAY * day as i64 - window::SLOT * nth as i64;
        record.id = TransactionId::new(record.began as u64, (number as u128) << 12);
        let both = if day % 2 == 0 { "boleto ata" } else { "outra" };
        record.subjects = vec![if nth == 7 { both } else { ["boleto", "ata"][nth % 2] }.to_owned() + " sempre"];
    }
    let (_folder, store) = store(&records).await;
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    let span = Span { from: 0, until: i64::MAX };
    let is_merged = store.kind() == database::Kind::Sqlite;
    for (text, limit, found) in [("boleto ata", 100, 3), ("boleto ata", 1, 3), ("sempre ata boleto", 2, 3)] {
        let all = Sought::words(text).unwrap();
        let meant = |record: &&Record| all.iter().all(|sought| sought.is_in(&term::of(record)));
        let expected: Vec<_> = records.iter().filter(meant).map(|record| record.id.clone()).collect();
        assert_eq!(expected.len(), found);
        let search = Search { span, all: all.clone(), behind: None, limit };
        assert_eq!(all_pages(&store, &search).await, expected, "{text}, {limit} a page");
        let days = window::day_of(sample::BEGAN);
        assert!(ways::are_alike(store.readers(), days, &all).await.unwrap());
        let alike = ways::best(store.readers(), days - 1, &all, true).await.unwrap().unwrap();
        assert!(alike.are_frequent && alike.way == Way::Merged(&all));
        let unlike = ways::best(store.readers(), days - 1, &all, false).await.unwrap().unwrap();
        assert!(unlike.are_frequent && matches!(unlike.way, Way::Terms { .. }));
        if is_merged {
            let mut statement = alike.way.statement(days, span, 10);
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let steps = statement.fetch(store.readers()).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|row| row.try_get("detail").unwrap()).collect();
            assert!(steps.iter().any(|step| step == "MERGE (INTERSECT)"), "{steps:?}");
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "nothing is stored or sorted: {steps:?}");
        }
    }
    for (counts, alike) in [
        (vec![FREQUENT, FREQUENT * ROWS_PER_LOOK_UP], true),
        (vec![FREQUENT * ROWS_PER_LOOK_UP + 1, FREQUENT], false),
        (vec![TOO_MANY, TOO_MANY, TOO_MANY], true),
    ] {
        assert_eq!(so_often_is_alike(&counts), alike, "{counts:?}");
    }
}

/// No search reads a table from end to end, and none reads rows of terms that the index alone has not: with millions of records each
/// would take seconds. By the plans of SQLite, which are the same for little and for much.
#[tokio::test]
async fn every_search_goes_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    load(&store, &records(50)).await;
    let span = Span { from: 0, until: i64::MAX };
    let mut looked_at = 0;
    for all in kinds() {
        let mut ways: Vec<Way> = vec![Way::Time];
        if !all.is_empty() {
            ways.push(Way::Merged(&all));
        }
        for backwards in [false, true] {
            let mut counted: Vec<(i64, &Sought)> = (1..).zip(&all).collect();
            if backwards {
                counted = (1..).zip(all.iter().rev()).collect();
            }
            ways.push(of_counted(counted));
        }
        let mut statements: Vec<Statement> = ways.iter().map(|way| way.statement(20_000, span, 10)).collect();
        statements.extend(all.iter().map(|sought| how_many(20_000, sought, 10)));
        for mut statement in statements {
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let sql = statement.sql.clone();
            for row in statement.fetch(store.readers()).await.unwrap() {
                let step: String = row.try_get("detail").unwrap();
                let reads = step.starts_with("SCAN t") || step.starts_with("SEARCH t");
                assert!(!reads || step.contains("USING COVERING INDEX"), "{step}: {sql}");
                assert!(!step.starts_with("SCAN t"), "{step}: {sql}");
                looked_at += usize::from(reads);
            }
        }
    }
    assert!(looked_at > 80, "{looked_at}");
}

/// What was written over is found as it is now; what it shares with another record of its slot still leads to that one.
#[tokio::test]
async fn a_record_that_is_written_again_is_found_as_it_is() {
    let [first, mut other] = <[Record; 2]>::try_from(records(2)).unwrap();
    other.began = first.began;
    other.subjects.clone_from(&first.subjects);
    let (_folder, store) = store(&[first.clone(), other.clone()]).await;
    let second = Record { subjects: vec!["outra palavra".to_owned()], ..first.clone() };
    load(&store, &[second.clone(), second.clone()]).await;
    let found = async |text: &str| {
        let all = Sought::words(text).unwrap();
        let search = Search { span: Span { from: 0, until: i64::MAX }, all, behind: None, limit: 10 };
        all_pages(&store, &search).await
    };
    assert_eq!(found("outra palavra").await, std::slice::from_ref(&second.id));
    assert_eq!(found(&first.subjects[0]).await, std::slice::from_ref(&other.id));
    let terms: Vec<String> = sqlx::query_scalar("SELECT term FROM terms WHERE term LIKE 'w:%' ORDER BY term")
        .fetch_all(store.readers())
        .await
        .unwrap();
    let of = |record| term::of(record).into_iter().filter(|term| term.as_str().starts_with("w:"));
    let mut expected: Vec<String> =
        [&first, &second].into_iter().flat_map(of).map(|term| term.as_str().to_owned()).collect();
    expected.sort();
    assert_eq!(terms, expected, "a slot has each once, and what is there already is not added again");
}

/// A database of version 2, which is SQLite's, opens, says from when on it can be searched, and gets the terms of what stood in it, each once, though a
/// part of the journal is loaded in between.
#[tokio::test]
async fn what_was_written_before_there_were_terms_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let records = records(50);
    database::made_by_version_2(folder.path(), &records).await;
    let store = Store::open(folder.path()).await.unwrap();
    let span = Span { from: 0, until: i64::MAX };
    let search = Search { span, all: Sought::words("bol*").unwrap(), behind: None, limit: 1000 };
    assert_eq!(store.search(&search).await.unwrap().records, []);
    assert!(store.terms_missing_before().await.unwrap().is_some());

    load(&store, &records[10..20]).await;
    while store.make_terms(7).await.unwrap() == 7 {}
    assert_eq!(store.terms_missing_before().await.unwrap(), None);
    assert_eq!(store.make_terms(7).await.unwrap(), 0);
    let mut terms: Vec<(i64, String)> = Vec::new();
    for row in sqlx::query("SELECT DISTINCT began, term FROM terms").fetch_all(store.readers()).await.unwrap() {
        terms.push((row.get(0), row.get(1)));
    }
    let of = |record: &Record| -> Vec<(i64, String)> {
        term::of(record).iter().map(|term| (window::slot_of(record.began), term.as_str().to_owned())).collect()
    };
    let expected: BTreeSet<_> = records.iter().flat_map(of).collect();
    assert_eq!(terms.len(), expected.len());
    assert_eq!(terms.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// What a version before schema 10 wrote names milliseconds, what this one writes slots, and one day has both: every record is found once, in
/// its order, over pages that end in the middle of a slot, also where one of the old ones is written over by one that is found by more.
#[tokio::test]
async fn milliseconds_of_before_and_slots_are_searched_together() {
    let mut records = records(120);
    for (number, record) in (0_i64..).zip(&mut records) {
        // Five to a slot, two in each millisecond of these, none in its first one.
        record.began = sample::BEGAN - number / 5 * window::SLOT - 1 - number % 5 / 2 * 15;
        record.id = TransactionId::new(record.began as u64, (number as u128) << 12);
        record.subjects = vec![["boleto ata", "boleto", "ata"][usize::try_from(number).unwrap() % 3].to_owned()];
    }
    let (_folder, store) = store(&records[60..]).await;
    sqlx::query("DELETE FROM terms").execute(&store.writer).await.unwrap();
    for record in &records[60..] {
        for term in term::of(record) {
            let add = sqlx::query("INSERT INTO terms (day, term, began) VALUES ($1, $2, $3)");
            let add = add.bind(window::day_of(record.began)).bind(term.as_str().to_owned()).bind(record.began);
            add.execute(&store.writer).await.unwrap();
        }
    }
    // It began in the middle of its slot: its rows of before name another moment than its new ones.
    records[92].subjects = vec!["ata rara".to_owned()];
    let again = records[92].clone();
    load(&store, &records[..60]).await;
    load(&store, &[again]).await;
    records.sort_by(|one, other| (other.began, &other.id).cmp(&(one.began, &one.id)));
    // In the middle of a slot, with records on either side, of this version and of the one before.
    let [slots, milliseconds] = [6, 18].map(|slot| sample::BEGAN - slot * window::SLOT - 20);
    let everything = (0, i64::MAX);
    for (from, until) in [everything, (slots, i64::MAX), (0, slots), (milliseconds, i64::MAX), (0, milliseconds)] {
        let span = Span { from, until };
        for text in ["boleto", "ata", "boleto ata", "rara ata", "rar* boleto*", "bol* at*"] {
            let all = Sought::words(text).unwrap();
            let meant = |record: &&Record| {
                span.contains(record.began) && all.iter().all(|sought| sought.is_in(&term::of(record)))
            };
            let expected: Vec<_> = records.iter().filter(meant).map(|record| record.id.clone()).collect();
            for limit in [1, 3, 1000] {
                let search = Search { span, all: all.clone(), behind: None, limit };
                assert_eq!(all_pages(&store, &search).await, expected, "{text}, {limit} a page, {span:?}");
            }
        }
    }
}

/// Else a search of one word that few records have would read a slot of many for each of them; and no record of another slot.
#[tokio::test]
async fn the_records_of_slots_are_read_by_the_index_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    load(&store, &records(50)).await;
    let mut statement = of_slots(&[0, window::SLOT]);
    statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
    let steps = statement.fetch(store.readers()).await.unwrap();
    let steps: Vec<String> = steps.iter().map(|row| row.try_get("detail").unwrap()).collect();
    let by_time = "SEARCH t USING INDEX transactions_by_time (began>? AND began<?)";
    assert_eq!(steps.iter().filter(|step| step.contains(" t ")).collect::<Vec<_>>(), [by_time; 2], "{steps:?}");
    assert_eq!(window::DAY % window::SLOT, 0, "a slot is of one day");
    for (at, slot) in [(0, 0), (31, 0), (32, 32), (sample::BEGAN + 33, sample::BEGAN + 32), (-1, -32)] {
        assert_eq!(window::slot_of(at), slot);
    }
}

#[tokio::test]
async fn refused_attempts_are_summed_in_a_span_and_of_a_network() {
    use crate::record::attempts::{Count, Counts};
    let (_folder, store) = store(&[]).await;
    let row = |minute: i64, network: &str, count| Count {
        minute: minute * 60_000,
        network: network.to_owned(),
        listener: "0.0.0.0:25".to_owned(),
        reason: "no_mail".to_owned(),
        count,
    };
    let rows = vec![row(1, "192.0.2.1", 10), row(2, "192.0.2.1", 5), row(2, "192.0.2.2", 3)];
    let counts = Change::Counts(Counts { id: sample::id(9), rows });
    store.load(&[counts], JournalPosition { segment: 1, offset: 1 }).await.unwrap();
    let span = Span { from: 120_000, until: 180_000 };
    let sum = async |network| store.refused_in(span, network).await.unwrap().reasons;
    assert_eq!(sum(None).await, [("no_mail".to_owned(), 8)]);
    assert_eq!(sum(Some("192.0.2.1")).await, [("no_mail".to_owned(), 5)]);
    assert_eq!(sum(Some("192.0.2.9")).await, []);
}

/// Of all days of the span, its last millisecond too, and of no other.
#[tokio::test]
async fn days_with_hashed_subjects_are_known() {
    let mut records = records(40);
    let (_folder, store) = store(&records).await;
    let whole = Span { from: 0, until: i64::MAX };
    assert!(!store.has_hashed(whole).await.unwrap());
    let key = crate::record::subject::Key::new(&[1; 32]);
    crate::record::subject::Subjects::Hashed(key).keep(&mut records[20]);
    let began = records[20].began;
    load(&store, &records[20..21]).await;
    let day = window::day_of(began) * DAY;
    for (from, until, has) in [
        (0, i64::MAX, true),
        (day, day + DAY, true),
        (began, began + 1, true),
        (day + DAY, i64::MAX, false),
        (0, day, false),
        (5, 5, false),
    ] {
        assert_eq!(store.has_hashed(Span { from, until }).await.unwrap(), has, "{from} {until}");
    }
}
