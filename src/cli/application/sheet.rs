//! The parameter sheet of one application (clause 8.1.6): what its people have to set, and what they will hear if they do not.

use std::fmt::Write as _;

use serde_json::json;

use super::super::{
    escape::escape,
    rendering::{Rendering, Style, json_line},
};
use super::{reach_word, state_word, today};
use crate::{
    config::{Listener, ListenerTls, Role, Settings, size_text},
    language::Text,
    policy::application::Application,
    text,
};

pub(super) fn sheet(application: &Application, settings: &Settings, style: &Style) -> Rendering {
    if style.json {
        return Rendering::done(json_line(&as_json(application, settings)));
    }
    let listeners: Vec<&Listener> = doors(settings).collect();
    let mut out = String::new();
    let id = &application.id;
    let title = text!("Parameters for the application {id}", "Parâmetros para a aplicação {id}");
    let _ = writeln!(out, "{}\n", style.say(&title));
    for (name, value) in rows(application, settings, &listeners, style) {
        let _ = writeln!(out, "  {:<22}{}", style.say(&name), escape(&value));
    }
    for (name, lines) in
        [(text!("It has to", "Ela deve"), duties(application)), (text!("It hears", "Ela ouve"), replies())]
    {
        let _ = writeln!(out, "\n{}:", style.say(&name));
        for line in lines {
            let _ = writeln!(out, "  - {}", style.say(&line));
        }
    }
    Rendering::done(out)
}

fn rows(application: &Application, settings: &Settings, listeners: &[&Listener], style: &Style) -> Vec<(Text, String)> {
    let say = |text: Text| style.say(&text).to_owned();
    let mut rows = vec![
        (text!("state", "estado"), say(state_word(application))),
        (text!("server", "servidor"), settings.gateway.hostname.clone()),
    ];
    if listeners.is_empty() {
        rows.push((
            text!("port", "porta"),
            say(text!("no listener for applications yet", "ainda não há porta para aplicações")),
        ));
    }
    for listener in listeners {
        let port = listener.address.port();
        rows.push((text!("port", "porta"), format!("{port}, {}", say(tls_word(listener.tls)))));
    }
    let networks: Vec<String> = application.networks.iter().map(ToString::to_string).collect();
    let networks = if networks.is_empty() { say(text!("any", "qualquer um")) } else { networks.join(", ") };
    let login = match &application.login {
        Some(login) => {
            let name = &login.name;
            say(text!("AUTH PLAIN or LOGIN, under TLS only, as {name}", "AUTH PLAIN ou LOGIN, só sob TLS, como {name}"))
        }
        None => say(text!("none: its address is enough", "nenhuma: basta o endereço")),
    };
    let senders: Vec<&str> = application.senders.iter().map(|(_, written)| written.as_str()).collect();
    let null = if application.null_sender { text!(", and empty", ", e vazio") } else { text!("", "") };
    let contact = if application.contact.is_empty() { "postmaster" } else { &*application.contact };
    rows.extend([
        (text!("connects from", "conecta de"), networks),
        (text!("authentication", "autenticação"), login),
        (text!("sender", "remetente"), format!("{}{}", senders.join(", "), say(null))),
        (text!("reach", "alcance"), say(reach_word(application))),
        (text!("message", "mensagem"), size_text(settings.limits.message_size)),
        (text!("recipients", "destinatários"), application.max_recipients.to_string()),
        (text!("messages an hour", "mensagens por hora"), application.max_per_hour.to_string()),
        (text!("ticket", "chamado"), application.ticket.clone()),
        (text!("owner", "responsável"), application.owner.clone()),
        (text!("requested by", "solicitante"), application.requester.clone()),
        (text!("evaluated", "avaliação"), evaluation(application)),
        (text!("review by", "revisar até"), review(application, style)),
        (text!("ask", "dúvidas"), contact.to_owned()),
    ]);
    rows
}

