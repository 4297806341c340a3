//! A rule file: TOML into rules as they are written. Shapes, names and dates are checked here; what patterns mean is not
//! known here (`compile`).

use std::ops::Range;

use ipnet::IpNet;

use super::{
    Action, Mode, Scope, code,
    dates::{self, Date, DayEnd},
    except::ExceptLine,
};
use crate::{
    document::{Code, Document, Found, Table},
    message::subject::Fold,
    text,
};

/// A `[[rule]]`. What could not be read of an unsound one is empty; its patterns are looked at all the same, so that whoever mends it
/// hears of all its faults at once.
pub(super) struct WrittenRule {
    /// Without a fault of shape: it may act, and its examples say something of it.
    pub sound: bool,
    /// Where it begins.
    pub span: Range<usize>,
    /// Unique over all files.
    pub id: Found<String>,
    pub description: String,
    pub mode: Mode,
    pub scope: Vec<Scope>,
    pub starts: Option<Date>,
    pub expires: Option<Date>,
    pub fold: Fold,
    pub blocks: Vec<WrittenBlock>,
    pub except: WrittenExcept,
    pub action: Action,
    pub reply: Option<Found<String>>,
    pub examples: Vec<WrittenExample>,
}

/// A `[[rule.match]]`.
pub(super) struct WrittenBlock {
    /// Without a fault of shape: nothing that it says was left out.
    pub sound: bool,
    pub span: Range<usize>,
    pub all_words: Vec<Found<String>>,
    pub any_words: Vec<Found<String>>,
    pub phrase: Option<Found<String>>,
    pub wildcard: Option<Found<String>>,
    pub regex: Option<Found<String>>,
}

/// `[rule.except]`.
#[derive(Default)]
pub(super) struct WrittenExcept {
    pub span: Range<usize>,
    pub sender: Vec<Found<String>>,
    pub recipient: Vec<Found<String>>,
    pub words: Vec<Found<String>>,
    pub list: Vec<Found<String>>,
    pub networks: Vec<Found<IpNet>>,
}

impl WrittenExcept {
    /// Where the first entry of `line` stands.
    pub(super) fn span_of(&self, line: ExceptLine) -> Range<usize> {
        let entries = match line {
            ExceptLine::Sender => &self.sender,
            ExceptLine::Recipient => &self.recipient,
            ExceptLine::Words => &self.words,
            ExceptLine::List => &self.list,
            ExceptLine::Networks => return self.networks.first().map_or(self.span.clone(), |entry| entry.span.clone()),
        };
        entries.first().map_or(self.span.clone(), |entry| entry.span.clone())
    }
}

/// What an example says must happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Match,
    NoMatch,
}

/// A `[[rule.example]]`.
pub(super) struct WrittenExample {
    pub subject: Found<String>,
    pub expect: Expect,
    pub sender: Option<Found<String>>,
    pub recipient: Option<Found<String>>,
    pub list: Option<Found<String>>,
    pub client: Option<Found<String>>,
}

/// Every rule of a file, the unsound ones too: their faults are in the document.
pub(super) fn read(document: &Document<'_>) -> Vec<WrittenRule> {
    let Some(root) = document.root() else { return Vec::new() };
    let rules = root.tables("rule").into_iter().map(rule).collect();
    root.finish();
    rules
}

