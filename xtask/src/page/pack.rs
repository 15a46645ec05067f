//! A finished module written so that little is left after compression: without gaps, with numbers as short as can be, with one
//! function in place of several that are the same, with those beside each other that look alike, with locals whose numbers do
//! ([`super::locals`]), and without types that nothing has ([`super::types`]). Knows instructions, not what they do.

use std::{collections::BTreeMap, convert::Infallible};

use anyhow::{Result, anyhow};
use wasm_encoder::{
    CodeSection, Function, FunctionSection, Module, TypeSection,
    reencode::{Error, Reencode},
};
use wasmparser::{
    CodeSectionReader, FunctionSectionReader, Operator, Parser, Payload, TypeRef, TypeSectionReader,
};

use super::{
    locals::{Locals, parameters},
    types::Types,
};

/// The module, packed. Its functions have other numbers.
pub(super) fn pack(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut tight = Order { parameters: parameters(wasm)?, types: Types::named(wasm)?, ..Order::default() }
        .write(wasm)?;
    loop {
        let order = Order::by_looks(&tight)?;
        let is_final = order.order.len() == order.places.len();
        tight = order.write(&tight)?;
        // Those that call what is one now may be the same themselves.
        if is_final {
            return Ok(tight);
        }
    }
}

/// The order of the functions that are not imported.
#[derive(Debug, Default)]
struct Order {
    imported: usize,
    /// Those that stay, each by its place before, in the new order.
    order: Vec<usize>,
    /// The new place of each, or of the same one that stays; none when nothing moves.
    places: Vec<usize>,
    /// Of each, by its place before.
    parameters: Vec<u32>,
    types: Types,
}

impl Order {
    /// One of each that are the same, beside those that share most with it. It begins with the small.
    fn by_looks(wasm: &[u8]) -> Result<Self> {
        let (mut imported, mut types, mut bodies) = (0, Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                    }
                }
                Payload::FunctionSection(functions) => {
                    types = functions.into_iter().collect::<Result<Vec<_>, _>>()?;
                }
                Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes()),
                _ => {}
            }
        }
        // No two functions of a Rust program have to differ.
        let mut first = BTreeMap::new();
        let of = |n: usize| (types.get(n).copied(), bodies[n]);
        let firsts: Vec<_> = (0..bodies.len()).map(|n| *first.entry(of(n)).or_insert(n)).collect();
        let mut order: Vec<_> =
            firsts.iter().enumerate().filter(|(n, first)| n == *first).map(|(n, _)| n).collect();
        order.sort_by_key(|&n| (bodies[n].len().ilog2(), bodies[n]));
        let order = beside_their_like(order, &bodies);
        let mut places = vec![0; bodies.len()];
        order.iter().enumerate().for_each(|(place, &n)| places[n] = place);
        let places = firsts.iter().map(|&first| places[first]).collect();
        Ok(Self { imported, order, places, parameters: parameters(wasm)?, types: Types::named(wasm)? })
    }

    fn write(mut self, wasm: &[u8]) -> Result<Vec<u8>> {
        let mut module = Module::new();
        self.parse_core_module(&mut module, Parser::new(0), wasm)
            .map_err(|error| anyhow!("a module cannot be packed: {error}"))?;
        Ok(module.finish())
    }

    fn sorted<T: Clone>(&self, all: Vec<T>) -> Vec<T> {
        if self.places.is_empty() {
            return all;
        }
        self.order.iter().filter_map(|&n| all.get(n).cloned()).collect()
    }
}

/// Each followed by the one of the rest that shares most with it. Takes the square of their number.
fn beside_their_like(mut left: Vec<usize>, bodies: &[&[u8]]) -> Vec<usize> {
    let parts: Vec<_> = bodies.iter().map(|body| parts(body)).collect();
    left.reverse();
    let mut order: Vec<usize> = left.pop().into_iter().collect();
    while let Some(&last) = order.last() {
        let (mut best, mut next) = (0, left.len().checked_sub(1));
        for (at, &n) in left.iter().enumerate().rev() {
            let (a, b) = (&parts[last], &parts[n]);
            let longer = a.len().max(b.len()).max(1);
            // Most are of such another size that they cannot be it.
            if a.len().min(b.len()) * 1_000 / longer <= best {
                continue;
            }
            let likeness = shared(a, b) * 1_000 / longer;
            if likeness > best {
                (best, next) = (likeness, Some(at));
            }
        }
        let Some(next) = next else { break };
        order.push(left.remove(next));
    }
    order
}

