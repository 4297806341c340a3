//! A search: may it be done, what does it find. In the audit trail before anybody sees a line of it.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    cli::{
        actor,
        arguments::says_nothing,
        rendering::Style,
        rendering::store_fault,
        subjects,
        when::{self, Edge},
    },
    config::{self, Settings},
    door::gateway::now,
    language::Text,
    policy::{directory::Directory, network::Network},
    record::{
        Record, UnixMillis,
        audit::{Action, Event},
        request::{Asked, Kind, Request},
        term::{self, Sought, Term},
        unix_millis,
        window::Span,
    },
    store::{RefusedAttempts, Search, Store, StoreFault, View, subject_key},
    text,
};

/// Records read at a time.
const PAGE: u32 = 500;

/// What was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    pub(super) number: String,
    pub(super) mailbox: Option<String>,
    pub(super) sender: Option<String>,
    pub(super) recipient: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) message_id: Option<String>,
    pub(super) client: Option<IpAddr>,
    pub(super) id: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
    pub(super) person: Option<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Under which request.
    pub(super) request: Request,
    /// In which part of its window.
    pub(super) span: Span,
    /// What else was asked for, as it was typed.
    pub(super) filters: BTreeMap<String, String>,
    /// Newest first.
    pub(super) records: Vec<Record>,
    /// There are more.
    pub(super) more: bool,
    /// What was refused in that time and has no record; of the client's network, if one was asked for.
    pub(super) refused: RefusedAttempts,
    /// Records of before this cannot be found yet.
    pub(super) missing_before: Option<UnixMillis>,
    /// What is not found, because of how subjects are kept.
    pub(super) hidden: Option<Text>,
    /// Who looks, and when.
    pub(super) actor: crate::record::audit::Actor,
    /// When.
    pub(super) at: UnixMillis,
}

/// Why there is no answer, and the exit code.
#[derive(Debug)]
pub(in crate::cli) struct Told {
    pub(in crate::cli) text: Text,
    pub(in crate::cli) usage: bool,
}

impl From<Text> for Told {
    fn from(text: Text) -> Self {
        Self { text, usage: false }
    }
}

impl From<StoreFault> for Told {
    fn from(fault: StoreFault) -> Self {
        let said = |language| {
            let style = Style { json: false, language, time_zone: jiff::tz::TimeZone::UTC };
            store_fault(&fault, &style).text.trim_end().to_owned()
        };
        let text = Text { en: said(crate::language::Language::En), pt: said(crate::language::Language::PtBr) };
        Self { text, usage: matches!(fault, StoreFault::NotAnId) }
    }
}

/// Looks, at most for `limit` records. Nothing is in the audit trail yet.
pub(super) async fn look(settings: &Settings, query: &Query, limit: u32) -> Result<Found, Told> {
    let view = Store::open_read_only(&settings.store).await?;
    let at = unix_millis(now().wall);
    let request = allowed(&view, &query.number).await?;
    let span = span(settings, query, &request)?;
    // Aliases of a directory that cannot be read are not known; the addresses themselves are found all the same.
    let (directory, _) = config::load_directory(settings);
    let mut all = request.scope.sought();
    all.extend(query.sought(&directory)?);
    let all = hashed_too(settings, all)?;
    let hidden = hidden(settings, &view, query, &request, span).await?;
    let (records, more) = match &query.id {
        Some(id) => (one(&view, id, span, &all).await?, false),
        None => many(&view, span, all, limit).await?,
    };
    let network = query.client.map(|client| Network::of(client).to_string());
    let refused = view.refused_in(span, network.as_deref()).await?;
    let missing_before = view.terms_missing_before().await?.filter(|before| span.from < *before);
    let actor = actor::actor(query.person.clone());
    Ok(Found { request, span, filters: query.filters(), records, more, refused, missing_before, hidden, actor, at })
}

/// What is not found by the words that are looked for.
async fn hidden(
    settings: &Settings,
    view: &View,
    query: &Query,
    request: &Request,
    span: Span,
) -> Result<Option<Text>, StoreFault> {
    let words = [&query.subject, &request.scope.subject].map(|words| words.as_deref().unwrap_or_default()).join(" ");
    if words.trim().is_empty() {
        return Ok(None);
    }
    let with_key = subject_key::read(&settings.store.folder)?.is_some();
    let hashes = subjects::Hashes { are_there: view.has_hashed(span).await?, with_key };
    Ok(subjects::not_found_by(settings, &words, hashes))
}

