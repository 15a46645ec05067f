//! A program as the linker leaves it with `--emit-relocs`: what stands where, and which symbol each place names. Knows how the
//! parts hang together, nothing of what they do.

use std::{collections::BTreeSet, ops::Range};

use anyhow::{Context as _, Result, ensure};
use wasmparser::{
    BinaryReader, CustomSectionReader, DefinedDataSymbol, ExternalKind, FunctionBody, KnownCustom, Linking,
    Operator, Parser, Payload, RelocationType, SymbolFlags, SymbolInfo, TypeRef,
};

/// What nobody comes back from, by what its name contains: an Error of JavaScript is thrown for a defect of a program, as a panic
/// is; and tasks that suspend JavaScript begin in functions that ask for it, which there are none of.
const ENDS: [&str; 4] = [
    "__wbindgen_throw_",
    "__wbindgen_jspi_suspend",
    "__wbindgen_jspi_spawn_first",
    "__wbindgen_jspi_spawn_poll",
];

/// Numbers of functions; those that are imported come first.
pub(super) type Functions = BTreeSet<usize>;

/// What stands where. All ranges are of the file.
#[derive(Debug, Default)]
pub(super) struct Linked {
    pub(super) imported: usize,
    /// Imported functions that return to nobody.
    pub(super) ending: Functions,
    /// Locals and instructions of each function that is not imported.
    pub(super) bodies: Vec<Range<usize>>,
    /// What is called from outside.
    pub(super) exported: Functions,
    pub(super) symbols: Vec<Symbol>,
    /// Places that name a symbol, in their order.
    pub(super) relocations: Vec<Relocation>,
    sections: Vec<Range<usize>>,
    /// Where the bytes of each data segment begin.
    segments: Vec<usize>,
}

#[derive(Debug)]
pub(super) enum Symbol {
    Function { number: usize, name: String, is_kept: bool },
    Data { range: Range<usize>, is_kept: bool },
    Other,
}

/// A place that names a symbol.
#[derive(Clone, Debug)]
pub(super) struct Relocation {
    pub(super) place: Range<usize>,
    pub(super) symbol: usize,
    /// Whether it is the address of something: of data, or of a function in the table.
    pub(super) is_address: bool,
}

