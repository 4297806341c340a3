//! What a subject must hold for a pattern to match: the literals that go into the one automaton (decision 14).
//!
//! A pattern is tried only after one of its required literals was seen, so a mistake here would make rules sleep: when in
//! doubt, the answer is "nothing is required", which is slower and never wrong. `matching` has the test that compares both
//! ways over thousands of subjects.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::message::subject::Fold;

/// Shorter literals stand in too many subjects to be worth a look-up.
const MIN_LITERAL: usize = 3;

/// More alternatives than this are not worth their memory.
const MAX_ALTERNATIVES: usize = 32;

/// What a pattern requires: sets of literals. Of each set every subject that the pattern matches holds at least one; one set is
/// enough to look it up by, and which is taken is decided when all rules are known (`index`). None: nothing can be said.
pub(super) type Required = Vec<Vec<String>>;

/// From the runs of characters that all must be there, in each form of a pattern.
pub(super) fn of_runs(forms: &[Vec<String>]) -> Required {
    let mut sets = of_words(forms);
    sets.retain(|set| set.iter().all(|run| long_enough(run)));
    sets
}

/// From the words that all must be there, in each form of a pattern: a set for each, with one of each form. A word may be short.
pub(super) fn of_words(forms: &[Vec<String>]) -> Required {
    let Some((first, others)) = forms.split_first() else { return Vec::new() };
    if others.iter().all(|form| form.len() == first.len()) {
        let nth = |at: usize| forms.iter().filter_map(|form| form.get(at).cloned()).collect();
        return (0..first.len()).map(nth).collect();
    }
    // Folding made another number of them of one form: the longest of each.
    let longest = |form: &Vec<String>| form.iter().max_by_key(|run| run.chars().count()).cloned();
    forms.iter().map(longest).collect::<Option<Vec<_>>>().into_iter().collect()
}

/// From an expression over subjects folded with `fold`.
pub(super) fn of_hir(hir: &Hir, fold: &Fold) -> Required {
    let mut walk = Walk { fold, run: String::new(), found: Vec::new() };
    walk.visit(hir);
    walk.end_run();
    walk.found
}

/// Of several sets the one whose shortest literal is the longest.
fn best(sets: Required) -> Option<Vec<String>> {
    sets.into_iter().max_by_key(|set| worth(set))
}

/// Longer literals stand in fewer subjects, and fewer are found less often.
pub(super) fn worth(set: &[String]) -> (usize, std::cmp::Reverse<usize>) {
    (set.iter().map(String::len).min().unwrap_or(0), std::cmp::Reverse(set.len()))
}

fn long_enough(run: &str) -> bool {
    run.chars().count() >= MIN_LITERAL
}

struct Walk<'f> {
    fold: &'f Fold,
    /// The literal text right before the place reached.
    run: String,
    found: Required,
}

