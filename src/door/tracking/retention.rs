//! Records go when they are too old, and never before: not when a request may still ask for them, not when the disk is full.
//!
//! Under its floor the disk stops mail instead (`452`, alert `disk_low`): nothing here looks at it, so nothing here can be tempted.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    super::gateway::{Gateway, now},
    Tracking,
};
use crate::{
    record::{UnixMillis, clock::WallClock, unix_millis, window},
    store::{Pace, Store, StoreFault},
};

/// Between two looks at what is too old.
const EVERY: Duration = Duration::from_secs(600);

/// Between two steps: the writer is free for mail meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

/// Records that get their terms in one step.
const TERMS: u32 = 100;

impl Tracking {
    /// Makes the terms of old records, and from then on removes what is too old, until the gateway drains. To be spawned by the frame.
    pub async fn keep(self: Arc<Self>, gateway: Arc<Gateway>, mut clock: WallClock) {
        let house = async {
            loop {
                if let Err(fault) = self.pass(&gateway.store, &mut clock, PAUSE).await {
                    metrics::counter!("portaria_tracking_retention_failures_total").increment(1);
                    tracing::warn!(%fault, "records that are too old stay for now; tried again in ten minutes");
                }
                tokio::time::sleep(EVERY).await;
            }
        };
        tokio::select! { () = gateway.draining() => {}, () = house => {} }
    }

    async fn pass(&self, store: &Store, clock: &mut WallClock, pause: Duration) -> Result<(), StoreFault> {
        while store.make_terms(TERMS).await? > 0 {
            tokio::time::sleep(pause).await;
        }
        let at = now();
        if !clock.is_believed(at.monotonic, unix_millis(at.wall)) {
            tracing::error!("the clock jumped: for a day no record is removed by it");
            return Ok(());
        }
        let removed = self.remove(store, unix_millis(at.wall), pause).await?;
        if removed > 0 {
            tracing::info!(rows = removed, "records older than [tracking] retention are removed");
        }
        Ok(())
    }

    /// Removes what may go at `now`, in steps. Says how many rows.
    pub(super) async fn remove(&self, store: &Store, now: UnixMillis, pause: Duration) -> Result<u64, StoreFault> {
        let Some(horizon) = window::horizon(now, self.retention, self.handling, &self.time_zone) else { return Ok(0) };
        let Some(first) = store.first_day().await? else { return Ok(0) };
        let (mut removed, mut pace) = (0, Pace::default());
        for day in first..window::day_of(horizon) {
            // A request that is registered meanwhile keeps what is still there: each step looks once more.
            if !window::may_go(day, horizon, &store.frozen().await?) {
                continue;
            }
            loop {
                let began = Instant::now();
                let rows = store.remove_of_day(day, pace.rows()).await?;
                pace.took(began.elapsed());
                if rows == 0 {
                    break;
                }
                removed += rows;
                metrics::counter!("portaria_tracking_removed_total").increment(rows);
                tokio::time::sleep(pause).await;
            }
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};

    use super::*;
    use crate::{
        record::{
            Record, TransactionId,
            attempts::{Count, Counts},
            request::{Closed, Kind, Request, tests::request},
            sample,
            window::{DAY, Span},
        },
        store::{Change, JournalPosition},
    };

    const HOUR: i64 = 3_600_000;

    fn tracking() -> Tracking {
        Tracking {
            // With a day of 25 hours in the simulated days.
            time_zone: TimeZone::get("America/Sao_Paulo").unwrap(),
            retention: Duration::from_secs(38 * 86_400),
            handling: Duration::from_secs(7 * 86_400),
            data_dir: std::path::PathBuf::new(),
        }
    }

    fn record(began: i64) -> Record {
        let chance = u128::from(began.unsigned_abs()) << 16;
        Record { id: TransactionId::new(began.unsigned_abs(), chance), began, ended: began, ..sample::record(1) }
    }

    async fn load(store: &Store, changes: Vec<Change>, offset: i64) {
        store.load(&changes, JournalPosition { segment: 1, offset: offset.unsigned_abs() }).await.unwrap();
    }

    /// Sixty days, a record every two hours but for some days on which the disk was full and mail was answered 452. After every pass: whatever a
    /// request of the last seven days may ask for is there, a window that is frozen is there, what is held is there, and the rest goes.
    #[tokio::test]
    async fn sixty_days_with_a_full_disk_and_every_record_inside_the_floor_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let tracking = tracking();
        // 2018-12-30 local midnight, so that 2019-02-16 with its 25 hours is within.
        let begin = "2018-12-30T00:00:00-02:00".parse::<Timestamp>().unwrap().as_millisecond();
        let mut written: Vec<i64> = Vec::new();
        let mut frozen: Vec<Span> = Vec::new();
        let mut went = 0;
        for hour in 0..60 * 24 {
            let now = begin + hour * HOUR;
            let day = hour / 24;
            if hour % 2 == 0 && !(20..23).contains(&day) {
                load(&store, vec![Change::Outcome(Box::new(record(now)))], hour).await;
                written.push(now);
            }
            let local = Timestamp::from_millisecond(now).unwrap().to_zoned(tracking.time_zone.clone()).date();
            match hour {
                // Received on day 31, whose window begins with day 1.
                744 => {
                    let span = window::of_request(local, &tracking.time_zone).unwrap();
                    let request = Request { span, ..request("REQ 1", "noc@tjpa.jus.br") };
                    assert!(store.open_request(&request).await.unwrap());
                    frozen.push(span);
                }
                1000 => {
                    let span = Span { from: begin + 4 * DAY, until: begin + 6 * DAY };
                    let hold = Request { kind: Kind::Hold, span, ..request("LAW 1", "noc@tjpa.jus.br") };
                    assert!(store.open_request(&hold).await.unwrap());
                    frozen.push(span);
                }
                1300 => {
                    let closed = Closed { at: now, by: "root".to_owned() };
                    store.close_request("REQ 1", &closed).await.unwrap().unwrap();
                    frozen.remove(0);
                }
                _ => {}
            }
            if hour % 13 != 0 {
                continue;
            }
            tracking.remove(&store, now, Duration::ZERO).await.unwrap();
            let there = present(&store).await;
            let floor = window::floor(now, tracking.handling, &tracking.time_zone).unwrap();
            for &began in &written {
                let must = began >= floor || frozen.iter().any(|span| span.contains(began));
                let day = window::span_of(window::day_of(began));
                let gone = day.until <= now - 40 * DAY && !frozen.iter().any(|span| span.meets(day));
                assert!(!must || there.contains(&began), "hour {hour}: {began} is gone");
                assert!(!gone || !there.contains(&began), "hour {hour}: {began} is still there");
                went = went.max(written.len() - there.len());
            }
        }
        assert!(went > 10 * 12, "{went}");
    }

