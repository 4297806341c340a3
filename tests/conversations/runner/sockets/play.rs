//! One play over sockets: what the script feeds is said, what it expects is awaited.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use portaria::{
    door::connections::Counted,
    journal,
    policy::verdict::ScanVerdict,
    record::TransactionId,
    relay::event::{Leftover, NextHopFailure, OpenNextHop},
};

use super::{
    super::{
        ready::Ready,
        script::{Act, Channel, Script, Step},
    },
    PATIENCE,
    client::Client,
    gateway::World,
    next_hop::End,
};

pub(super) type Played<T> = Result<T, String>;

/// What the script calls the first address of a next hop.
const FIRST_ADDRESS: &str = "192.0.2.25:25";

/// How `S! counts as ADDRESS` begins.
pub(super) const COUNTS_AS: &str = "! counts as ";

pub(super) struct Play<'s> {
    pub script: &'s Script,
    pub world: World,
    pub client: Client,
    pub connection: Option<End>,
    /// Given back, and lent again perhaps.
    pub idle: Option<End>,
    /// The content of the connection before.
    pub last_content: Vec<u8>,
    pub content_line: usize,
    pub journal: journal::Reader,
    pub items: Vec<TransactionId>,
    /// For whom the client's connection counts.
    pub counts_as: IpAddr,
    /// Connections of others.
    pub others: Vec<Counted>,
    /// Something was said since something was last heard.
    fed: bool,
}

/// Plays the script. What went wrong, with the line.
pub async fn run(script: &Script) -> Played<()> {
    let name = &script.name;
    let world = World::start(script).await;
    let client = Client::connect(world.door).await.map_err(|fault| format!("{name}: {fault}"))?;
    let journal = world.journal();
    let mut play = Play {
        script,
        world,
        client,
        connection: None,
        idle: None,
        last_content: Vec::new(),
        content_line: 0,
        journal,
        items: Vec::new(),
        counts_as: [192, 0, 2, 1].into(),
        others: Vec::new(),
        fed: true,
    };
    play.connected_before().await.map_err(|what| format!("{name}: over sockets: {what}"))?;
    for (nth, step) in script.steps.iter().enumerate() {
        play.step(nth, step).await.map_err(|what| format!("{name}:{}: over sockets: {what}", step.line))?;
    }
    play.end().await.map_err(|what| format!("{name}: at the end, over sockets: {what}"))
}