impl Walk<'_> {
    fn visit(&mut self, hir: &Hir) {
        match hir.kind() {
            // Look-arounds of width nothing do not part the text on their two sides.
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => self.run.push_str(text),
                Err(_) => self.end_run(),
            },
            HirKind::Class(class) => match self.only_member(class) {
                Some(c) => self.run.push(c),
                None => self.end_run(),
            },
            HirKind::Capture(capture) => self.visit(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.visit(part)),
            HirKind::Repetition(repetition) => {
                self.end_run();
                if repetition.min > 0 {
                    self.found.extend(of_hir(&repetition.sub, self.fold));
                }
            }
            HirKind::Alternation(branches) => {
                self.end_run();
                let sets = branches.iter().map(|branch| best(of_hir(branch, self.fold))).collect::<Option<Vec<_>>>();
                self.found.extend(sets.map(|sets| sets.concat()).filter(|set| set.len() <= MAX_ALTERNATIVES));
            }
        }
    }

    /// The one character of a class that a folded subject can hold: of `[Aa]` the small letter. A member that folding would
    /// change cannot stand in a folded subject; several that stay (`[Σσς]`) give no literal.
    fn only_member(&self, class: &Class) -> Option<char> {
        let Class::Unicode(class) = class else { return None };
        if class.ranges().iter().map(|range| range.len()).sum::<usize>() > 4 {
            return None;
        }
        let stays = |c: &char| self.fold.pattern(c.encode_utf8(&mut [0; 4])).chars().eq([*c]);
        let members = || class.ranges().iter().flat_map(|range| range.start()..=range.end());
        // White space and marks are folded by what stands beside them: nothing can be said of one alone.
        if !members().all(char::is_alphanumeric) {
            return None;
        }
        let mut staying = members().filter(stays);
        staying.next().filter(|_| staying.next().is_none())
    }

    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.found.extend(long_enough(&run).then(|| vec![run]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(pattern: &str, case: bool) -> Option<Vec<String>> {
        let fold = Fold { case, ..Fold::default() };
        let hir = regex_syntax::ParserBuilder::new().case_insensitive(case).build().parse(pattern).unwrap();
        best(of_hir(&hir, &fold))
    }

    #[test]
    fn the_longest_literal_that_must_be_there_is_known() {
        let rows: [(&str, Option<&[&str]>); 14] = [
            (r"\bpix\b.{0,20}\bdevolucao\b", Some(&["devolucao"])),
            ("PIX", Some(&["pix"])),
            ("bo+leto", Some(&["leto"])),
            ("(boleto)+", Some(&["boleto"])),
            ("(boleto)?", None),
            ("(boleto)*x", None),
            ("boleto|duplicata", Some(&["boleto", "duplicata"])),
            ("boleto|pi", None),
            ("(fatura|boleto) vencid[oa]", Some(&[" vencid"])),
            ("pi", None),
            (".*", None),
            ("^$", None),
            ("a[bc]d", None),
            ("boleto ?", Some(&["boleto"])),
        ];
        for (pattern, expected) in rows {
            let expected = expected.map(|set| set.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
            assert_eq!(required(pattern, true), expected, "{pattern}");
        }
    }

    /// Which of them is looked up depends on the other rules.
    #[test]
    fn every_literal_that_must_be_there_is_known() {
        let hir = |pattern: &str| regex_syntax::parse(pattern).unwrap();
        let sets = |pattern: &str| {
            let sets = of_hir(&hir(pattern), &Fold { case: false, ..Fold::default() });
            sets.iter().map(|set| set.join("|")).collect::<Vec<_>>()
        };
        assert_eq!(sets(r"\bpix\b.{0,20}\bdevolucao\b"), ["pix", "devolucao"]);
        assert_eq!(sets("boleto (fatura|conta)+ x? (ab|cde)vencida"), ["boleto ", "fatura|conta", "vencida"]);
        let runs = |forms: &[&[&str]]| {
            let forms: Vec<Vec<String>> =
                forms.iter().map(|form| form.iter().map(|&run| run.to_owned()).collect()).collect();
            of_runs(&forms).iter().map(|set| set.join("|")).collect::<Vec<_>>()
        };
        assert_eq!(runs(&[&["boleto", "zi", "anexo"]]), ["boleto", "anexo"]);
        assert_eq!(runs(&[&["воleto", "anexo"], &["boleto", "anexo"]]), ["воleto|boleto", "anexo|anexo"]);
        assert_eq!(runs(&[&["aaa", "bbbb"], &["ccccc"]]), ["bbbb|ccccc"]);
        assert!(runs(&[&["aa"], &["bbbb"]]).is_empty());
    }

    #[test]
    fn a_letter_that_may_stand_in_two_forms_gives_no_literal() {
        // `(?i)s` finds the long s too. NFKC makes an s of it; without NFKC it stays in the folded subject.
        let hir = regex_syntax::ParserBuilder::new().case_insensitive(true).build().parse("asa").unwrap();
        assert_eq!(of_hir(&hir, &Fold::default()), [["asa".to_owned()]]);
        assert!(of_hir(&hir, &Fold { compatibility: false, ..Fold::default() }).is_empty());
        // Without the case fold both forms of a letter stay.
        assert_eq!(required("(?i)pix", false), None);
        assert_eq!(required("PIX", false), Some(vec!["PIX".to_owned()]));
    }
}