fn evaluation(application: &Application) -> String {
    let day = application.evaluated.map(|day| day.to_string());
    [day, application.evaluator.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn review(application: &Application, style: &Style) -> String {
    let due = if application.is_review_due(today()) { text!(" (due)", " (vencida)") } else { text!("", "") };
    format!("{}{}", application.review_by, style.say(&due))
}

fn tls_word(tls: ListenerTls) -> Text {
    match tls {
        ListenerTls::Off => text!("no TLS", "sem TLS"),
        ListenerTls::StartTls => {
            text!("STARTTLS offered (TLS 1.2 or later)", "STARTTLS oferecido (TLS 1.2 ou mais novo)")
        }
        ListenerTls::StartTlsRequired => {
            text!("STARTTLS required (TLS 1.2 or later)", "STARTTLS obrigatório (TLS 1.2 ou mais novo)")
        }
        ListenerTls::Implicit => {
            text!("TLS from the first octet (1.2 or later)", "TLS desde o primeiro octeto (1.2 ou mais novo)")
        }
    }
}

fn duties(application: &Application) -> Vec<Text> {
    let mut duties = vec![
        text!(
            "speak SMTP (RFC 5321) with EHLO, lines ending in CRLF",
            "falar SMTP (RFC 5321) com EHLO, linhas terminadas em CRLF"
        ),
        text!(
            "name one of its senders in MAIL FROM, and only its senders in From and Sender, one From field",
            "usar um dos seus remetentes em MAIL FROM, e só eles em From e Sender, com um único campo From"
        ),
        text!(
            "try again later after a reply that begins with 4",
            "tentar de novo mais tarde após resposta iniciada por 4"
        ),
        text!(
            "treat a reply that begins with 5 as final, and tell its people",
            "tratar resposta iniciada por 5 como definitiva, e avisar seus responsáveis"
        ),
    ];
    if application.login.is_some() {
        duties.push(text!(
            "begin TLS before AUTH, check the server's certificate, keep its password to itself",
            "iniciar TLS antes de AUTH, conferir o certificado do servidor, manter a senha em segredo"
        ));
    }
    duties
}

fn replies() -> Vec<Text> {
    vec![
        text!(
            "550 5.7.1: not registered, suspended, a foreign sender or From, or beyond its reach",
            "550 5.7.1: não registrada, suspensa, remetente ou From alheio, ou fora do alcance"
        ),
        text!(
            "450 4.7.1: pending, or on trial: nothing is relayed yet",
            "450 4.7.1: pendente ou em observação: nada é entregue ainda"
        ),
        text!("451 4.7.1: the messages of this hour are used up", "451 4.7.1: as mensagens desta hora acabaram"),
        text!(
            "452 4.5.3: too many recipients: the others in another message",
            "452 4.5.3: destinatários demais: os outros em outra mensagem"
        ),
        text!("538 5.7.11, 535 5.7.8: AUTH without TLS, or failed", "538 5.7.11, 535 5.7.8: AUTH sem TLS, ou falhou"),
    ]
}

fn doors(settings: &Settings) -> impl Iterator<Item = &Listener> {
    settings.listeners.iter().filter(|listener| listener.role == Role::Application)
}

/// For scripts, and for `application test` on another machine.
pub(super) fn as_json(application: &Application, settings: &Settings) -> serde_json::Value {
    let doors = doors(settings).map(|listener| json!({ "port": listener.address.port(), "tls": listener.tls.name() }));
    let mut sheet = super::as_json(application, today());
    if let Some(sheet) = sheet.as_object_mut() {
        sheet.insert("server".to_owned(), json!(settings.gateway.hostname));
        sheet.insert("listeners".to_owned(), doors.collect());
        sheet.insert("message_size".to_owned(), json!(settings.limits.message_size));
        sheet.insert("contact".to_owned(), json!(&*application.contact));
    }
    sheet
}