    /// Clause 10.1.2, AC1: received on D at any hour, searched on D+5.
    #[tokio::test]
    async fn a_request_of_day_d_searched_on_day_d_and_5_finds_the_first_midnight() {
        let tracking = tracking();
        for hour in [0, 12, 23] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
            let received = jiff::civil::date(2026, 11, 22);
            let window = window::of_request(received, &tracking.time_zone).unwrap();
            let (first, before) = (record(window.from), record(window.from - 1));
            let changes = [&first, &before].map(|record| Change::Outcome(Box::new(record.clone())));
            load(&store, changes.to_vec(), 1).await;
            let opened = window.until - DAY + hour * HOUR;
            tracking.remove(&store, opened, Duration::ZERO).await.unwrap();
            let request = Request { span: window, opened_at: opened, ..request("1", "fulano.tal@tjpa.jus.br") };
            store.open_request(&request).await.unwrap();
            // And long after: as long as it is open.
            for later in [5, 60] {
                tracking.remove(&store, opened + later * DAY, Duration::ZERO).await.unwrap();
                let all = request.scope.sought();
                let search = crate::store::Search { span: request.span, all, behind: None, limit: 10 };
                assert_eq!(store.search(&search).await.unwrap().records, std::slice::from_ref(&first));
            }
        }
    }

    /// Nothing of a day stays: no term, no recipient, no count.
    #[tokio::test]
    async fn a_day_that_goes_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let began = sample::BEGAN;
        let row = |minute: i64| Count {
            minute: began + minute * 60_000,
            network: "192.0.2.1".to_owned(),
            listener: "0.0.0.0:25".to_owned(),
            reason: "no_mail".to_owned(),
            count: 3,
        };
        let mut changes: Vec<Change> = (0..700).map(|n| Change::Outcome(Box::new(record(began + n)))).collect();
        changes.push(Change::Counts(Counts { id: sample::id(1), rows: (0..100).map(row).collect() }));
        load(&store, changes, 1).await;
        let tracking = tracking();
        assert_eq!(tracking.remove(&store, began + 38 * DAY, Duration::ZERO).await.unwrap(), 0);
        assert!(tracking.remove(&store, began + 40 * DAY, Duration::ZERO).await.unwrap() > 1000);
        assert_eq!(store.first_day().await.unwrap(), None);
        let span = Span { from: 0, until: i64::MAX };
        assert_eq!(store.refused_in(span, None).await.unwrap().reasons, []);
        assert_eq!(store.recent(10).await.unwrap(), []);
    }

    async fn present(store: &Store) -> std::collections::HashSet<i64> {
        store.recent(u32::MAX).await.unwrap().into_iter().map(|record| record.began).collect()
    }
}