impl Play<'_> {
    /// A script whose first connection was used before: by another client, whose session is over.
    async fn connected_before(&mut self) -> Played<()> {
        let first = self.script.steps.iter().find_map(|step| match &step.act {
            Act::Ready(ready) => Some(ready),
            _ => None,
        });
        let Some(first) = first.filter(|first| first.reused) else { return Ok(()) };
        let next_hops = self.world.gateway.next_hops.clone();
        let until = Instant::now() + PATIENCE;
        let request = OpenNextHop { name: "mailbox".into(), fresh: false, avoid: Vec::new(), until };
        let lease = tokio::spawn(async move { next_hops.lease(&request).await });
        self.ready(&first.introduced()).await?;
        let left = if first.owes_reset { Leftover::Nothing } else { Leftover::Envelope };
        self.end_of_next_hop()?.wire.has_envelope = !first.owes_reset;
        lease.await.unwrap().map_err(|failure| failure.to_string())?.release(first.mails, left);
        self.expect_release(0).await
    }

    async fn step(&mut self, nth: usize, step: &Step) -> Played<()> {
        let fed = !matches!(&step.act, Act::Expect(..) | Act::ExpectFlow(_));
        // What two of them say reaches the gateway in any order, unless the second one waits.
        if std::mem::replace(&mut self.fed, fed) && fed {
            pause().await;
        }
        match &step.act {
            Act::Expect(Channel::Client, text) => self.expect_client(text).await,
            Act::Expect(Channel::NextHop, text) => self.expect_next_hop(nth, text).await,
            Act::Expect(Channel::Content, text) => self.expect_content(text).await,
            // A scan that is given up goes on in clamd: nothing can be seen of it.
            Act::Expect(Channel::Scanner, _) => Ok(()),
            Act::Expect(Channel::Quarantine, text) => self.expect_item(text).await,
            Act::Expect(Channel::Record, text) => self.expect_record(text).await,
            Act::ExpectFlow(least) => self.expect_flow(*least).await,
            Act::Client(octets) => self.client.say(octets).await,
            Act::ClientGone => {
                self.client.end().await;
                Ok(())
            }
            Act::ClientResets => self.client.reset(),
            Act::Secured => {
                let trusted = self.world.certificate.clone().ok_or("the script offers no STARTTLS")?;
                self.client.secure(trusted).await
            }
            Act::NextHop(octets) => self.end_of_next_hop()?.say(octets).await,
            Act::Ready(ready) => self.ready(ready).await,
            Act::Fails(failure) => self.fails(failure).await,
            Act::NextHopGone => {
                self.end_of_next_hop()?.end().await;
                Ok(())
            }
            Act::Scanned(verdicts) => {
                self.scanned(verdicts);
                Ok(())
            }
            Act::Time(passes) => {
                tokio::time::sleep(*passes).await;
                Ok(())
            }
            Act::Drain => {
                self.world.gateway.drain();
                Ok(())
            }
            Act::LaterPolicy => {
                let policy = self.script.setup.policy(true, std::time::SystemTime::now());
                let policy = std::sync::Arc::into_inner(policy).ok_or("a policy of its own")?;
                self.world.gateway.set_policy(policy);
                Ok(())
            }
            Act::NetworkFull => self.network_full(nth),
            Act::Hold(_) | Act::Quarantine(_) | Act::Journal(_) => Err("cannot be played".into()),
            Act::Stalls(_) | Act::DiskLow(_) | Act::Wanted | Act::VerifiersBusy => Err("cannot be played".into()),
        }
    }

    pub fn end_of_next_hop(&mut self) -> Played<&mut End> {
        self.connection.as_mut().ok_or_else(|| "there is no connection to the next hop".to_owned())
    }

    async fn ready(&mut self, ready: &Ready) -> Played<()> {
        self.content_line = 0;
        self.last_content.clear();
        if ready.reused {
            let idle = self.idle.take().ok_or("no connection was given back")?;
            idle.again(ready)?;
            self.connection = Some(idle);
            return Ok(());
        }
        let hop = self.world.hops.get_mut(ready.to.as_str()).ok_or("no such next hop")?;
        let mut end = hop.accept().await?;
        let label = &mut hop.addresses[end.nth].1;
        if let Some(avoided) = ready.avoids.as_deref().filter(|avoided| *avoided != "nobody")
            && label.as_deref() == Some(avoided)
        {
            return Err(format!("{avoided} was to be avoided"));
        }
        let is = label.get_or_insert_with(|| ready.address.as_deref().unwrap_or(FIRST_ADDRESS).to_owned());
        if let Some(named) = ready.address.as_ref().filter(|named| *named != is) {
            return Err(format!("{is} is connected to, and not {named}"));
        }
        end.introduce(ready).await?;
        self.connection = Some(end);
        Ok(())
    }

    /// Another client of the network that is announced next.
    fn network_full(&mut self, nth: usize) -> Played<()> {
        let later = self.script.steps.get(nth..).unwrap_or_default();
        let announced = later.iter().find_map(|step| match &step.act {
            Act::Expect(Channel::Client, text) => text.strip_prefix(COUNTS_AS)?.parse().ok(),
            _ => None,
        });
        let announced: IpAddr = announced.ok_or("nobody is announced")?;
        let entered = self.world.gateway.connections.enter(announced, Instant::now());
        self.others.push(entered.map_err(|full| full.reason().to_owned())?);
        Ok(())
    }

    /// Every address fails in its turn.
    async fn fails(&mut self, failure: &NextHopFailure) -> Played<()> {
        let hop = self.world.hops.get_mut("mailbox").ok_or("no such next hop")?;
        for _ in 0..hop.addresses.len() {
            let mut end = hop.accept().await?;
            if matches!(failure, NextHopFailure::Tls(_)) {
                end.introduce(&Ready::parse(&[]).unwrap()).await?;
                // Its QUIT, if it says one.
                while end.read().await? {}
            }
        }
        Ok(())
    }

    fn scanned(&mut self, verdicts: &[Option<ScanVerdict>]) {
        for (scanner, verdict) in self.world.scanners.iter().zip(verdicts) {
            // Were one asked that is not to be, its group would not answer, and the message be deferred.
            let _ = verdict.clone().map(|verdict| scanner.say(verdict));
        }
    }

    /// Nothing is left to be expected; the connection ends, and so does everything of it.
    async fn end(mut self) -> Played<()> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Some(left) = self.client.left() {
            return Err(format!("not expected: S: {left}"));
        }
        if let Some(record) = self.next_record()? {
            return Err(format!("not expected: = {record}"));
        }
        self.client.end().await;
        if let Some(line) = self.client.line().await? {
            return Err(format!("not expected: S: {line}"));
        }
        drop((self.connection.take(), self.idle.take(), std::mem::take(&mut self.others)));
        self.world.over().await
    }
}

/// Until the gateway has read what was said. Nothing shows when it has; it is a matter of microseconds on a machine with nothing else
/// to do.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
