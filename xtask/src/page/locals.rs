//! The locals of functions, numbered by how often they are used. A compiler numbers them in any way; so that the many short functions
//! of a program look alike, which compresses better. Knows instructions, not what they do.

use std::{cmp::Reverse, collections::BTreeMap};

use anyhow::Result;
use wasmparser::{FunctionBody, Operator, Parser, Payload, ValType};

/// In this order they are declared; others stand before them.
const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::EXTERNREF];

/// What the locals of a function become.
#[derive(Debug)]
pub(super) struct Locals {
    /// How many of each type there are, in their order behind the parameters.
    pub(super) declared: Vec<(u32, ValType)>,
    /// The new numbers of those that are no parameters.
    numbers: BTreeMap<u32, u32>,
}

impl Locals {
    /// Of a function with so many parameters: those that are used, and the ones that are used most first.
    pub(super) fn by_use(body: &FunctionBody<'_>, parameters: u32) -> wasmparser::Result<Self> {
        let mut types = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            types.extend((0..count).map(|_| ty));
        }
        let mut uses = BTreeMap::<u32, u32>::new();
        for op in body.get_operators_reader()? {
            if let Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } = op?
            {
                *uses.entry(local_index).or_default() += 1;
            }
        }
        let used = uses.into_iter().filter_map(|(local, uses)| {
            let ty = *types.get(local.checked_sub(parameters)? as usize)?;
            Some((local, uses, ty))
        });
        let mut used: Vec<_> = used.collect();
        // Those of one type stand together, so that they are declared at once.
        used.sort_by_key(|&(local, uses, ty)| (TYPES.iter().position(|of| *of == ty), Reverse(uses), local));
        let declared = used.chunk_by(|(.., a), (.., b)| a == b).filter_map(|alike| {
            let (.., ty) = alike.first()?;
            Some((u32::try_from(alike.len()).ok()?, *ty))
        });
        let declared = declared.collect();
        let numbers = used.into_iter().map(|(local, ..)| local).zip(parameters..).collect();
        Ok(Self { declared, numbers })
    }

    /// The instruction with the new number, if it names a local.
    pub(super) fn renamed<'a>(&self, op: Operator<'a>) -> Operator<'a> {
        let new = |local: u32| self.numbers.get(&local).copied().unwrap_or(local);
        match op {
            Operator::LocalGet { local_index } => Operator::LocalGet { local_index: new(local_index) },
            Operator::LocalSet { local_index } => Operator::LocalSet { local_index: new(local_index) },
            Operator::LocalTee { local_index } => Operator::LocalTee { local_index: new(local_index) },
            other => other,
        }
    }
}

/// How many parameters each function has that is not imported.
pub(super) fn parameters(wasm: &[u8]) -> Result<Vec<u32>> {
    let (mut of_types, mut of_functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::TypeSection(types) => {
                for ty in types.into_iter_err_on_gc_types() {
                    of_types.push(u32::try_from(ty?.params().len())?);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    of_functions.push(of_types.get(ty? as usize).copied().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    Ok(of_functions)
}

#[cfg(test)]
mod tests {
    use wasmparser::BinaryReader;

    use super::*;

    #[test]
    fn those_that_are_used_most_come_first_and_those_that_are_not_go() {
        // Two of i64, three of i32; the parameter 0 stays.
        let code = [2, 2, 0x7e, 3, 0x7f, 0x20, 0, 0x20, 5, 0x22, 5, 0x20, 2, 0x20, 3, 0x0b];
        let body = FunctionBody::new(BinaryReader::new(&code, 0));
        let locals = Locals::by_use(&body, 1).unwrap();
        assert_eq!(locals.declared, [(2, ValType::I32), (1, ValType::I64)]);
        let renamed = |local_index| match locals.renamed(Operator::LocalTee { local_index }) {
            Operator::LocalTee { local_index } => local_index,
            other => panic!("{other:?}"),
        };
        assert_eq!([0, 5, 3, 2].map(renamed), [0, 1, 2, 3]);
        assert!(matches!(locals.renamed(Operator::Nop), Operator::Nop));
    }
}
