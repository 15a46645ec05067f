//! What a panic says is said to nobody: a page has no standard error. Here a panic becomes a trap, which it ends in anyway, and
//! what only led to its words is taken out: the words, what formats them, and the instructions that gather them. The same
//! becomes of what wasm-bindgen throws where a program misuses it.
//!
//! The standard library is compiled ahead of time, with its panics in it; only a nightly toolchain can leave them out. So this
//! is done to the linked program. Nothing moves in it, so that its relocations stay true for the next tool:
//!
//! ```text
//!   rust_begin_unwind   ▶ unreachable
//!   a call of a function that does nothing but trap, what stands straight before it and all behind it in its block
//!                       ▶ unreachable nop nop …, again and again
//!   functions and data that nobody names any more
//!                       ▶ unreachable nop nop …, zeros
//! ```
//!
//! What stands straight before a trap is stores and sums of a program that is over; calls stay. The gaps go at last, when no tool
//! counts bytes any more ([`super::pack`]).

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context as _, Result};
use wasmparser::Operator;

use super::{
    linked::{Functions, Linked, Symbol, operators},
    used::Used,
};

/// The last function of a panic, by a part of its mangled name.
const PANIC: &str = "rust_begin_unwind";
/// Others that are only there to say something before a panic or in one, and the way into what no program here does.
const OTHERS: [&str; 4] =
    ["panic_with_hook", "slice_error_fail_rt", "console_error_panic_hook4hook", "__wbg_jspi_task_poll"];

const UNREACHABLE: u8 = 0x00;
const NOP: u8 = 0x01;
const END: u8 = 0x0b;

/// A program that was linked with its relocations, whose panics trap.
pub(crate) fn without_words(wasm: &[u8]) -> Result<Vec<u8>> {
    let linked = Linked::read(wasm)?;
    let mut program = Program { wasm: wasm.to_vec(), gone: vec![false; wasm.len()] };
    program.set_traps(&linked)?;
    program.take_out_unused(&linked)?;
    linked.without_relocations(&program.wasm, |place| program.gone[place.start])
}

/// A program that is worked on.
struct Program {
    wasm: Vec<u8>,
    /// Of each byte, whether it was taken out.
    gone: Vec<bool>,
}

impl Program {
    /// Lets panics trap, and all that then does nothing else.
    fn set_traps(&mut self, linked: &Linked) -> Result<()> {
        let mut callers = BTreeMap::<usize, Functions>::new();
        let mut traps = Functions::new();
        for (n, body) in linked.bodies.iter().enumerate() {
            let number = linked.imported + n;
            let all = operators(&self.wasm, body)?;
            if only_traps(&all) {
                traps.insert(number);
            }
            for (op, _) in all {
                if let Operator::Call { function_index } = op {
                    callers.entry(function_index as usize).or_default().insert(number);
                }
            }
        }
        let named = |part: &str| {
            let is_it = |symbol: &Symbol| match symbol {
                Symbol::Function { number, name, .. } if name.contains(part) => Some(*number),
                _ => None,
            };
            linked.symbols.iter().find_map(is_it)
        };
        let panic = named(PANIC).with_context(|| format!("the program has no {PANIC}"))?;
        for panic in OTHERS.iter().filter_map(|part| named(part)).chain([panic]) {
            self.empty(linked.body(panic).context("its panics end outside of it")?);
            traps.insert(panic);
        }
        traps.extend(&linked.ending);

        let mut new: Vec<_> = traps.iter().copied().collect();
        while let Some(trap) = new.pop() {
            for &caller in callers.get(&trap).into_iter().flatten() {
                let Some(body) = linked.body(caller).filter(|_| !traps.contains(&caller)) else { continue };
                for stretch in trapping(&operators(&self.wasm, body)?, &traps) {
                    self.wasm[stretch.clone()].fill(NOP);
                    self.wasm[stretch.start] = UNREACHABLE;
                    self.gone[stretch].fill(true);
                }
                if only_traps(&operators(&self.wasm, body)?) {
                    traps.insert(caller);
                    new.push(caller);
                }
            }
        }
        Ok(())
    }