impl Linked {
    pub(super) fn read(wasm: &[u8]) -> Result<Self> {
        let mut linked = Self::default();
        let mut later = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload?;
            if let Some((_, range)) = payload.as_section() {
                linked.sections.push(span(&range));
            }
            match payload {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        if let TypeRef::Func(_) = import.ty {
                            if ENDS.iter().any(|end| import.name.contains(end)) {
                                linked.ending.insert(linked.imported);
                            }
                            linked.imported += 1;
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            linked.exported.insert(export.index as usize);
                        }
                    }
                }
                Payload::StartSection { func, .. } => drop(linked.exported.insert(func as usize)),
                Payload::CodeSectionEntry(body) => linked.bodies.push(span(&body.range())),
                Payload::DataSection(data) => {
                    for segment in data {
                        let segment = segment?;
                        linked.segments.push(usize::try_from(segment.range.end)? - segment.data.len());
                    }
                }
                Payload::CustomSection(custom) => later.push(custom),
                _ => {}
            }
        }
        later.iter().try_for_each(|custom| linked.read_custom(custom))?;
        ensure!(!linked.symbols.is_empty(), "the program was linked without --emit-relocs");
        linked.relocations.sort_by_key(|relocation| relocation.place.start);
        Ok(linked)
    }

    fn read_custom(&mut self, custom: &CustomSectionReader<'_>) -> Result<()> {
        match custom.as_known() {
            KnownCustom::Linking(reader) => {
                for part in reader.subsections() {
                    if let Linking::SymbolTable(symbols) = part? {
                        for symbol in symbols {
                            self.symbols.push(Symbol::of(symbol?, &self.segments)?);
                        }
                    }
                }
            }
            KnownCustom::Reloc(reader) if is_of_the_program(custom) => {
                let base = self.base(reader.section_index())?;
                for entry in reader.entries() {
                    let entry = entry?;
                    let range = entry.relocation_range()?;
                    self.relocations.push(Relocation {
                        place: base + range.start..base + range.end,
                        symbol: entry.index as usize,
                        is_address: is_address(entry.ty),
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn base(&self, section: u32) -> Result<usize> {
        Ok(self.sections.get(section as usize).context("relocations of a section that is not there")?.start)
    }

    /// None of one that is imported.
    pub(super) fn body(&self, function: usize) -> Option<&Range<usize>> {
        self.bodies.get(function.checked_sub(self.imported)?)
    }

    /// The places in a range.
    pub(super) fn relocations_in(&self, range: &Range<usize>) -> &[Relocation] {
        let at = |offset| self.relocations.partition_point(|r| r.place.start < offset);
        &self.relocations[at(range.start)..at(range.end)]
    }

    /// The program without the relocations whose places are not wanted any more.
    pub(super) fn without_relocations(
        &self,
        wasm: &[u8],
        is_gone: impl Fn(&Range<usize>) -> bool,
    ) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(wasm.len());
        let mut copied = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            let Payload::CustomSection(custom) = payload? else { continue };
            let KnownCustom::Reloc(reader) = custom.as_known() else { continue };
            if !is_of_the_program(&custom) {
                continue;
            }
            let base = self.base(reader.section_index())?;
            let (mut kept, mut count) = (Vec::new(), 0);
            let entries = reader.entries();
            let end = usize::try_from(entries.range().end)?;
            let entries: Vec<_> = entries.into_iter_with_offsets().collect::<Result<_, _>>()?;
            for (n, (start, entry)) in entries.iter().enumerate() {
                let range = entry.relocation_range()?;
                if !is_gone(&(base + range.start..base + range.end)) {
                    let next = entries.get(n + 1).map_or(Ok(end), |(next, _)| usize::try_from(*next))?;
                    kept.extend_from_slice(&wasm[usize::try_from(*start)?..next]);
                    count += 1;
                }
            }
            // From the section's first byte on: its kind and its length stand before the range.
            let whole = span(&custom.range());
            let head = 1 + leb(whole.len()).len();
            let at = whole.start - head;
            ensure!(wasm[at] == 0 && at >= copied, "a section whose length is written in an unusual way");
            let mut body = wasm[whole.start..usize::try_from(custom.data_offset())?].to_vec();
            body.extend(leb(reader.section_index() as usize));
            body.extend(leb(count));
            body.extend(kept);
            out.extend_from_slice(&wasm[copied..=at]);
            out.extend(leb(body.len()));
            out.extend(body);
            copied = whole.end;
        }
        out.extend_from_slice(&wasm[copied..]);
        Ok(out)
    }
}

impl Symbol {
    fn of(symbol: SymbolInfo<'_>, segments: &[usize]) -> Result<Self> {
        let is_kept = |flags: SymbolFlags| flags.intersects(SymbolFlags::EXPORTED | SymbolFlags::NO_STRIP);
        Ok(match symbol {
            SymbolInfo::Func { flags, index, name } => Self::Function {
                number: index as usize,
                name: name.unwrap_or_default().to_owned(),
                is_kept: is_kept(flags),
            },
            SymbolInfo::Data { flags, symbol: Some(DefinedDataSymbol { index, offset, size }), .. } => {
                let segment =
                    segments.get(index as usize).context("a symbol of a segment that is not there")?;
                let start = segment + offset as usize;
                Self::Data { range: start..start + size as usize, is_kept: is_kept(flags) }
            }
            _ => Self::Other,
        })
    }
}

/// The instructions of a body, and where each stands.
pub(super) fn operators<'a>(
    wasm: &'a [u8],
    body: &Range<usize>,
) -> Result<Vec<(Operator<'a>, Range<usize>)>> {
    let reader = FunctionBody::new(BinaryReader::new(&wasm[body.clone()], body.start as u64));
    let all: Vec<_> = reader.get_operators_reader()?.into_iter_with_offsets().collect::<Result<_, _>>()?;
    let mut ends = all.iter().skip(1).map(|(_, start)| *start).collect::<Vec<_>>();
    ends.push(body.end as u64);
    Ok(all.into_iter().zip(ends).map(|((op, start), end)| (op, span(&(start..end)))).collect())
}

/// Not those of what only debuggers read.
fn is_of_the_program(custom: &CustomSectionReader<'_>) -> bool {
    matches!(custom.name(), "reloc.CODE" | "reloc.DATA")
}

const fn is_address(kind: RelocationType) -> bool {
    use RelocationType as R;
    !matches!(
        kind,
        R::FunctionIndexLeb | R::TypeIndexLeb | R::GlobalIndexLeb | R::EventIndexLeb | R::TableNumberLeb
    )
}

#[expect(clippy::cast_possible_truncation, reason = "a file that is in memory")]
fn span(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

/// A LEB128 number.
pub(super) fn leb(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}
