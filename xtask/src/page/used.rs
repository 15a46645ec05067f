//! What of a linked program is used: functions and data that are named, from what is called from outside on.

use std::ops::Range;

use anyhow::Result;
use wasmparser::Operator;

use super::linked::{Functions, Linked, Symbol, operators};

/// What is named, from what is called from outside on.
pub(super) struct Used {
    pub(super) functions: Functions,
    /// Of each symbol, whether it is.
    pub(super) symbols: Vec<bool>,
}

impl Used {
    /// `gone` says of each byte whether it counts no more.
    pub(super) fn of(linked: &Linked, wasm: &[u8], gone: &[bool]) -> Result<Self> {
        let mut used = Self { functions: Functions::new(), symbols: vec![false; linked.symbols.len()] };
        let mut functions: Vec<_> = linked.exported.iter().copied().collect();
        let mut symbols = Vec::new();
        let mut owned = vec![false; wasm.len()];
        for (n, symbol) in linked.symbols.iter().enumerate() {
            match symbol {
                Symbol::Function { number, is_kept: true, .. } => functions.push(*number),
                Symbol::Data { range, is_kept } => {
                    owned[range.clone()].fill(true);
                    if *is_kept {
                        symbols.push(n);
                    }
                }
                Symbol::Function { .. } | Symbol::Other => {}
            }
        }
        // Data without a name may be used by anybody.
        let code = linked.bodies.first().map_or(0, |body| body.start)
            ..linked.bodies.last().map_or(0, |body| body.end);
        let nameless =
            linked.relocations.iter().filter(|r| !code.contains(&r.place.start) && !owned[r.place.start]);
        symbols.extend(nameless.filter(|r| r.is_address).map(|r| r.symbol));

        while let Some(range) = used.next(linked, &mut functions, &mut symbols) {
            let places = linked.relocations_in(&range).iter();
            symbols.extend(places.filter(|r| r.is_address && !gone[r.place.start]).map(|r| r.symbol));
            if code.contains(&range.start) {
                for (op, _) in operators(wasm, &range)? {
                    if let Operator::Call { function_index }
                    | Operator::RefFunc { function_index }
                    | Operator::ReturnCall { function_index } = op
                    {
                        functions.push(function_index as usize);
                    }
                }
            }
        }
        Ok(used)
    }

    /// The next thing that was not looked at yet.
    fn next(
        &mut self,
        linked: &Linked,
        functions: &mut Vec<usize>,
        symbols: &mut Vec<usize>,
    ) -> Option<Range<usize>> {
        loop {
            if let Some(number) = functions.pop() {
                if self.functions.insert(number)
                    && let Some(body) = linked.body(number)
                {
                    return Some(body.clone());
                }
                continue;
            }
            let symbol = symbols.pop()?;
            if std::mem::replace(self.symbols.get_mut(symbol)?, true) {
                continue;
            }
            match &linked.symbols[symbol] {
                Symbol::Function { number, .. } => functions.push(*number),
                Symbol::Data { range, .. } => return Some(range.clone()),
                Symbol::Other => {}
            }
        }
    }
}
