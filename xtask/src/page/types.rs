//! The types of functions that a module names: a part of the page is made with those of all parts. Knows where types are named,
//! nothing of functions.

use std::collections::BTreeMap;

use anyhow::Result;
use wasmparser::{BlockType, Operator, Parser, Payload, TypeRef};

/// The types that stay, and the new number of each.
#[derive(Debug, Default)]
pub(super) struct Types {
    numbers: BTreeMap<u32, u32>,
}

impl Types {
    /// Those that are named anywhere in a module, in the order they have.
    pub(super) fn named(wasm: &[u8]) -> Result<Self> {
        let mut numbers = BTreeMap::new();
        let mut name = |ty: u32| {
            numbers.insert(ty, 0);
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        if let TypeRef::Func(ty) = import?.ty {
                            name(ty);
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions {
                        name(ty?);
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for op in body.get_operators_reader()? {
                        if let Some(ty) = named_by(&op?) {
                            name(ty);
                        }
                    }
                }
                _ => {}
            }
        }
        numbers.values_mut().zip(0..).for_each(|(new, number)| *new = number);
        Ok(Self { numbers })
    }

    /// The new number of a type; none of one that goes.
    pub(super) fn number(&self, ty: u32) -> Option<u32> {
        self.numbers.get(&ty).copied()
    }
}

/// The type of a function that an instruction names.
const fn named_by(op: &Operator<'_>) -> Option<u32> {
    match op {
        Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
            Some(*type_index)
        }
        Operator::Block { blockty: BlockType::FuncType(ty) }
        | Operator::Loop { blockty: BlockType::FuncType(ty) }
        | Operator::If { blockty: BlockType::FuncType(ty) } => Some(*ty),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        BlockType, CodeSection, EntityType, Function, FunctionSection, ImportSection, Instruction, Module,
        TypeSection, ValType,
    };

    use super::super::pack::pack;

    /// A module with types of so many results, one of which has an import, one the only function, one a block in it, and one what
    /// it calls by an address.
    fn module(results: &[usize], [import, function, block, called]: [u32; 4]) -> Vec<u8> {
        let mut types = TypeSection::new();
        for &results in results {
            types.ty().function([], vec![ValType::I32; results]);
        }
        let mut imports = ImportSection::new();
        imports.import("a", "a", EntityType::Function(import));
        let mut functions = FunctionSection::new();
        functions.function(function);
        let mut body = Function::new([]);
        body.instruction(&Instruction::Block(BlockType::FunctionType(block)));
        body.instruction(&Instruction::CallIndirect { type_index: called, table_index: 0 });
        body.instruction(&Instruction::End).instruction(&Instruction::End);
        let mut code = CodeSection::new();
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&code);
        module.finish()
    }

    #[test]
    fn types_that_nothing_names_go_and_all_others_get_new_numbers() {
        let before = module(&[5, 0, 6, 1, 2, 7, 3], [1, 3, 4, 6]);
        assert_eq!(pack(&before).unwrap(), module(&[0, 1, 2, 3], [0, 1, 2, 3]));
    }
}
