//! What the expressions of a set may take together when all are compiled.
//!
//! They are counted by their bounds, which cost nothing, as long as these fit. Then those so far are measured, and all that follow: no set
//! is refused for a bound that is generous.

use std::cell::{Cell, RefCell};

use regex_syntax::hir::Hir;

use super::{MAX_COMPILED, bound, lazy};

/// The sizes in which expressions are tried and counted: the library tells whether one fits, not how large it is.
const SIZES: [usize; 8] = [8 << 10, 16 << 10, 24 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, MAX_COMPILED];

/// What is left.
#[derive(Debug)]
pub(in crate::policy::rule) struct Room {
    left: Cell<usize>,
    /// Those that are counted by their bounds; none: all are measured.
    by_bound: RefCell<Option<Vec<Counted>>>,
}

#[derive(Debug)]
struct Counted {
    written: String,
    case: bool,
    size: usize,
}

/// Whether there is room for an expression.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fits {
    /// It compiles within so many octets.
    Within(usize),
    /// It is larger than one may be.
    TooLarge,
    /// The others have taken all room.
    NoRoom,
}

impl Room {
    /// So many octets.
    pub(in crate::policy::rule) fn new(octets: usize) -> Self {
        Self { left: Cell::new(octets), by_bound: RefCell::new(Some(Vec::new())) }
    }

    /// Takes what an expression needs. `case`: upper and lower case are the same.
    pub(super) fn take(&self, written: &str, case: bool, hir: &Hir) -> Fits {
        let bound = bound::of(hir);
        if let Some(size) = SIZES.into_iter().find(|size| *size >= bound) {
            if let (Some(counted), Some(left)) = (&mut *self.by_bound.borrow_mut(), self.left.get().checked_sub(size)) {
                counted.push(Counted { written: written.to_owned(), case, size });
                self.left.set(left);
                return Fits::Within(size);
            }
            self.measure_all();
        }
        self.measure(written, case)
    }

    /// In the smallest size that holds it. One that does not fit counts as well: finding that out takes time.
    fn measure(&self, written: &str, case: bool) -> Fits {
        for size in SIZES {
            let Some(left) = self.left.get().checked_sub(size) else { break };
            let fits = lazy::compile(written, case, size).is_some();
            if fits || size == MAX_COMPILED {
                self.left.set(left);
                return if fits { Fits::Within(size) } else { Fits::TooLarge };
            }
        }
        self.left.set(0);
        Fits::NoRoom
    }

    /// Gives back what the bounds said too much.
    fn measure_all(&self) {
        for counted in self.by_bound.take().unwrap_or_default() {
            let smaller = SIZES.into_iter().take_while(|size| *size < counted.size);
            let size = smaller.into_iter().find(|size| lazy::compile(&counted.written, counted.case, *size).is_some());
            let back = counted.size - size.unwrap_or(counted.size);
            self.left.set(self.left.get().saturating_add(back));
        }
    }
}
