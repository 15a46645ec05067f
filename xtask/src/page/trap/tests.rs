//! A small program, byte by byte: what stays of it.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, DataSymbolDefinition, ExportKind, ExportSection,
    Function, FunctionSection, LinkingSection, MemorySection, MemoryType, Module, SymbolTable, TypeSection,
    ValType,
};

use super::*;

/// `i32.const` of an address in five bytes, as linkers write what they may change.
fn address(n: u8) -> [u8; 6] {
    [0x41, 0x80 | n, 0x80, 0x80, 0x80, 0x00]
}

/// `call` likewise.
fn call(n: u8) -> [u8; 6] {
    [0x10, 0x80 | n, 0x80, 0x80, 0x80, 0x00]
}

/// What `run` is when it is called: returns 1 + 1 unless it is told to panic.
const PANICS: [u8; 6] = [0x02, 0x40, 0x20, 0x00, 0x0d, 0x00]; // block, local.get 0, br_if 0
const GOES_ON: [u8; 8] = [0x0b, 0x41, 0x01, 0x41, 0x01, 0x6a, 0x0f, 0x0b]; // end, 1 + 1, return, end

/// The words of a panic and something else are in memory at 0 and 4; `run` panics or names the second.
fn program() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    [0, 0, 1, 0].into_iter().for_each(|ty| {
        functions.function(ty);
    });
    let mut memories = MemorySection::new();
    let pages =
        MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
    memories.memory(pages);
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 2);
    let bodies: [Vec<u8>; 4] = [
        [&call(3)[..], &[0x0b]].concat(), // rust_begin_unwind: formats
        [&address(0)[..], &[0x1a], &call(0), &[0x00, 0x0b]].concat(), // panic: takes the words
        [&PANICS[..], &address(0), &[0x1a], &call(1), &[0x00], &[0x0b], &address(4), &[0x1a], &GOES_ON[1..]]
            .concat(),
        [&address(0)[..], &[0x1a, 0x0b]].concat(), // format
    ];
    let mut code = CodeSection::new();
    let mut places = Vec::new();
    // The number of functions, and of each body its length and the number of its locals.
    let mut at = 1;
    for body in &bodies {
        let mut function = Function::new([]);
        function.raw(body.iter().copied());
        code.function(&function);
        at += 2;
        places.extend(body.windows(6).enumerate().filter_map(|(n, window)| {
            let symbol = [address(0), address(4)].iter().position(|a| a == window)?;
            Some([4, u8::try_from(at + n + 1).unwrap(), 4 + u8::try_from(symbol).unwrap(), 0])
        }));
        at += body.len();
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), *b"wordkept");
    let mut symbols = SymbolTable::new();
    for (n, name) in ["_R17rust_begin_unwind", "panic", "run", "format"].iter().enumerate() {
        symbols.function(0, u32::try_from(n).unwrap(), Some(name));
    }
    for (offset, name) in [(0, "word"), (4, "kept")] {
        symbols.data(0, name, Some(DataSymbolDefinition { index: 0, offset, size: 4 }));
    }
    let mut linking = LinkingSection::new();
    linking.symbol_table(&symbols);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.section(&data).section(&linking);
    let relocations = [&[4, u8::try_from(places.len()).unwrap()][..], &places.concat()].concat();
    module.section(&CustomSection { name: "reloc.CODE".into(), data: (&relocations).into() });
    module.finish()
}

fn bodies(wasm: &[u8]) -> Vec<Vec<u8>> {
    Linked::read(wasm).unwrap().bodies.into_iter().map(|body| wasm[body].to_vec()).collect()
}

#[test]
fn a_panic_traps_and_what_led_to_its_words_is_gone() {
    let before = program();
    assert_eq!(Linked::read(&before).unwrap().relocations.len(), 4);
    let after = without_words(&before).unwrap();
    assert!(after.windows(8).any(|bytes| bytes == b"\0\0\0\0kept"), "the words are zeros");
    let linked = Linked::read(&after).unwrap();
    assert_eq!(linked.relocations.len(), 1, "of `kept`");
    let place = linked.relocations[0].place.clone();
    assert_eq!(after[place.start - 1..place.end], address(4), "nothing has moved");

    let short = super::super::pack::pack(&after).unwrap();
    let trap = vec![0, UNREACHABLE, END];
    let run = [&[0][..], &PANICS, &[UNREACHABLE, 0x0b], &[0x41, 4, 0x1a], &GOES_ON[1..]].concat();
    assert_eq!(bodies(&short), [trap, run], "packed, one trap is enough");
    assert_eq!(bodies(&before)[2].len(), bodies(&after)[2].len());
}

#[test]
fn calls_before_a_panic_stay_and_blocks_end_it() {
    let wasm = [
        &[0][..],
        &call(7),
        &[0x41, 1, 0x1a], // what stands straight before
        &call(0),
        &[0x02, 0x40, 0x0b, 0x0b], // a block behind it
    ]
    .concat();
    let all = operators(&wasm, &(0..wasm.len())).unwrap();
    let stretches = trapping(&all, &Functions::from([0]));
    assert_eq!(stretches.len(), 1);
    assert_eq!(stretches[0], 7..wasm.len() - 1);
}

#[test]
fn a_program_without_relocations_or_without_panics_is_refused() {
    let bare = Module::new().finish();
    assert!(without_words(&bare).unwrap_err().to_string().contains("--emit-relocs"));
}

#[test]
fn a_function_that_traps_on_every_way_is_known_and_one_that_may_return_is_not() {
    let all = |code: &[u8]| {
        let body = [&[0], code, &[0x0b]].concat();
        only_traps(&operators(&body, &(0..body.len())).unwrap())
    };
    // block, local.get 0, br_if 0 or out of the function, unreachable, end, unreachable
    let branches = |to| [0x02, 0x40, 0x20, 0x00, 0x0d, to, 0x00, 0x0b, 0x00];
    assert!(all(&branches(0)));
    assert!(!all(&branches(1)), "leaves the function");
    assert!(!all(&branches(0)[..8]), "ends by itself");
    assert!(!all(&[0x20, 0x00, 0x10, 0x00, 0x00]), "calls something first");
    assert!(!all(&[0x0f, 0x00]), "returns");
}
