//! One play over sockets: what the script feeds is said, what it expects is awaited.

use std::time::Duration;

use portaria::{
    journal::{self, Entry},
    policy::verdict::ScanVerdict,
    record::TransactionId,
    relay::event::{NextHopFailure, OpenNextHop},
    store::Filter,
};
use serde_json::Value;

use super::{
    super::{
        expected::{facts_fit, fits, shown},
        next_hop::Noticed,
        script::{Act, Channel, Script, Step},
        world::masked,
    },
    PATIENCE,
    client::Client,
    gateway::World,
    next_hop::End,
};

type Played<T> = Result<T, String>;

/// What the script calls the first address of a next hop.
const FIRST_ADDRESS: &str = "192.0.2.25:25";

struct Play<'s> {
    script: &'s Script,
    world: World,
    client: Client,
    connection: Option<End>,
    /// Given back, and lent again perhaps.
    idle: Option<End>,
    /// The content of the connection before.
    last_content: Vec<u8>,
    content_line: usize,
    journal: journal::Reader,
    items: Vec<TransactionId>,
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
        fed: false,
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
        lease.await.unwrap().map_err(|failure| failure.to_string())?.release();
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
            Act::Hold(_) | Act::Quarantine(_) | Act::Journal(_) | Act::Stalls(_) => Err("cannot be played".into()),
        }
    }

    fn end_of_next_hop(&mut self) -> Played<&mut End> {
        self.connection.as_mut().ok_or_else(|| "there is no connection to the next hop".to_owned())
    }

    // ── what is fed ──

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

    // ── what is expected ──

    async fn expect_client(&mut self, text: &str) -> Played<()> {
        if text == "! starts TLS" {
            return Ok(());
        }
        let Some(code) = text.strip_suffix("-*") else {
            let line = self.client.line().await?;
            return match line {
                None if text == "! closes" => Ok(()),
                Some(line) if !text.starts_with('!') && fits(&format!("{text}*"), &masked(&line)) => Ok(()),
                other => Err(format!("expected {}\n  came     {other:?}", shown(Channel::Client, text))),
            };
        };
        loop {
            let line = self.client.line().await?.ok_or(format!("expected a reply {code}, and it closed"))?;
            if line.starts_with(&format!("{code} ")) {
                return Ok(());
            }
            if !line.starts_with(&format!("{code}-")) {
                return Err(format!("expected a reply {code} of several lines\n  came     {line}"));
            }
        }
    }

    async fn expect_next_hop(&mut self, nth: usize, text: &str) -> Played<()> {
        match text {
            "! cancels" => {
                let hop = self.world.hops.get_mut("mailbox").ok_or("no such next hop")?;
                let mut end = hop.accept().await?;
                return if end.read().await? {
                    Err("a connection that is not wanted is spoken on".into())
                } else {
                    Ok(())
                };
            }
            "! drops" => {
                let mut end = self.connection.take().ok_or("there is no connection to the next hop")?;
                let said = end.next().await?;
                self.keep_content(&mut end);
                return said.map_or(Ok(()), |said| Err(format!("expected R! drops\n  came     {said:?}")));
            }
            "! releases" => return self.expect_release(nth).await,
            _ => {}
        }
        let said = self.end_of_next_hop()?.next().await?;
        match said {
            Some(Noticed::Command(line)) if fits(text, &masked(&line)) => Ok(()),
            Some(Noticed::Dot(content)) if text == "." => {
                self.last_content = content;
                Ok(())
            }
            other => Err(format!("expected {}\n  came     {other:?}", shown(Channel::NextHop, text))),
        }
    }

    /// Given back, it is reset before anybody else gets it. The next hop closes it then, unless the script wants it once more.
    async fn expect_release(&mut self, nth: usize) -> Played<()> {
        let mut end = self.connection.take().ok_or("there is no connection to the next hop")?;
        match end.next().await? {
            Some(Noticed::Command(line)) if line == "RSET" => {}
            other => return Err(format!("expected R! releases, which is RSET\n  came     {other:?}")),
        }
        end.say(b"250 2.0.0 Reset\r\n").await?;
        self.keep_content(&mut end);
        let later = self.script.steps.get(nth..).unwrap_or_default();
        let next = later.iter().find_map(|step| match &step.act {
            Act::Ready(words) => Some(words.iter().any(|word| word == "reused")),
            _ => None,
        });
        if next == Some(true) {
            self.idle = Some(end);
        }
        Ok(())
    }

    fn keep_content(&mut self, end: &mut End) {
        if !end.wire.mail_data.is_empty() {
            self.last_content = std::mem::take(&mut end.wire.mail_data);
        }
    }

    fn flowed(&self) -> &[u8] {
        let open = self.connection.as_ref().map(|end| &end.wire.mail_data[..]);
        open.filter(|flowing| !flowing.is_empty()).unwrap_or(&self.last_content)
    }

    async fn expect_flow(&mut self, least: usize) -> Played<()> {
        if least == 0 {
            // That nothing comes can only be waited for.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let flowed = self.flowed().len();
            return if flowed == 0 { Ok(()) } else { Err("content flowed already".into()) };
        }
        while self.flowed().len() < least {
            if !self.end_of_next_hop()?.read().await? {
                return Err(format!("{} octets of content flowed", self.flowed().len()));
            }
        }
        Ok(())
    }

    /// As [`expect_content`](super::super::play) does, but for content that may still be on its way.
    async fn expect_content(&mut self, text: &str) -> Played<()> {
        if text == "from the top" {
            self.content_line = 0;
            return Ok(());
        }
        let (skips, text) = text.strip_prefix("... ").map_or((false, text), |text| (true, text));
        loop {
            let content = String::from_utf8_lossy(self.flowed()).into_owned();
            let lines: Vec<String> = content.split("\r\n").map(masked).collect();
            let rest = lines.get(self.content_line..).unwrap_or_default();
            let fits = |line: &String| fits(&timeless(text), line);
            let found = rest.iter().take(if skips { usize::MAX } else { 1 }).position(fits);
            if let Some(at) = found {
                self.content_line += at + 1;
                return Ok(());
            }
            let more = match &mut self.connection {
                Some(end) if self.last_content.is_empty() => end.read().await?,
                _ => false,
            };
            if !more {
                return Err(format!("expected R. {text}\n  came     R. {:?}", rest.first()));
            }
        }
    }

    /// The next item of the quarantine, or the last one in another state.
    async fn expect_item(&mut self, text: &str) -> Played<()> {
        let begun = tokio::time::Instant::now();
        let mut last = String::new();
        while begun.elapsed() < PATIENCE {
            let items = self.world.gateway.store.items(Filter::default()).await.map_err(|fault| fault.to_string())?;
            if let Some(state) = text.strip_prefix("settled=") {
                let newest = self.items.last().and_then(|id| items.iter().find(|item| item.id == *id));
                last = newest.map(|item| serde_json::to_value(item.state).unwrap().to_string()).unwrap_or_default();
                if last.trim_matches('"') == state {
                    return Ok(());
                }
            } else if let Some(item) = items.iter().find(|item| !self.items.contains(&item.id)) {
                self.items.push(item.id.clone());
                return facts_fit(&timeless(text), &serde_json::to_value(item).unwrap())
                    .map_err(|why| format!("expected Q= {text}{why}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("expected Q= {text}\n  there is {last:?}"))
    }

    async fn expect_record(&mut self, text: &str) -> Played<()> {
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(facts) = self.next_record()? {
                return facts_fit(&timeless(text), &facts).map_err(|why| format!("expected = {text}{why}"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("expected = {text}\n  nothing came"))
    }

    /// The next outcome in the journal, with addresses as the script calls them.
    fn next_record(&mut self) -> Played<Option<Value>> {
        while let Some(step) = self.journal.next_step().map_err(|fault| fault.to_string())? {
            let Entry::Outcome(record) = step.entry.map_err(|damaged| damaged.fault)? else { continue };
            let mut facts = serde_json::to_string(&record).unwrap();
            for (address, label) in self.world.hops.values().flat_map(|hop| &hop.addresses) {
                facts = facts.replace(&address.to_string(), label.as_deref().unwrap_or("an address without a name"));
            }
            return Ok(Some(serde_json::from_str(&facts).unwrap()));
        }
        Ok(None)
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

/// What a script expects, without the time of day: the model's clock stands where [`wall`](super::super::world::wall) says, and the
/// door's goes on.
fn timeless(text: &str) -> String {
    text.replace("1795262400000", "*").replace("Sat, 21 Nov 2026 09:00:00 -0300", "*")
}

/// Until the gateway has read what was said. Nothing shows when it has; it is a matter of microseconds on a machine with nothing else
/// to do.
async fn pause() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}
