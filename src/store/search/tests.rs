//! Searches held against a naive reading of all records, and against what the database says it does.

use std::collections::BTreeSet;

use super::*;
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

/// No search reads a table from end to end: with millions of records each would take minutes. By the plans of SQLite, which are the
/// same for little and for much.
#[tokio::test]
async fn every_search_goes_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    load(&store, &records(50)).await;
    let span = Span { from: 0, until: i64::MAX };
    let place = Place { began: sample::BEGAN, id: sample::id(1) };
    let mut looked_at = 0;
    for all in kinds() {
        let ordered: Vec<&Sought> = all.iter().collect();
        let backwards: Vec<&Sought> = all.iter().rev().collect();
        for behind in [None, Some(&place)] {
            let mut statements = vec![of_time(span, behind, 10), of_day(20_000, span, &ordered, behind, 10)];
            statements.push(of_day(20_000, span, &backwards, behind, 10));
            statements.extend(all.iter().map(|sought| how_many(20_000, sought)));
            for mut statement in statements.into_iter().filter(|statement| !statement.sql.contains("AND  AND")) {
                statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
                let sql = statement.sql.clone();
                for row in statement.fetch(store.readers()).await.unwrap() {
                    let step: String = row.try_get("detail").unwrap();
                    assert!(
                        !step.starts_with("SCAN t") || step.contains("USING COVERING INDEX transactions_by_time"),
                        "{step}: {sql}"
                    );
                    looked_at += 1;
                }
            }
        }
    }
    assert!(looked_at > 100, "{looked_at}");
}

/// What was written over is found as it is now, and its terms stand once.
#[tokio::test]
async fn a_record_that_is_written_again_is_found_as_it_is() {
    let first = records(1).remove(0);
    let (_folder, store) = store(std::slice::from_ref(&first)).await;
    let second = Record { subjects: vec!["outra palavra".to_owned()], ..first.clone() };
    load(&store, &[second.clone(), second.clone()]).await;
    let mut terms: Vec<String> =
        sqlx::query_scalar("SELECT term FROM terms ORDER BY term").fetch_all(store.readers()).await.unwrap();
    let expected: Vec<String> = term::of(&second).iter().map(|term| term.as_str().to_owned()).collect();
    assert_eq!(terms, expected);
    terms.dedup();
    assert_eq!(terms.len(), expected.len());
    let recipients: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM recipients").fetch_one(store.readers()).await.unwrap();
    assert_eq!(recipients, second.recipients.len() as i64);
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
    let mut terms: Vec<(String, String)> = Vec::new();
    for row in sqlx::query("SELECT transaction_id, term FROM terms").fetch_all(store.readers()).await.unwrap() {
        terms.push((row.get(0), row.get(1)));
    }
    let of = |record: &Record| -> Vec<(String, String)> {
        term::of(record).iter().map(|term| (record.id.to_string(), term.as_str().to_owned())).collect()
    };
    let expected: BTreeSet<_> = records.iter().flat_map(of).collect();
    assert_eq!(terms.len(), expected.len());
    assert_eq!(terms.into_iter().collect::<BTreeSet<_>>(), expected);
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