fn rule(table: Table<'_, '_>) -> WrittenRule {
    let before = table.document().errors();
    let id = id(&table);
    let description = not_empty(&table, "description");
    for key in ["owner", "ticket"] {
        not_empty(&table, key);
    }
    let mode =
        required_choice(&table, "mode", &[("off", Mode::Off), ("observe", Mode::Observe), ("enforce", Mode::Enforce)]);
    let starts = dates::read(&table, "starts", DayEnd::First);
    let expires = dates::read(&table, "expires", DayEnd::Last);
    dates::check_order(table.document(), starts.as_ref(), expires.as_ref());
    let scope = scope(&table);
    let errors = table.document().errors();
    let fold = table.table("fold").map_or_else(Fold::default, fold);
    let fold_is_sound = table.document().errors() == errors;
    let mut blocks = table.tables("match").into_iter().map(block).collect::<Vec<_>>();
    let mut except = table.table("except").map_or_else(WrittenExcept::default, except);
    let action = action(&table);
    let examples = table.tables("example").into_iter().filter_map(example).collect();
    if blocks.is_empty() && !table.has("match") {
        let help = text!(
            "begin one with [[rule.match]], such as all_words = [\"boleto\"]",
            "comece um com [[rule.match]], por exemplo all_words = [\"boleto\"]"
        );
        let what = text!("the rule has no match block", "a regra não tem bloco de match");
        table.document().fault_as(code::NOTHING, table.span(), what, Some(help));
    }
    if matches!(action, Some((Some(Action::Reject), _))) {
        dates::check_of_reject(&table, starts.as_ref(), expires.as_ref());
    }
    let (span, document) = (table.span(), table.document());
    table.finish();
    if !fold_is_sound {
        // What a pattern becomes, and so whether it is in order, depends on the fold that was meant.
        blocks.clear();
        except = WrittenExcept::default();
    }
    let (action, reply) = action.unwrap_or_default();
    WrittenRule {
        // An error counts even if nothing is missing for it.
        sound: document.errors() == before,
        id: id.unwrap_or_else(|| Found { value: String::new(), span: span.clone() }),
        span,
        description: description.unwrap_or_default(),
        mode: mode.unwrap_or(Mode::Off),
        scope,
        starts,
        expires,
        fold,
        blocks,
        except,
        action: action.unwrap_or(Action::Observe),
        reply,
        examples,
    }
}

/// An id stands in replies, header fields, file names and commands.
fn id(table: &Table<'_, '_>) -> Option<Found<String>> {
    let help = || Some(text!("such as id = \"S3B-2026-0042\"", "por exemplo id = \"S3B-2026-0042\""));
    if !table.has("id") {
        let what = text!("`id` is missing here", "falta `id` aqui");
        table.document().fault_as(code::ID, table.span(), what, help());
    }
    let id = table.optional::<String>("id")?;
    table.document().begin(table.span().start, &id.value);
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if id.value.is_empty() || id.value.len() > 64 || !id.value.chars().all(plain) {
        let what = text!(
            "an id has 1 to 64 letters without accents, digits, `-`, `_` and `.`",
            "um id tem de 1 a 64 letras sem acento, algarismos, `-`, `_` e `.`"
        );
        table.document().fault_as(code::ID, id.span.clone(), what, help());
    }
    Some(id)
}

fn not_empty(table: &Table<'_, '_>, key: &'static str) -> Option<String> {
    let found = table.required::<String>(key)?;
    if found.value.trim().is_empty() {
        let what = text!("`{key}` is empty", "`{key}` está vazio");
        table.document().fault_as(Code::MISSING, found.span, what, None);
    }
    Some(found.value)
}

/// As [`Table::choice`], but the key must be there: what a rule does is never left to a default.
fn required_choice<T: Copy>(table: &Table<'_, '_>, key: &'static str, names: &[(&'static str, T)]) -> Option<T> {
    if !table.has(key) {
        table.required::<String>(key)?;
    }
    let first = names.first()?.1;
    Some(table.choice(key, names, first))
}

fn scope(table: &Table<'_, '_>) -> Vec<Scope> {
    let names = [("relay", Scope::Relay), ("application", Scope::Application), ("submission", Scope::Submission)];
    let all = || names.map(|(_, scope)| scope).to_vec();
    if !table.has("scope") {
        return all();
    }
    let before = table.document().errors();
    let mut scopes = Vec::new();
    for found in table.list::<String>("scope") {
        match names.iter().find(|(name, _)| *name == found.value) {
            Some((_, scope)) => scopes.push(*scope),
            None => {
                let written = &found.value;
                let what = text!(
                    "a scope is relay, application or submission, not `{written}`",
                    "scope é relay, application ou submission, não `{written}`"
                );
                table.document().fault_as(Code::VALUE, found.span.clone(), what, None);
            }
        }
    }
    if scopes.is_empty() && table.document().errors() == before {
        let help = text!("leave the key out for all doors", "para todas as portas, omita a chave");
        let what = text!("`scope` is empty: the rule would never act", "`scope` está vazio: a regra nunca agiria");
        table.document().fault_as(Code::VALUE, table.span_of("scope"), what, Some(help));
    }
    scopes
}

