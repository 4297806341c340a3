//! A long file of `[[name]]` tables, one table at a time.
//!
//! In: the text. Out: its tables, each parsed when it is its turn. A parsed table takes twenty times its text: of a list of 100,000 entries that is
//! 150 MiB, which the process keeps long after it gave them up; of one entry it is nothing.
//!
//! The text is cut at each line that is `[[name]]` and nothing else. If every part stands for itself (it is TOML, and it is one table of that name), then
//! so does the whole, and says the same. If one does not, there is something in the file that is read differently, or wrong: the caller then
//! reads it whole ([`Document::parse`]), and has its faults told in the words that whole files have.

use std::cell::RefCell;

use toml::{Spanned, de::DeTable};

use super::{Document, Table};

/// One table, parsed by itself.
pub struct Part<'d> {
    name: &'static str,
    root: Spanned<DeTable<'d>>,
    /// Where it begins in the file.
    offset: usize,
}

/// A part does not stand for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotInParts;

impl<'d> Document<'d> {
    /// The tables `[[name]]` of a file that has no others.
    pub fn parts(&self, name: &'static str) -> impl Iterator<Item = Result<Part<'d>, NotInParts>> + use<'d> {
        let source = self.source();
        let mut heads = heads(source, name).peekable();
        let before = source.get(..heads.peek().copied().unwrap_or(source.len())).unwrap_or_default();
        let before = DeTable::parse_recoverable(before);
        // Comments at most.
        let is_clear = before.1.is_empty() && before.0.get_ref().is_empty();
        let parts = std::iter::from_fn(move || {
            let offset = heads.next()?;
            let end = heads.peek().copied().unwrap_or(source.len());
            Some(Part::read(name, source.get(offset..end).unwrap_or_default(), offset))
        });
        (!is_clear).then_some(Err(NotInParts)).into_iter().chain(parts)
    }
}

impl<'d> Part<'d> {
    fn read(name: &'static str, text: &'d str, offset: usize) -> Result<Self, NotInParts> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let part = Self { name, root, offset };
        if errors.is_empty() && part.root.get_ref().len() == 1 && part.only().is_some() {
            Ok(part)
        } else {
            Err(NotInParts)
        }
    }

    /// The table, as the whole `document` would have it.
    pub fn table<'r>(&'r self, document: &'r Document<'d>) -> Option<Table<'r, 'd>> {
        let (table, span) = self.only()?;
        let (start, end) = (span.start.saturating_add(self.offset), span.end.saturating_add(self.offset));
        Some(Table { document, table, span: start..end, offset: self.offset, asked: RefCell::default() })
    }

    fn only(&self) -> Option<(&DeTable<'d>, std::ops::Range<usize>)> {
        let array = self.root.get_ref().get(self.name)?.get_ref().as_array()?;
        let only = array.first().filter(|_| array.len() == 1)?;
        Some((only.get_ref().as_table()?, only.span()))
    }
}

/// Where the lines begin that are `[[name]]`, white space and all.
fn heads<'d>(source: &'d str, name: &'static str) -> impl Iterator<Item = usize> + use<'d> {
    let is_head =
        move |line: &str| line.trim().strip_prefix("[[").and_then(|line| line.strip_suffix("]]")) == Some(name);
    let mut at = 0_usize;
    source.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at = at.saturating_add(line.len());
        is_head(line).then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and their places, by parts; none: not in parts.
    fn by_parts(source: &str) -> Option<Vec<(String, usize, usize)>> {
        let document = Document::of_text("a.toml", source);
        let read = |part: Result<Part<'_>, NotInParts>| {
            let part = part.ok()?;
            Some(named(&part.table(&document)?))
        };
        document.parts("a").map(read).collect()
    }

    fn whole(source: &str) -> Option<Vec<(String, usize, usize)>> {
        let document = Document::parse("a.toml", source);
        let root = document.root()?;
        Some(root.tables("a").iter().map(named).collect())
    }

    fn named(table: &Table<'_, '_>) -> (String, usize, usize) {
        let name = table.optional::<String>("n").unwrap();
        (name.value, name.span.start, table.span().start)
    }

    #[test]
    fn parts_are_what_the_whole_has_at_the_same_places() {
        for source in [
            "",
            "# nothing\n\n",
            "[[a]]\nn = \"1\"",
            "# head\r\n[[a]]\r\nn = \"1\"\r\n\r\n  [[a]]  \r\nn = \"2\"\r\n",
            "[[a]]\nn = \"ç\" # [[a]]\n[[a]]\nn = \"2\"\nm = [\n[[1]],\n]\n",
            "[[a]]\nn = \"1\"\n[a.b]\nc = 1\n[[a.d]]\n[[a]]\nn = \"2\"\n",
        ] {
            assert_eq!(by_parts(source), whole(source), "{source:?}");
            assert!(by_parts(source).is_some(), "{source:?}");
        }
    }

    #[test]
    fn what_does_not_stand_for_itself_is_not_read_in_parts() {
        for source in [
            "a = []\n[[a]]\nn = \"1\"\n",
            "b = 1\n[[a]]\nn = \"1\"\n",
            "[[a]]\nn = \"1\"\n[b]\nc = 1\n",
            "[[a]]\nn = \"1\"\n[[ a ]]\nn = \"2\"\n",
            "[[a]]\nn = \"\"\"1\n[[a]]\n\"\"\"\n",
            "[[a]]\nn = '''1\n[[a]]\nn = '''\n",
            "[[a]]\nn = \"1\"\nn = \"2\"\n",
            "[[a]]\nn = \n",
            "= 1\n[[a]]\nn = \"1\"\n",
        ] {
            assert_eq!(by_parts(source), None, "{source:?}");
        }
    }
}
