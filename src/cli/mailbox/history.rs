//! Who blocked and unblocked a mailbox, when, why, on whose request: from the trail; and what the file says now, which somebody may have
//! written by hand.

use serde_json::json;

use super::{Ground, refused, shown, style};
use crate::{
    audit::{Entry, Stored, word},
    cli::{
        Common, Exit,
        escape::escape,
        rendering::{Style, json_line},
        show,
        table::Table,
    },
    door::gateway::now,
    language::Text,
    policy::{blocked_mailbox::Block, directory::MailboxKey},
    record::audit::Action,
    text,
};

pub fn history(common: &mut Common, written: &str) -> Exit {
    let Some(ground) = Ground::new(common) else { return Exit::Faults };
    let style = style(common, &ground);
    let meant = ground.meant(written);
    let list = match ground.written() {
        Ok(list) => list,
        Err(fault) => return refused(common, &fault),
    };
    let (entries, flaws) = match trail(&ground, written, &meant) {
        Ok(found) => found,
        Err(what) => {
            eprintln!("{}", escape(what.in_language(common.language)));
            return Exit::Faults;
        }
    };
    let standing: Vec<Block> =
        list.entries().filter(|block| block.mailboxes.iter().any(|key| meant.contains(key))).collect();
    let standing: Vec<&Block> = standing.iter().collect();
    let by_hand: Vec<&Block> = standing.iter().copied().filter(|block| !is_told(block, &entries)).collect();
    if style.json {
        let now_written = shown::entries(&standing, &ground.directory, now().wall, &style);
        let done: String = entries.iter().map(|entry| json_line(&json!({ "kind": "done", "entry": entry }))).collect();
        return show(&(done + &now_written), u8::from(flaws > 0));
    }
    let mut out = if entries.is_empty() {
        style.say(&text!("the audit trail does not know it", "a trilha de auditoria não a conhece")).to_owned() + "\n"
    } else {
        table(&entries, &style)
    };
    out.push_str(style.say(&text!("\nIn the file now:\n", "\nNo arquivo agora:\n")));
    out.push_str(&shown::entries(&standing, &ground.directory, now().wall, &style));
    for block in by_hand {
        let ticket = escape(&block.ticket);
        let told = text!("{ticket}: written by hand", "{ticket}: escrito à mão");
        out.push_str(style.say(&told));
        out.push('\n');
    }
    let exit = show(&out, u8::from(flaws > 0));
    if flaws > 0 {
        let what = text!(
            "the trail is damaged in {flaws} places: `portaria audit verify` names them",
            "a trilha está danificada em {flaws} lugares: `portaria audit verify` diz quais"
        );
        eprintln!("{}", style.say(&what));
    }
    exit
}

/// What was done to these mailboxes, and how many flaws the trail has. A trail that is not there has neither.
fn trail(ground: &Ground, written: &str, meant: &[MailboxKey]) -> Result<(Vec<Entry>, usize), Text> {
    let unreadable =
        |fault: String| text!("the audit trail cannot be read: {fault}", "não é possível ler a trilha: {fault}");
    let stored = Stored::open(&ground.settings.gateway.data_dir).map_err(|fault| unreadable(fault.to_string()))?;
    let Some(mut stored) = stored else { return Ok((Vec::new(), 0)) };
    let (mut entries, mut flaws) = (Vec::new(), 0_usize);
    while let Some(step) = stored.next_step().map_err(|fault| unreadable(fault.to_string()))? {
        flaws = flaws.saturating_add(step.flaws.len());
        entries.extend(step.entry.filter(|entry| is_about(entry, written, meant)));
    }
    flaws = flaws.saturating_add(stored.finish().flaws.len());
    Ok((entries, flaws))
}

fn is_about(entry: &Entry, written: &str, meant: &[MailboxKey]) -> bool {
    let is_ours = [Action::MailboxBlocked, Action::MailboxUnblocked].iter().any(|action| word(*action) == entry.action);
    // As the directory was then; and as it was typed then, should the directory have forgotten it.
    let mailboxes = entry.detail.get("mailboxes").map(String::as_str).unwrap_or_default();
    let is_meant = mailboxes.split(", ").any(|name| meant.iter().any(|key| key.0 == name));
    is_ours && (is_meant || entry.object.eq_ignore_ascii_case(written))
}

/// Whether the trail has an entry that wrote this one.
fn is_told(block: &Block, entries: &[Entry]) -> bool {
    let wrote = |entry: &Entry| {
        entry.action == word(Action::MailboxBlocked) && entry.detail.get("ticket") == Some(&block.ticket)
    };
    entries.iter().any(wrote)
}

fn table(entries: &[Entry], style: &Style) -> String {
    let say = |text: Text| style.say(&text).to_owned();
    let mut table = Table::new([
        say(text!("time", "hora")),
        say(text!("who", "quem")),
        say(text!("what", "o quê")),
        say(text!("direction", "sentido")),
        say(text!("until", "até")),
        say(text!("ticket", "chamado")),
        say(text!("reason", "motivo")),
    ]);
    for entry in entries {
        let detail = |key: &str| entry.detail.get(key).map(|value| escape(value)).unwrap_or_default();
        let what = match (entry.action == word(Action::MailboxBlocked), entry.detail.get("outcome")) {
            (_, Some(outcome)) => escape(outcome),
            (true, None) => say(text!("blocked", "bloqueou")),
            (false, None) => say(text!("unblocked", "desbloqueou")),
        };
        let who = entry.person.as_ref().unwrap_or(&entry.account);
        table.row([
            style.time(entry.at),
            escape(who),
            what,
            detail("direction"),
            detail("expires"),
            detail("ticket"),
            detail("reason"),
        ]);
    }
    table.render()
}
