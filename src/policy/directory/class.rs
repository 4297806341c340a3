//! Which addresses a class of mailboxes has to have (`rules/classes.toml`, clauses 8.1.1 to 8.1.3).
//!
//! In: the file's text and the served domains. Out: what is asked of each class. No message is decided by it: it is what
//! `portaria directory check` holds the directory against. Without the file every mailbox is to have an address in each name of
//! its domain, and the primary one in the domain's own name.

use std::path::Path;

use super::{Directory, fold::compared_local};
use crate::{
    document::{Document, Faults, Found, Table, nearest},
    text,
};

/// What it is called in the rules folder.
pub const FILE: &str = "classes.toml";

/// One `[[class]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// As written.
    pub name: String,
    /// Its mailboxes have an address in each of these, as written.
    pub domains: Vec<String>,
    /// The primary one is in this, one of `domains`; none: nobody has decided (open points Q1 and Q2).
    pub primary: Option<String>,
}

/// All classes.
#[derive(Clone, Debug, Default)]
pub struct Classes(Vec<Class>);

impl Classes {
    /// Reads the table of classes.
    pub fn read(file: &Path, source: &str, directory: &Directory) -> (Self, Faults) {
        let document = Document::parse(file, source);
        let mut classes = Self::default();
        if let Some(root) = document.root() {
            for table in root.tables("class") {
                let Some((span, class)) = read_class(table, directory) else { continue };
                if classes.named(&class.name).is_some() {
                    let name = &class.name;
                    let what = text!("the class `{name}` stands twice", "a classe `{name}` aparece duas vezes");
                    document.fault(span, what, None);
                }
                classes.0.push(class);
            }
            root.finish();
        }
        (classes, document.into_faults())
    }

    /// The class of this name, compared as local parts are.
    pub fn named(&self, name: &str) -> Option<&Class> {
        self.0.iter().find(|class| compared_local(&class.name) == compared_local(name))
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> &[Class] {
        &self.0
    }
}

fn read_class(table: Table<'_, '_>, directory: &Directory) -> Option<(std::ops::Range<usize>, Class)> {
    let name = table.required::<String>("name");
    let domains = table.list::<String>("domains");
    if table.is_empty("domains") {
        let what = text!("`domains` is missing here, or is empty", "`domains` falta aqui, ou está vazio");
        table.document().fault(table.span_of("domains"), what, None);
    }
    let primary = table.optional::<String>("primary");
    for domain in domains.iter().chain(&primary) {
        is_served(&table, domain, directory);
    }
    if let Some(primary) = &primary {
        let is_one =
            |domain: &Found<String>| super::compared_domain(&domain.value) == super::compared_domain(&primary.value);
        if !domains.iter().any(is_one) {
            let what = text!("`primary` is not one of `domains`", "`primary` não é um dos `domains`");
            table.document().fault(primary.span.clone(), what, None);
        }
    }
    table.finish();
    let name = name?;
    let domains = domains.into_iter().map(|domain| domain.value).collect();
    Some((name.span, Class { name: name.value, domains, primary: primary.map(|domain| domain.value) }))
}

fn is_served(table: &Table<'_, '_>, domain: &Found<String>, directory: &Directory) {
    if directory.domain_named(&domain.value).is_none() {
        let name = &domain.value;
        let near = nearest(name, directory.by_name.keys().map(String::as_str));
        let help = near.map(|near| text!("did you mean `{near}`?", "você quis dizer `{near}`?"));
        let what = text!("the domain {name} is not served here", "o domínio {name} não é atendido aqui");
        table.document().fault(domain.span.clone(), what, help);
    }
}