    /// Takes out functions and data that nothing names which is left.
    fn take_out_unused(&mut self, linked: &Linked) -> Result<()> {
        let used = Used::of(linked, &self.wasm, &self.gone)?;
        for (n, body) in linked.bodies.iter().enumerate() {
            if !used.functions.contains(&(linked.imported + n)) {
                self.empty(body);
            }
        }
        // Several symbols may share their bytes.
        let mut kept = vec![false; self.wasm.len()];
        let data = || {
            linked.symbols.iter().zip(&used.symbols).filter_map(|(symbol, is_used)| match symbol {
                Symbol::Data { range, .. } => Some((range.clone(), *is_used)),
                _ => None,
            })
        };
        data().filter(|(_, is_used)| *is_used).for_each(|(range, _)| kept[range].fill(true));
        for at in data().flat_map(|(range, _)| range).filter(|&at| !kept[at]) {
            (self.wasm[at], self.gone[at]) = (0, true);
        }
        Ok(())
    }

    /// Makes a trap of a body, which keeps its length.
    fn empty(&mut self, body: &Range<usize>) {
        if let [locals, first, rest @ .., last] = &mut self.wasm[body.clone()] {
            (*locals, *first, *last) = (0, UNREACHABLE, END);
            rest.fill(NOP);
            self.gone[body.clone()].fill(true);
        }
    }
}

fn begins_with_trap(all: &[(Operator<'_>, Range<usize>)]) -> bool {
    let first = all.iter().find(|(op, _)| !matches!(op, Operator::Nop));
    matches!(first, Some((Operator::Unreachable, _)))
}

/// Whether a body does nothing but trap, wherever its branches lead.
fn only_traps(all: &[(Operator<'_>, Range<usize>)]) -> bool {
    if begins_with_trap(all) {
        return true;
    }
    let mut depth = 0;
    let never_leaves = all.iter().all(|(op, _)| match op {
        Operator::Block { .. } | Operator::If { .. } => {
            depth += 1;
            true
        }
        Operator::End => {
            depth -= 1;
            true
        }
        Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
            (*relative_depth as i32) < depth
        }
        Operator::Else | Operator::Unreachable => true,
        other => is_straight(other),
    });
    let last = all.iter().rev().skip(1).find(|(op, _)| !matches!(op, Operator::Nop));
    never_leaves && matches!(last, Some((Operator::Unreachable, _)))
}

/// The stretches of a body that do nothing but trap: each ends with its block, or at another.
fn trapping(all: &[(Operator<'_>, Range<usize>)], traps: &Functions) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut done = 0;
    for (n, (op, place)) in all.iter().enumerate() {
        let Operator::Call { function_index } = op else { continue };
        if n < done || !traps.contains(&(*function_index as usize)) {
            continue;
        }
        let before = all[done..n].iter().rev().take_while(|(op, _)| is_straight(op)).count();
        let mut depth = 0;
        let behind = all[n + 1..].iter().position(|(op, _)| {
            match op {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End | Operator::Else if depth == 0 => return true,
                Operator::End => depth -= 1,
                _ => {}
            }
            false
        });
        // A body ends with `end`.
        done = n + 1 + behind.unwrap_or_default();
        found.push(all[n - before].1.start..all.get(done).map_or(place.end, |(_, end)| end.start));
    }
    found
}

/// Whether an instruction goes on to the next, and does nothing that anybody notices after a trap.
const fn is_straight(op: &Operator<'_>) -> bool {
    use Operator as O;
    !matches!(
        op,
        O::Block { .. }
            | O::Loop { .. }
            | O::If { .. }
            | O::Else
            | O::End
            | O::Br { .. }
            | O::BrIf { .. }
            | O::BrTable { .. }
            | O::Return
            | O::Unreachable
            | O::Call { .. }
            | O::CallIndirect { .. }
            | O::CallRef { .. }
            | O::ReturnCall { .. }
            | O::ReturnCallIndirect { .. }
            | O::ReturnCallRef { .. }
            | O::TryTable { .. }
            | O::Throw { .. }
            | O::ThrowRef
            | O::MemoryGrow { .. }
            | O::TableGrow { .. }
    )
}

#[cfg(test)]
mod tests;