/// All that stands in some bytes, four at a time; sorted.
fn parts(body: &[u8]) -> Vec<u32> {
    let all = body.windows(4).filter_map(|part| part.try_into().ok().map(u32::from_le_bytes));
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// How many two sorted lists have in common.
fn shared(a: &[u32], b: &[u32]) -> usize {
    let (mut x, mut y, mut shared) = (0, 0, 0);
    while x < a.len() && y < b.len() {
        let (left, right) = (a[x], b[y]);
        shared += usize::from(left == right);
        x += usize::from(left <= right);
        y += usize::from(right <= left);
    }
    shared
}

impl Reencode for Order {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error<Infallible>> {
        let place = (function as usize).checked_sub(self.imported).and_then(|n| self.places.get(n));
        let moved = place.and_then(|place| u32::try_from(self.imported + place).ok());
        Ok(moved.unwrap_or(function))
    }

    fn type_index(&mut self, ty: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.types.number(ty).unwrap_or(ty))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        // Each is a group of its own: only types of garbage-collected languages come in larger ones.
        for (ty, group) in (0..).zip(section) {
            if self.types.number(ty).is_some() {
                self.parse_recursive_type_group(types.ty(), group?)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        for ty in self.sorted(types) {
            functions.function(self.type_index(ty)?);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        let bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        let with_parameters = bodies.into_iter().zip(self.parameters.clone()).collect();
        for (body, parameters) in self.sorted(with_parameters) {
            let locals = Locals::by_use(&body, parameters)?;
            let types = locals.declared.iter().map(|(count, ty)| Ok((*count, self.val_type(*ty)?)));
            let mut function = Function::new(types.collect::<Result<Vec<_>, Error<Infallible>>>()?);
            for op in body.get_operators_reader()? {
                let op = op?;
                if !matches!(op, Operator::Nop) {
                    function.instruction(&self.instruction(locals.renamed(op))?);
                }
            }
            code.function(&function);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, ImportSection,
        Instruction, RefType, StartSection, TableSection, TableType, ValType,
    };

    use super::*;

    /// A module with one import and a function of each of these types with this code, in which `first` is what is named
    /// everywhere.
    fn module(functions: &[(u32, &[Instruction<'_>])], first: u32) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        types.ty().function([], [ValType::I32]);
        let mut imports = ImportSection::new();
        imports.import("a", "a", EntityType::Function(0));
        let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
        for (ty, instructions) in functions {
            declared.function(*ty);
            let mut function = Function::new([]);
            for instruction in *instructions {
                function.instruction(instruction);
            }
            function.instruction(&Instruction::End);
            code.function(&function);
        }
        let mut tables = TableSection::new();
        let table = TableType {
            element_type: RefType::FUNCREF,
            minimum: 1,
            maximum: None,
            table64: false,
            shared: false,
        };
        tables.table(table);
        let mut exports = ExportSection::new();
        exports.export("first", ExportKind::Func, first);
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions((&[first, 0][..]).into()));
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&declared).section(&tables).section(&exports);
        module.section(&StartSection { function_index: first }).section(&elements).section(&code);
        module.finish()
    }

    #[test]
    fn functions_move_and_all_that_names_them_follows() {
        use Instruction::{Call, Drop, I32Const, Nop};
        let (one, two) = (I32Const(1), I32Const(2));
        let long: &[_] = &[Nop, Call(0), Call(2), Drop, Call(3), Drop, Nop, Call(1)];
        let before = module(&[(0, long), (1, std::slice::from_ref(&two)), (1, &[Nop, one.clone()])], 1);
        let long: &[_] = &[Call(0), Call(2), Drop, Call(1), Drop, Call(3)];
        let after = module(&[(1, std::slice::from_ref(&one)), (1, std::slice::from_ref(&two)), (0, long)], 3);
        assert_eq!(pack(&before).unwrap(), after);
        assert_eq!(pack(&after).unwrap(), after, "nothing more can be done");
    }

    #[test]
    fn functions_that_are_the_same_become_one_and_then_those_that_call_them() {
        use Instruction::{Call, Drop, I32Const};
        let (one, two): (&[_], &[_]) = (&[I32Const(1)], &[I32Const(2)]);
        let calls = |n| [Call(n), Drop];
        let run = |a, b| [Call(a), Call(b), Call(a), Call(b), Call(a), Call(b)];
        let (first, second) = (calls(3), calls(4));
        let before = module(&[(0, &first), (0, &second), (1, one), (1, one), (0, &run(1, 2)), (1, two)], 2);
        let after = module(&[(0, &calls(2)), (1, one), (1, two), (0, &run(1, 1))], 1);
        assert_eq!(pack(&before).unwrap(), after);
        let other_type = module(&[(0, &[]), (1, &[])], 1);
        assert_eq!(pack(&other_type).unwrap(), other_type, "of two types");
    }
}
