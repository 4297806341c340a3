//! One play over sockets: what the script feeds is said, what it expects is awaited.

use std::time::Duration;

use portaria::{
    journal,
    policy::verdict::ScanVerdict,
    record::TransactionId,
    relay::event::{NextHopFailure, OpenNextHop},
};

use super::{
    super::script::{Act, Channel, Script, Step},
    PATIENCE,
    client::Client,
    gateway::World,
    next_hop::End,
};

pub(super) type Played<T> = Result<T, String>;

/// What the script calls the first address of a next hop.
const FIRST_ADDRESS: &str = "192.0.2.25:25";

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
            Act::Ready(words) => Some(words),
            _ => None,
        });
        let Some(words) = first.filter(|words| words.iter().any(|word| word == "reused")) else { return Ok(()) };
        let next_hops = self.world.gateway.next_hops.clone();
        let until = std::time::Instant::now() + PATIENCE;
        let request = OpenNextHop { name: "mailbox".into(), fresh: false, avoid: Vec::new(), until };
        let lease = tokio::spawn(async move { next_hops.lease(&request).await });
        let fresh: Vec<String> = words.iter().filter(|word| *word != "reused").cloned().collect();
        self.ready(&fresh).await?;
        lease.await.unwrap().map_err(|failure| failure.to_string())?.release(0);
        self.expect_release(0).await?;
        pause().await;
        Ok(())
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
            Act::Ready(words) => self.ready(words).await,
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
                let policy = std::sync::Arc::into_inner(self.script.setup.policy(true)).ok_or("a policy of its own")?;
                self.world.gateway.set_policy(policy);
                Ok(())
            }
            Act::Hold(_)
            | Act::Quarantine(_)
            | Act::Journal(_)
            | Act::Stalls(_)
            | Act::DiskLow(_)
            | Act::NetworkFull
            | Act::Wanted => Err("cannot be played".into()),
        }
    }

    pub fn end_of_next_hop(&mut self) -> Played<&mut End> {
        self.connection.as_mut().ok_or_else(|| "there is no connection to the next hop".to_owned())
    }

    async fn ready(&mut self, words: &[String]) -> Played<()> {
        let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let keywords: Vec<String> = words
            .iter()
            .filter(|word| !["reused", "fresh"].contains(&word.as_str()))
            .filter(|word| !["to", "address", "avoids"].iter().any(|key| word.starts_with(&format!("{key}="))))
            .map(|word| word.replace('=', " "))
            .collect();
        self.content_line = 0;
        self.last_content.clear();
        if words.iter().any(|word| word == "reused") {
            self.connection = Some(self.idle.take().ok_or("no connection was given back")?);
            return Ok(());
        }
        let hop = self.world.hops.get_mut(value("to").unwrap_or("mailbox")).ok_or("no such next hop")?;
        let mut end = hop.accept().await?;
        let label = &mut hop.addresses[end.nth].1;
        if let Some(avoided) = value("avoids").filter(|avoided| *avoided != "nobody")
            && label.as_deref() == Some(avoided)
        {
            return Err(format!("{avoided} was to be avoided"));
        }
        let named = value("address").unwrap_or(FIRST_ADDRESS);
        let is = label.get_or_insert_with(|| named.to_owned());
        if value("address").is_some_and(|named| named != is) {
            return Err(format!("{is} is connected to, and not {named}"));
        }
        end.introduce(&keywords).await?;
        self.connection = Some(end);
        Ok(())
    }

    /// Every address fails in its turn.
    async fn fails(&mut self, failure: &NextHopFailure) -> Played<()> {
        let hop = self.world.hops.get_mut("mailbox").ok_or("no such next hop")?;
        for _ in 0..hop.addresses.len() {
            let mut end = hop.accept().await?;
            if matches!(failure, NextHopFailure::Tls(_)) {
                end.introduce(&[]).await?;
                // Its QUIT, if it says one.
                while end.read().await? {}
            }
        }
        Ok(())
    }

    fn scanned(&mut self, verdicts: &[ScanVerdict]) {
        for (scanner, verdict) in self.world.scanners.iter().zip(verdicts) {
            scanner.say(verdict.clone());
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
        drop((self.connection.take(), self.idle.take()));
        self.world.over().await
    }
}

/// Until the gateway has read what was said. Nothing shows when it has; it is a matter of microseconds on a machine with nothing else
/// to do.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
