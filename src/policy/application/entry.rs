//! One `[[application]]`: every key, what it may be, and which combinations make no sense.

use std::{num::NonZeroU32, sync::Arc, time::SystemTime};

use ipnet::IpNet;
use jiff::{civil::Date, tz::TimeZone};

use super::{Application, Login, Reach, Settings, State, password::PasswordHash};
use crate::{
    document::{Found, Table},
    policy::directory::{Directory, MailboxKey, WrittenFault, compared_domain, is_domain},
    smtp::path::Mailbox,
    text,
};

/// Octets of an id: it stands in replies, records and metrics.
const ID: usize = 64;
const REACHES: [(&str, bool); 2] = [("internal", false), ("internet", true)];

/// Reads an entry, with the place of its id. None: it cannot be one, and a fault says why.
pub(super) fn read(
    table: Table<'_, '_>,
    directory: &Directory,
    settings: &Settings,
    now: SystemTime,
) -> Option<Found<Application>> {
    let today = today(now);
    let id = id(&table);
    let state = table.required::<String>("state").and_then(|_| table.choice("state", &State::NAMES, None));
    let owner = not_blank(&table, "owner");
    let requester = not_blank(&table, "requester");
    let ticket = not_blank(&table, "ticket");
    // Nobody has evaluated what is pending; whatever else sends, or did, was evaluated by somebody on some day (clause 8.1.8).
    let evaluated_by_now = state != Some(State::Pending);
    let evaluator = if evaluated_by_now || table.has("evaluator") { not_blank(&table, "evaluator") } else { None };
    let evaluated = if evaluated_by_now { required_date(&table, "evaluated") } else { date(&table, "evaluated") };
    let review_by = required_date(&table, "review_by");
    check_dates(&table, evaluated.as_ref(), review_by.as_ref(), today);
    let networks = networks(&table);
    let login = login(&table);
    if table.is_empty("networks") && !table.has("login") {
        let what = text!("nobody could be this application", "ninguém poderia ser esta aplicação");
        let help = text!(
            "write `networks`, or `login` and `password_hash`, or both",
            "escreva `networks`, ou `login` e `password_hash`, ou ambos"
        );
        table.document().fault(table.span(), what, Some(help));
    }
    let senders = senders(&table, directory);
    let null_sender = table.or("null_sender", false);
    let reach = reach(&table, settings);
    let max_recipients = cap(&table, "max_recipients");
    let max_per_hour = cap(&table, "max_per_hour");
    table.finish();
    let id = id?;
    Some(Found {
        span: id.span,
        value: Application {
            id: id.value.into(),
            state: state?,
            owner: owner?,
            requester: requester?,
            evaluator,
            evaluated: evaluated.map(|found| found.value),
            ticket: ticket?,
            review_by: review_by?.value,
            networks: networks?,
            login: login?,
            senders: senders?,
            null_sender,
            reach: reach?,
            max_recipients: max_recipients?,
            max_per_hour: max_per_hour?,
            contact: Arc::clone(&settings.contact),
        },
    })
}

