//! `portaria track request open | list | show | close`, `portaria track hold open | close`.

use clap::ArgMatches;
use serde_json::Value;

use super::style;
use crate::{
    audit::{Stored, word},
    cli::{
        Common, Exit, actor,
        arguments::{list_of, text_of},
        escape::escape,
        records::with_view,
        rendering::{Rendering, Style, json_line},
        restore,
        run::with_runtime,
        start::tracking,
        status::{ask_at, field},
        table::Table,
    },
    config::{self, Settings},
    door::{
        control::Command,
        tracking::{Days, Order, Wanted},
    },
    language::Text,
    record::{
        audit::Action,
        request::{Kind, Request},
    },
    store::{Store, StoreFault},
    text,
};

pub(super) fn dispatch_requests(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        Some(("open", sub)) => {
            let Some(received) = sub.get_one("received").copied() else { return Exit::Usage };
            ordered(common, Order::Open(wanted(sub, Days::Received(received))))
        }
        Some(("list", _)) => list(common),
        Some(("show", sub)) => one(common, text_of(sub, "number")),
        Some(("close", sub)) => ordered(common, closing(sub)),
        _ => Exit::Usage,
    }
}

pub(super) fn dispatch_holds(common: &mut Common, matches: &ArgMatches) -> Exit {
    match matches.subcommand() {
        Some(("open", sub)) => {
            let (Some(since), Some(until)) = (sub.get_one("since").copied(), sub.get_one("until").copied()) else {
                return Exit::Usage;
            };
            ordered(common, Order::Open(wanted(sub, Days::Held { since, until })))
        }
        Some(("close", sub)) => ordered(common, closing(sub)),
        _ => Exit::Usage,
    }
}

fn wanted(matches: &ArgMatches, days: Days) -> Wanted {
    let text = |name: &str| matches.try_get_one::<String>(name).ok().flatten().cloned();
    let mailboxes = matches.try_contains_id("mailbox").is_ok();
    Wanted {
        number: text_of(matches, "number").to_owned(),
        who: text_of(matches, "who").to_owned(),
        reason: text("reason"),
        days,
        mailboxes: if mailboxes { list_of(matches, "mailbox") } else { Vec::new() },
        subject: text("subject"),
        person: person(matches),
    }
}

fn closing(matches: &ArgMatches) -> Order {
    Order::Close { number: text_of(matches, "number").to_owned(), person: person(matches) }
}

/// The account is the gateway's to find out; the person is a note.
fn person(matches: &ArgMatches) -> Option<String> {
    actor::actor(matches.get_one::<String>("by").cloned()).person
}

/// Asks the gateway, which writes; of records that were laid out to be looked at there is none.
fn ordered(common: &mut Common, order: Order) -> Exit {
    let Some(settings) = common.settings() else { return Exit::Faults };
    let style = style(common, &settings);
    let answered = if settings.gateway.data_dir.join(restore::LOOKING_ONLY).exists() {
        in_a_copy(&settings, order).map_err(|told| (told, Exit::Faults))
    } else {
        ask_at(&settings, &Command::Tracking(order)).map_err(|told| (told, Exit::NotReachable))
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err((told, exit)) => {
            eprintln!("{}", escape(style.say(&told)));
            return exit;
        }
    };
    let done = field(&answer, "ok").as_bool() == Some(true);
    if style.json {
        print!("{}", json_line(&answer));
    } else if done {
        match serde_json::from_value::<Request>(field(&answer, "request").clone()) {
            Ok(request) => print!("{}", facts(&request, &style)),
            Err(fault) => eprintln!("{fault}"),
        }
    } else {
        eprintln!("{}", style.say(&refused(&answer, &style)));
    }
    if done { Exit::Done } else { Exit::Faults }
}

/// Whoever asks for records of the past asks after the backup was made: their request stands in no backup. It is registered in the copy, in
/// whose trail the searches are, too; where the records live nothing is touched.
fn in_a_copy(settings: &Settings, order: Order) -> Result<Value, Text> {
    let failed = |fault: &StoreFault| {
        text!("the copied database cannot be written: {fault}", "não é possível gravar no banco copiado: {fault}")
    };
    let (directory, _) = config::load_directory(settings);
    with_runtime(async {
        let store = Store::open(settings.store.clone()).await.map_err(|fault| failed(&fault))?;
        let answer = tracking(settings).answer(&store, &directory, order, actor::actor(None).account).await;
        store.close().await;
        Ok(answer)
    })
}

fn refused(answer: &Value, style: &Style) -> Text {
    match field(answer, "refused").as_str().unwrap_or_default() {
        "number" => text!(
            "a number has 1 to 64 octets, no spaces at its ends and nothing invisible",
            "um número tem de 1 a 64 octetos, sem espaços nas pontas e sem nada invisível"
        ),
        "text" => text!(
            "say who asks (and why) in at most 1000 octets, with nothing invisible",
            "diga quem pede (e por quê) em no máximo 1000 octetos, sem nada invisível"
        ),
        "scope" => text!(
            "a request names at most 50 mailboxes, or words of a subject, or both",
            "um pedido cita no máximo 50 caixas, ou palavras de um assunto, ou ambos"
        ),
        "to_come" => text!("that day is still to come", "esse dia ainda não chegou"),
        "days" => text!("the last day is before the first", "o último dia vem antes do primeiro"),
        "taken" => {
            let present = serde_json::from_value::<Request>(field(answer, "present").clone()).ok();
            let (who, at) =
                present.map_or_else(Default::default, |present| (escape(&present.who), style.time(present.opened_at)));
            text!(
                "there is one with this number already, of {who}, registered {at}",
                "já existe um com esse número, de {who}, registrado em {at}"
            )
        }
        "none_open" => text!("nothing with this number is open", "nada com esse número está aberto"),
        _ => {
            let what = escape(field(answer, "error").as_str().unwrap_or_default());
            text!("nothing was done: {what}", "nada foi feito: {what}")
        }
    }
}

