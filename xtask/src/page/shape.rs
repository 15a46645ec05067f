//! What a browser need not load: taken out of a module and its glue when wasm-bindgen has made them. Knows the frame of the
//! binary format, nothing of what a module does.
//!
//! - Names between the two are long, and carry hashes ([`names`]).
//! - A panic says where it happened, to nobody: a page has no standard error. The paths of source files, of this machine
//!   too, are made empty. Their places stay, so nothing moves.
//! - Custom sections are for tools.

use anyhow::{Context as _, Result, ensure};

use super::{names, pack::pack};

const CUSTOM: u8 = 0;
const DATA: u8 = 11;

/// A smaller glue and a smaller module that belong together. `others` is a script that knows both, and leaves its names.
pub(crate) fn shape(glue: &str, wasm: &[u8], others: &str) -> Result<(String, Vec<u8>)> {
    let (glue, mut wasm) = names::shorten(glue, &without_custom_sections(wasm)?, others)?;
    forget_paths(&mut wasm)?;
    Ok((glue, pack(&wasm)?))
}

/// A module without what only tools read.
pub(super) fn without_custom_sections(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut out = wasm.get(..8).context("no module is so short")?.to_vec();
    for section in sections(wasm)? {
        if section.kind != CUSTOM {
            out.extend_from_slice(&wasm[section.start..section.end]);
        }
    }
    Ok(out)
}

/// Where the section begins whose body begins there.
pub(super) fn section_start(wasm: &[u8], body: usize) -> Result<usize> {
    let all = sections(wasm)?;
    Ok(all.iter().find(|section| section.body == body).context("no section begins there")?.start)
}

/// A section with its head, and where its body begins.
struct Section {
    kind: u8,
    start: usize,
    body: usize,
    end: usize,
}

fn sections(wasm: &[u8]) -> Result<Vec<Section>> {
    let (mut sections, mut at) = (Vec::new(), 8);
    while at < wasm.len() {
        let (length, body) = number(wasm, at + 1)?;
        let end = body + length;
        ensure!(end <= wasm.len(), "a section ends behind the module");
        sections.push(Section { kind: wasm[at], start: at, body, end });
        at = end;
    }
    Ok(sections)
}

/// A LEB128 number and where it ends. Signed ones that are not negative read the same where their last byte allows it.
fn number(bytes: &[u8], mut at: usize) -> Result<(usize, usize)> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = *bytes.get(at).context("a number is cut off")?;
        ensure!(shift < 35, "a number is too long");
        value |= usize::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
    }
}

/// The initial memory: its address, and where its bytes stand in the module.
struct Segment {
    address: usize,
    start: usize,
    end: usize,
}

/// The segments that lie at a fixed address.
fn segments(wasm: &[u8]) -> Result<Vec<Segment>> {
    let mut found = Vec::new();
    for section in sections(wasm)?.iter().filter(|section| section.kind == DATA) {
        let (count, mut at) = number(wasm, section.body)?;
        for _ in 0..count {
            // Flags 0: memory 0, `i32.const ADDRESS end`, and the bytes. rustc writes no others.
            ensure!(wasm.get(at..at + 2) == Some(&[0, 0x41]), "a data segment of an unknown kind");
            let (address, after) = number(wasm, at + 2)?;
            ensure!(wasm.get(after) == Some(&0x0b), "a data segment without a fixed address");
            let (length, start) = number(wasm, after + 1)?;
            ensure!(start + length <= section.end, "a data segment ends behind its section");
            found.push(Segment { address, start, end: start + length });
            at = start + length;
        }
    }
    Ok(found)
}

/// Makes the text of each `(address, length)` in memory that is the path of a source file into zeros. What only looks like one
/// as a part of other text is left alone.
fn forget_paths(wasm: &mut [u8]) -> Result<()> {
    let segments = segments(wasm)?;
    let mut places = Vec::new();
    for segment in &segments {
        let aligned = segment.end.min(segment.start + (segment.address.wrapping_neg() & 3));
        let words = wasm[aligned..segment.end].chunks_exact(4);
        let words: Vec<_> = words.map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]) as usize).collect();
        for pair in words.windows(2) {
            let home =
                segments.iter().find(|s| (s.address..s.address + (s.end - s.start)).contains(&pair[0]));
            let Some(home) = home else { continue };
            let start = home.start + pair[0] - home.address;
            if let Some(text) = wasm.get(start..(start + pair[1]).min(home.end))
                && is_path(text)
                && text.len() == pair[1]
            {
                places.push(start..start + pair[1]);
            }
        }
    }
    places.into_iter().for_each(|place| wasm[place].fill(0));
    Ok(())
}

fn is_path(text: &[u8]) -> bool {
    text.ends_with(b".rs")
        && text.windows(4).any(|part| part == b"src/")
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"/\\:_.-@+".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a custom section and one data segment at 1024.
    fn module(data: &[u8]) -> Vec<u8> {
        let mut body = vec![1, 0, 0x41, 0x80, 0x08, 0x0b, u8::try_from(data.len()).unwrap()];
        body.extend_from_slice(data);
        let mut wasm = b"\0asm\x01\0\0\0\0\x03\x02hi".to_vec();
        wasm.extend([DATA, u8::try_from(body.len()).unwrap()]);
        wasm.extend(body);
        wasm
    }

    #[test]
    fn paths_that_are_pointed_at_go_and_look_alikes_stay() {
        let mut data = b"see b/src/main.rs|".to_vec(); // the last 13 bytes of a text, and 2 more
        data.extend_from_slice(b"\0\0");
        let pointer = |address: u32, length: u32| [address.to_le_bytes(), length.to_le_bytes()].concat();
        let text = data.len();
        data.extend(pointer(1024, 17));
        let (_, kept) = shape("", &module(&data), "").unwrap();
        assert!(kept.ends_with(&data), "its text has a blank, yet is no path: {kept:?}");

        data.extend(pointer(1024 + 4, 13));
        let (_, wasm) = shape("", &module(&data), "").unwrap();
        let start = wasm.len() - data.len();
        assert_eq!(&wasm[start..start + text], b"see \0\0\0\0\0\0\0\0\0\0\0\0\0|\0\0");
    }

    #[test]
    fn custom_sections_go() {
        let wasm = module(b"x");
        assert_eq!(wasm.len() - shape("", &wasm, "").unwrap().1.len(), 5);
    }
}