/// The day in UTC: rules and lists know no time zone.
pub(super) fn today(now: SystemTime) -> Date {
    let now = jiff::Timestamp::try_from(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    now.to_zoned(TimeZone::UTC).date()
}

fn id(table: &Table<'_, '_>) -> Option<Found<String>> {
    let found = table.required::<String>("id")?;
    let is_letter = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"-_.".contains(&octet);
    if !found.value.is_empty() && found.value.len() <= ID && found.value.bytes().all(is_letter) {
        return Some(found);
    }
    let what = text!(
        "an id has lower-case letters, digits, `-`, `_` and `.`, at most 64",
        "um id tem letras minúsculas sem acento, dígitos, `-`, `_` e `.`, no máximo 64"
    );
    table.document().fault(found.span, what, None);
    None
}

/// Whoever asks later who wanted this has to find somebody.
fn not_blank(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let found = table.required::<String>(key)?;
    if found.value.trim().is_empty() {
        table.document().fault(found.span, text!("`{key}` is empty", "`{key}` está vazio"), None);
        return None;
    }
    Some(found.value)
}

fn required_date(table: &Table<'_, '_>, key: &'static str) -> Option<Found<Date>> {
    if !table.has(key) {
        table.document().fault(table.span(), text!("`{key}` is missing here", "falta `{key}` aqui"), None);
    }
    date(table, key)
}

fn date(table: &Table<'_, '_>, key: &'static str) -> Option<Found<Date>> {
    let found = table.optional::<toml::value::Datetime>(key)?;
    let day = found.value.time.is_none().then(|| found.value.to_string().parse().ok()).flatten();
    if day.is_none() {
        let what = text!("`{key}` is a day, such as 2027-08-03", "`{key}` é um dia, como 2027-08-03");
        table.document().fault(found.span.clone(), what, None);
    }
    Some(Found { value: day?, span: found.span })
}

fn check_dates(table: &Table<'_, '_>, evaluated: Option<&Found<Date>>, review: Option<&Found<Date>>, today: Date) {
    let document = table.document();
    if let Some(evaluated) = evaluated.filter(|evaluated| evaluated.value > today) {
        let what = text!("this day has not come yet", "este dia ainda não chegou");
        document.warning(evaluated.span.clone(), what, None);
    }
    let Some(review) = review else { return };
    if evaluated.is_some_and(|evaluated| review.value <= evaluated.value) {
        let what = text!("`review_by` is not after `evaluated`", "`review_by` não vem depois de `evaluated`");
        document.fault(review.span.clone(), what, None);
    } else if review.value < today {
        document.warning(
            review.span.clone(),
            text!(
                "the review of this application is due; it goes on",
                "a revisão desta aplicação está vencida; ela continua"
            ),
            Some(text!(
                "evaluate it again, and write the new `evaluated` and `review_by`",
                "avalie-a de novo, e escreva os novos `evaluated` e `review_by`"
            )),
        );
    }
}

fn networks(table: &Table<'_, '_>) -> Option<Vec<IpNet>> {
    let networks = table.list::<IpNet>("networks");
    let everybody = networks.iter().find(|network| network.value.prefix_len() == 0);
    if let Some(everybody) = everybody {
        let what = text!("everybody would be this application", "qualquer um seria esta aplicação");
        let help = text!("list its servers' addresses", "liste os endereços dos servidores dela");
        table.document().fault(everybody.span.clone(), what, Some(help));
        return None;
    }
    Some(networks.into_iter().map(|network| network.value).collect())
}

/// The inner none: it does not log in.
fn login(table: &Table<'_, '_>) -> Option<Option<Login>> {
    let name = table.optional::<String>("login");
    let hash = table.optional::<String>("password_hash");
    let document = table.document();
    let (name, hash) = match (name, hash) {
        (None, None) => return (!table.has("login") && !table.has("password_hash")).then_some(None),
        (Some(name), Some(hash)) => (name, hash),
        (Some(one), None) | (None, Some(one)) => {
            let what = text!(
                "`login` and `password_hash` stand together or not at all",
                "`login` e `password_hash` vêm juntos, ou nenhum dos dois"
            );
            let help =
                text!("`portaria application password` makes the hash", "`portaria application password` gera o hash");
            document.fault(one.span, what, Some(help));
            return None;
        }
    };
    let is_name = !name.value.is_empty() && name.value.len() <= 255 && name.value.bytes().all(|o| o.is_ascii_graphic());
    if !is_name {
        let what = text!("a login is printable ASCII without spaces", "um login é ASCII imprimível, sem espaços");
        document.fault(name.span, what, None);
    }
    let hash = match PasswordHash::parse(&hash.value) {
        Ok(hash) => Some(hash),
        Err(fault) => {
            let what = text!("this is no password hash: {fault}", "isto não é um hash de senha: {fault}");
            let help = text!("`portaria application password` makes one", "`portaria application password` gera um");
            document.fault(hash.span, what, Some(help));
            None
        }
    };
    is_name.then_some(Some(Login { name: name.value, hash: hash? }))
}

/// Addresses in served domains: clause 8.1.7 ties an application to mailboxes, and only ours can be looked up.
fn senders(table: &Table<'_, '_>, directory: &Directory) -> Option<Vec<(MailboxKey, String)>> {
    let written = table.list::<String>("senders");
    let mut senders = Vec::new();
    for address in &written {
        let shown = &address.value;
        let whole = Mailbox::parse(shown).is_some();
        match directory.mailboxes_written(shown) {
            Ok(keys) if whole => senders.extend(keys.into_iter().map(|key| (key, shown.clone()))),
            Err(WrittenFault::NotServed { domain, nearest }) => {
                let what = text!("the domain {domain} is not served here", "o domínio {domain} não é atendido aqui");
                let help = nearest.map(|near| text!("did you mean `{near}`?", "você quis dizer `{near}`?"));
                table.document().fault(address.span.clone(), what, help);
            }
            _ => {
                let what = text!("`{shown}` is not an address", "`{shown}` não é um endereço");
                table.document().fault(address.span.clone(), what, None);
            }
        }
    }
    if table.is_empty("senders") {
        let what = text!(
            "it could send as nobody: `senders` is missing or empty",
            "ela não poderia enviar como ninguém: falta `senders`, ou está vazio"
        );
        table.document().fault(table.span_of("senders"), what, None);
    }
    (!senders.is_empty() && senders.len() >= written.len()).then_some(senders)
}

fn reach(table: &Table<'_, '_>, settings: &Settings) -> Option<Reach> {
    let internet = table.choice("reach", &REACHES, false);
    let written = table.list::<String>("internet_domains");
    let document = table.document();
    let mut domains = Vec::new();
    for domain in &written {
        let shown = &domain.value;
        if is_domain(shown) {
            domains.push(compared_domain(shown).into_owned());
        } else {
            let what = text!("`{shown}` is not a domain name", "`{shown}` não é um nome de domínio");
            document.fault(domain.span.clone(), what, None);
        }
    }
    if !internet {
        if !written.is_empty() {
            let what = text!(
                "`internet_domains` says nothing with `reach = \"internal\"`",
                "`internet_domains` não diz nada com `reach = \"internal\"`"
            );
            document.warning(table.span_of("internet_domains"), what, None);
        }
        return Some(Reach::Internal);
    }
    if settings.internet_next_hop.is_none() {
        let what = text!(
            "nobody takes mail for the internet: `internet_next_hop` is not set",
            "ninguém recebe correio para a internet: falta `internet_next_hop`"
        );
        let help = text!(
            "in portaria.toml, under [application], name a [[next_hop]]: internet_next_hop = \"…\"",
            "no portaria.toml, em [application], indique um [[next_hop]]: internet_next_hop = \"…\""
        );
        document.fault(table.span_of("reach"), what, Some(help));
        return None;
    }
    (domains.len() == written.len()).then_some(Reach::Internet { domains })
}

fn cap(table: &Table<'_, '_>, key: &'static str) -> Option<NonZeroU32> {
    let found = table.required::<u32>(key)?;
    let cap = NonZeroU32::new(found.value);
    if cap.is_none() {
        let what = text!(
            "0 would let nothing through: `state = \"suspended\"` says so",
            "0 não deixaria passar nada: para isso existe `state = \"suspended\"`"
        );
        table.document().fault(found.span, what, None);
    }
    cap
}