/// Whether a message is one that the request is about.
pub(in crate::cli) async fn within(
    settings: &Settings,
    view: &View,
    number: &str,
    record: &Record,
) -> Result<(), Told> {
    let request = allowed(view, number).await?;
    let terms = term::of(record);
    let sought = hashed_too(settings, request.scope.sought())?;
    if request.span.contains(record.began) && sought.iter().all(|sought| sought.is_in(&terms)) {
        return Ok(());
    }
    Err(text!("request {number:?} is not about this message", "o pedido {number:?} não é sobre esta mensagem").into())
}

/// Whatever is kept now: records of before may have hashes.
fn hashed_too(settings: &Settings, all: Vec<Sought>) -> Result<Vec<Sought>, StoreFault> {
    let Some(key) = subject_key::read(&settings.store.folder)? else { return Ok(all) };
    Ok(all.into_iter().map(|sought| sought.or_hashed(&key)).collect())
}

/// The request, if something may be searched under it.
async fn allowed(view: &View, number: &str) -> Result<Request, Told> {
    let Some(request) = view.request(number).await? else {
        return Err(text!(
            "no request {number:?} is registered, and nothing is searched without one: portaria track request open --number {number:?} \
             --who TEXT --received DATE --mailbox ADDRESS",
            "nenhum pedido {number:?} está registrado, e nada se busca sem um: portaria track request open --number {number:?} \
             --who TEXTO --received DATA --mailbox ENDEREÇO"
        )
        .into());
    };
    if request.kind == Kind::Hold {
        return Err(text!(
            "{number:?} keeps records and asks for none: a search names a request",
            "{number:?} guarda registros e não pede nenhum: uma busca cita um pedido"
        )
        .into());
    }
    if request.closed.is_some() {
        return Err(text!(
            "request {number:?} is closed: register a new one",
            "o pedido {number:?} está encerrado: registre um novo"
        )
        .into());
    }
    Ok(request)
}

/// The days that are asked for, which lie within those of the request.
fn span(settings: &Settings, query: &Query, request: &Request) -> Result<Span, Told> {
    let zone = &settings.gateway.timezone;
    let instant = |written: &Option<String>, edge, default| match written {
        Some(written) => {
            when::instant(written, edge, now().wall, zone).map(unix_millis).map_err(|text| Told { text, usage: true })
        }
        None => Ok(default),
    };
    let from = instant(&query.since, Edge::Since, request.span.from)?;
    let until = instant(&query.until, Edge::UpTo, request.span.until)?;
    let span = Span { from, until };
    if span.is_empty() {
        let text = text!("--since is not before --until", "--since não vem antes de --until");
        return Err(Told { text, usage: true });
    }
    if !request.span.covers(span) {
        let style = |language| Style { json: false, language, time_zone: zone.clone() };
        let style = style(crate::language::Language::En);
        let (first, end) = (style.time(request.span.from), style.time(request.span.until));
        let number = &request.number;
        return Err(text!(
            "request {number:?} is about {first} up to {end}, and about no time outside of that (clause 10.1.2)",
            "o pedido {number:?} abrange de {first} até {end}, e nenhum tempo fora disso (item 10.1.2)"
        )
        .into());
    }
    Ok(span)
}