fn list(common: &mut Common) -> Exit {
    with_view(common, async |view, style, _| {
        let requests = view.requests().await?;
        if style.json {
            return Ok(Rendering::done(requests.iter().map(json_line).collect()));
        }
        if requests.is_empty() {
            let none = text!("no request is registered\n", "nenhum pedido registrado\n");
            return Ok(Rendering::done(style.say(&none).to_owned()));
        }
        Ok(Rendering::done(table(&requests, style)))
    })
}

fn table(requests: &[Request], style: &Style) -> String {
    let heading = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        heading(text!("number", "número")),
        heading(text!("kind", "tipo")),
        heading(text!("who", "quem")),
        heading(text!("about", "sobre")),
        heading(text!("received", "recebido")),
        heading(text!("from", "de")),
        heading(text!("up to", "até")),
        heading(text!("state", "estado")),
    ]);
    for request in requests {
        let state = if request.closed.is_some() { text!("closed", "encerrado") } else { text!("open", "aberto") };
        table.row([
            escape(&request.number),
            heading(kind(request.kind)),
            escape(&request.who),
            escape(&about(request)),
            request.received.map(|day| day.to_string()).unwrap_or_default(),
            style.time(request.span.from),
            style.time(request.span.until),
            heading(state),
        ]);
    }
    table.render()
}

fn one(common: &mut Common, number: &str) -> Exit {
    let number = number.to_owned();
    with_view(common, async |view, style, data_dir| {
        let request = view.request(&number).await?.ok_or(StoreFault::NotFound)?;
        if style.json {
            return Ok(Rendering::done(json_line(&request)));
        }
        let mut out = facts(&request, style);
        out += &searches(data_dir, &number, style);
        Ok(Rendering::done(out))
    })
}

fn facts(request: &Request, style: &Style) -> String {
    let mut facts = vec![
        (kind(request.kind), escape(&request.number)),
        (text!("Who", "Quem"), escape(&request.who)),
        (text!("About", "Sobre"), escape(&about(request))),
        (text!("From", "De"), style.time(request.span.from)),
        (text!("Up to", "Até"), format!("{} ({})", style.time(request.span.until), escape(&request.time_zone))),
        (
            text!("Registered", "Registrado"),
            format!("{}, {}", style.time(request.opened_at), escape(&request.opened_by)),
        ),
    ];
    if let Some(received) = request.received {
        facts.insert(2, (text!("Received", "Recebido"), received.to_string()));
    }
    if let Some(reason) = &request.reason {
        facts.push((text!("Why", "Por quê"), escape(reason)));
    }
    if let Some(closed) = &request.closed {
        facts.push((text!("Closed", "Encerrado"), format!("{}, {}", style.time(closed.at), escape(&closed.by))));
    }
    let mut out: String = facts.iter().map(|(label, fact)| format!("{:<11} {fact}\n", style.say(label))).collect();
    if request.late {
        out += style.say(&text!(
            "ATTENTION: it was registered late, the first days of its window may be gone\n",
            "ATENÇÃO: foi registrado tarde, os primeiros dias da janela podem já não existir\n"
        ));
    }
    out
}

/// Who searched and exported what under it, as the audit trail says.
fn searches(data_dir: &std::path::Path, number: &str, style: &Style) -> String {
    let Ok(Some(mut trail)) = Stored::open(data_dir) else { return String::new() };
    let meant = [Action::TrackingSearched, Action::TrackingExported].map(word);
    let mut out = String::new();
    while let Ok(Some(step)) = trail.next_step() {
        let Some(entry) = step.entry else { continue };
        if entry.object == number && meant.contains(&entry.action) {
            let detail: Vec<String> = entry.detail.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let at = style.time(entry.at);
            out += &format!(
                "{at}  {}  {}  {}\n",
                escape(&entry.account),
                escape(&entry.action),
                escape(&detail.join(" "))
            );
        }
    }
    let head = text!("\nSearches and exports under it\n", "\nBuscas e exportações por ele\n");
    if out.is_empty() { out } else { style.say(&head).to_owned() + &out }
}

fn kind(kind: Kind) -> Text {
    match kind {
        Kind::Request => text!("Request", "Pedido"),
        Kind::Hold => text!("Hold", "Guarda"),
    }
}

fn about(request: &Request) -> String {
    let written = request.scope.mailboxes.iter().map(|asked| asked.written.clone());
    let subject = request.scope.subject.iter().map(|words| format!("\"{words}\""));
    written.chain(subject).collect::<Vec<_>>().join(" ")
}
