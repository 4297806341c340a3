//! What a script expects, awaited at the far ends of the sockets and on the disk.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use portaria::{door::connections::Full, journal::Entry, store::Filter};
use serde_json::Value;

use super::{
    super::{
        expected::{facts_fit, fits, shown},
        next_hop::Noticed,
        script::{Act, Channel},
        world::masked,
    },
    PATIENCE, in_time,
    next_hop::End,
    play::{COUNTS_AS, Play, Played},
};

impl Play<'_> {
    pub async fn expect_client(&mut self, text: &str) -> Played<()> {
        if text == "! starts TLS" {
            return Ok(());
        }
        if let Some(client) = text.strip_prefix(COUNTS_AS) {
            return self.expect_counted(client.parse().map_err(|_| "no address")?).await;
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

    /// The connection counts for this address and for the one before no more: with room for one of each network, one more of
    /// its own is too many.
    async fn expect_counted(&mut self, client: IpAddr) -> Played<()> {
        // What is said next is said after the count: whoever looked before would take the room of the client himself.
        self.client.hear().await?;
        let room = |client| self.world.gateway.connections.enter(client, Instant::now()).map(drop);
        let before = std::mem::replace(&mut self.counts_as, client);
        match (room(client), room(before)) {
            (Err(Full::Network), Ok(())) => Ok(()),
            other => Err(format!("expected S! counts as {client}, and not {before}\n  came     {other:?}")),
        }
    }

    pub async fn expect_next_hop(&mut self, nth: usize, text: &str) -> Played<()> {
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

    /// Given back, it is reset before anybody else gets it (or by whoever does), or left if it takes no more. The next hop closes
    /// it then, unless the script wants it once more.
    pub async fn expect_release(&mut self, nth: usize) -> Played<()> {
        let mut end = self.connection.take().ok_or("there is no connection to the next hop")?;
        let farewell = match end.is_used_up() {
            true => Some(("QUIT", "221 2.0.0 Bye\r\n")),
            false if end.may_owe_reset() => None,
            false => Some(("RSET", "250 2.0.0 Reset\r\n")),
        };
        if let Some((farewell, reply)) = farewell {
            match end.next().await? {
                Some(Noticed::Command(line)) if line == farewell => {}
                other => return Err(format!("expected R! releases, which is {farewell}\n  came     {other:?}")),
            }
            end.say(reply.as_bytes()).await?;
        }
        self.keep_content(&mut end);
        let later = self.script.steps.get(nth..).unwrap_or_default();
        let next = later.iter().find_map(|step| match &step.act {
            Act::Ready(ready) => Some(ready.reused),
            _ => None,
        });
        if next == Some(true) {
            self.idle = Some(end);
            // Until the gateway has read its last reply: whoever asks before is given another one.
            in_time("a lease does not end", self.world.nothing_lent()).await?;
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

    pub async fn expect_flow(&mut self, least: usize) -> Played<()> {
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
    pub async fn expect_content(&mut self, text: &str) -> Played<()> {
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
    pub async fn expect_item(&mut self, text: &str) -> Played<()> {
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

    pub async fn expect_record(&mut self, text: &str) -> Played<()> {
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
    pub fn next_record(&mut self) -> Played<Option<Value>> {
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
}

/// What a script expects, without the time of day: the model's clock stands where [`wall`](super::super::world::wall) says, and the
/// door's goes on.
fn timeless(text: &str) -> String {
    text.replace("1795262400000", "*").replace("Sat, 21 Nov 2026 09:00:00 -0300", "*")
}