fn fold(table: Table<'_, '_>) -> Fold {
    let default = Fold::default();
    let fold = Fold {
        case: table.or("case", default.case),
        accents: table.or("accents", default.accents),
        compatibility: table.or("compatibility", default.compatibility),
        invisible: table.or("invisible", default.invisible),
        lookalikes: table.or("lookalikes", default.lookalikes),
        spaces: table.or("spaces", default.spaces),
        digits: table.or("digits", default.digits),
        prefixes: if table.has("prefixes") { prefixes(&table) } else { default.prefixes },
    };
    table.finish();
    fold
}

fn prefixes(table: &Table<'_, '_>) -> Vec<String> {
    let found = table.list::<String>("prefixes");
    for prefix in found.iter().filter(|prefix| prefix.value.trim().is_empty()) {
        let what = text!("an empty prefix", "um prefixo vazio");
        table.document().fault_as(Code::VALUE, prefix.span.clone(), what, None);
    }
    found.into_iter().map(|prefix| prefix.value).collect()
}

fn block(table: Table<'_, '_>) -> WrittenBlock {
    let before = table.document().errors();
    let mut block = WrittenBlock {
        sound: true,
        span: table.span(),
        all_words: table.list("all_words"),
        any_words: table.list("any_words"),
        phrase: table.optional("phrase"),
        wildcard: table.optional("wildcard"),
        regex: table.optional("regex"),
    };
    for (key, words) in [("all_words", &block.all_words), ("any_words", &block.any_words)] {
        if table.has(key) && words.is_empty() && table.document().errors() == before {
            let what = text!("`{key}` has no word in it", "`{key}` não tem nenhuma palavra");
            table.document().fault_as(code::NOTHING, table.span_of(key), what, None);
        }
    }
    let keys = ["all_words", "any_words", "phrase", "wildcard", "regex"];
    if !keys.iter().any(|key| table.has(key)) {
        let listed = keys.join(", ");
        table.document().fault_as(
            code::NOTHING,
            table.span(),
            text!("the match block is empty", "o bloco de match está vazio"),
            Some(text!("it takes {listed}", "ele aceita {listed}")),
        );
    }
    let document = table.document();
    table.finish();
    block.sound = document.errors() == before;
    block
}

fn except(table: Table<'_, '_>) -> WrittenExcept {
    let except = WrittenExcept {
        span: table.span(),
        sender: table.list("sender"),
        recipient: table.list("recipient"),
        words: table.list("words"),
        list: table.list("list"),
        networks: table.list("networks"),
    };
    table.finish();
    except
}

/// None: it has none; its kind is none when it cannot be read, and then its reply counts all the same.
fn action(rule: &Table<'_, '_>) -> Option<(Option<Action>, Option<Found<String>>)> {
    if !rule.has("action") {
        rule.document().fault_as(
            Code::MISSING,
            rule.span(),
            text!("`action` is missing here", "falta `action` aqui"),
            Some(text!(
                "begin it with [rule.action]; kind = observe | tag | quarantine | reject",
                "comece com [rule.action]; kind = observe | tag | quarantine | reject"
            )),
        );
    }
    let table = rule.table("action")?;
    let kinds = [
        ("observe", Action::Observe),
        ("tag", Action::Tag),
        ("quarantine", Action::Quarantine),
        ("reject", Action::Reject),
    ];
    let kind = required_choice(&table, "kind", &kinds);
    let reply = table.optional::<String>("reply");
    if let (Some(Action::Observe | Action::Tag), Some(reply)) = (kind, &reply) {
        table.document().advise(
            code::REPLY,
            reply.span.clone(),
            text!("this reply is never said: the mail is relayed", "esta resposta nunca é dada: a mensagem segue"),
            None,
        );
    }
    table.finish();
    Some((kind, reply))
}

fn example(table: Table<'_, '_>) -> Option<WrittenExample> {
    let expect = required_choice(&table, "expect", &[("match", Expect::Match), ("no match", Expect::NoMatch)]);
    let subject = table.required("subject");
    let (sender, recipient) = (table.optional("sender"), table.optional("recipient"));
    let (list, client) = (table.optional("list"), table.optional("client"));
    table.finish();
    Some(WrittenExample { subject: subject?, expect: expect?, sender, recipient, list, client })
}