async fn one(view: &View, id: &str, span: Span, all: &[Sought]) -> Result<Vec<Record>, StoreFault> {
    let id = match view.find(id).await {
        Ok(id) => id,
        Err(StoreFault::NotFound) => return Ok(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let meant = |record: &Record| {
        let terms = term::of(record);
        span.contains(record.began) && all.iter().all(|sought| sought.is_in(&terms))
    };
    Ok(view.record(&id).await?.into_iter().filter(meant).collect())
}

async fn many(view: &View, span: Span, all: Vec<Sought>, limit: u32) -> Result<(Vec<Record>, bool), StoreFault> {
    let mut records: Vec<Record> = Vec::new();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut search = Search { span, all, behind: None, limit: PAGE };
    loop {
        // One more than is shown, to know whether there is more.
        let left = most.saturating_add(1).saturating_sub(records.len());
        search.limit = PAGE.min(u32::try_from(left).unwrap_or(PAGE));
        let page = view.search(&search).await?;
        records.extend(page.records);
        let more = records.len() > most;
        records.truncate(most);
        match page.next {
            Some(next) if !more => search.behind = Some(next),
            _ => return Ok((records, more)),
        }
    }
}

impl Query {
    /// What every record has that is meant. An option that says nothing (`--sender "$WHO"` in a script that never set it) is refused: what it
    /// finds would be given as the answer to another question.
    fn sought(&self, directory: &Directory) -> Result<Vec<Sought>, Told> {
        if let Some((option, _)) = self.filters().into_iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(Told { text: says_nothing(&option.replace('_', "-")), usage: true });
        }
        // As it is shown: the null reverse-path has its brackets only.
        let asked = |written: &String| Asked {
            written: if written == "<>" { String::new() } else { written.clone() },
            keys: directory.mailboxes_written(written).unwrap_or_default(),
        };
        let mailbox = self.mailbox.as_ref().map(asked).map(|asked| [asked.sent(), asked.received()].concat());
        let sender = self.sender.as_ref().map(|written| asked(written).sent());
        let recipient = self.recipient.as_ref().map(|written| asked(written).received());
        let message_id = self.message_id.as_deref().map(|id| vec![Term::message_id(id)]);
        let client = self.client.map(|client| vec![Term::client(client)]);
        let rule = self.rule.as_deref().map(|rule| vec![Term::rule(rule)]);
        let any = [mailbox, sender, recipient, message_id, client, rule];
        let mut sought: Vec<Sought> = any.into_iter().flatten().map(Sought::AnyOf).collect();
        if let Some(subject) = &self.subject {
            if subject
                .split_whitespace()
                .any(|word| word == "*" || word.strip_suffix('*').unwrap_or(word).contains('*'))
            {
                let text = text!(
                    "in {subject:?} a * stands elsewhere than at the end of a word: bolet* is any word that begins so",
                    "em {subject:?} há um * fora do fim de uma palavra: bolet* é qualquer palavra que comece assim"
                );
                return Err(Told { text, usage: true });
            }
            let words = Sought::words(subject).ok_or_else(|| Told {
                text: text!("there is no word in {subject:?}", "não há palavra em {subject:?}"),
                usage: true,
            })?;
            sought.extend(words);
        }
        Ok(sought)
    }

    /// What narrows the request, as it was typed.
    fn filters(&self) -> BTreeMap<String, String> {
        let client = self.client.map(|client| client.to_string());
        let all = [
            ("mailbox", &self.mailbox),
            ("sender", &self.sender),
            ("recipient", &self.recipient),
            ("subject", &self.subject),
            ("message_id", &self.message_id),
            ("client", &client),
            ("id", &self.id),
            ("rule", &self.rule),
            ("since", &self.since),
            ("until", &self.until),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
    }
}

impl Found {
    /// Writes down that this was found, and what more there is to say of it. Whoever cannot, shows nothing.
    pub(super) fn audit(
        &self,
        settings: &Settings,
        action: Action,
        more: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<(), Text> {
        let mut detail = self.filters.clone();
        detail.insert("records".to_owned(), self.records.len().to_string());
        detail.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let object = self.request.number.clone();
        let event = Event { at: self.at, actor: self.actor.clone(), action, object, detail };
        actor::write(settings, &event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `<>` is typed as it is shown.
    #[test]
    fn the_null_reverse_path_is_found_as_it_is_shown() {
        let directory = Directory::new(Vec::new(), []).unwrap();
        let query = Query { sender: Some("<>".to_owned()), ..Query::default() };
        let sought = query.sought(&directory).unwrap();
        let mut record = crate::record::sample::record(1);
        let is_in = |record: &Record| sought.iter().all(|sought| sought.is_in(&term::of(record)));
        assert!(!is_in(&record));
        record.reverse_path = String::new();
        assert!(is_in(&record));
    }
}
