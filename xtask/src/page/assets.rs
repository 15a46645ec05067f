//! Files of the finished page: names, packing, writing. Knows nothing of HTML.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use super::{Files, entries};
use crate::report::{FileSize, Visit};

/// The folder of files whose name changes with their content.
pub(super) const HASHED: &str = "assets/";

/// `icons/a.svg` becomes `assets/a-0123456789abcdef.svg`.
pub(crate) fn hashed_name(href: &str, content: &[u8]) -> String {
    let path = Path::new(href);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    format!("{HASHED}{stem}-{}{}", hash(content), extension.unwrap_or_default())
}

/// What a name says of the content, and the service worker of the page.
pub(super) fn hash(content: &[u8]) -> String {
    format!("{:016x}", fnv1a(content))
}

/// FNV-1a, 64 bits: tells versions of a file apart. Nobody gains by making two of our own files collide.
fn fnv1a(content: &[u8]) -> u64 {
    content
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Refuses a relative `url(…)`: the style sheet moves to another folder, so it would lead nowhere.
pub(crate) fn check_css(css: &str) -> Result<()> {
    for (start, _) in css.match_indices("url(") {
        let address = css[start + 4..].trim_start_matches(['"', '\'', ' ']);
        if !address.starts_with(['/', '#']) && !address.starts_with("data:") {
            let shown: String = address.chars().take_while(|c| !matches!(c, ')' | '"' | '\'')).collect();
            bail!(
                "url({shown}) is relative; write /{shown} and copy the file with a <link data-trunk rel=\"copy-file\">"
            );
        }
    }
    Ok(())
}

/// Makes `app` hold these files, with `.br` and `.gz` beside those that pay when `pack` is set, and nothing else.
///
/// A file that is there already is left alone, so that an unchanged page does not make cargo link the program anew.
pub(crate) fn write(files: &Files, app: &Path, pack: bool) -> Result<Vec<FileSize>> {
    let mut sizes = Vec::new();
    let mut wanted = Vec::new();
    for (name, super::File { content, visit }) in files {
        let path = app.join(name);
        let fresh = fs::read(&path).is_ok_and(|there| there == *content);
        let mut size = FileSize {
            name: name.clone(),
            raw: content.len(),
            gzip: content.len(),
            brotli: content.len(),
            visit: *visit,
        };
        if pack && pays_to_pack(name) {
            size.brotli = packed(&path, "br", fresh, content, brotli, &mut wanted)?;
            size.gzip = packed(&path, "gz", fresh, content, gzip, &mut wanted)?;
        }
        // Last: a file that is as it should be says that its packed twins are.
        if !fresh {
            put(&path, content)?;
        }
        wanted.push(path);
        sizes.push(size);
    }
    remove_others(app, &wanted)?;
    Ok(sizes)
}

/// What a file weighs that is served as it is or packed.
pub(crate) fn size(name: &str, content: &[u8]) -> Result<FileSize> {
    let (gzip, brotli) = (gzip(content)?.len(), brotli(content)?.len());
    Ok(FileSize { name: name.into(), raw: content.len(), gzip, brotli, visit: Visit::Paint })
}

/// Writes the packed twin of a file if it is smaller; gives the size that travels.
fn packed(
    path: &Path,
    extension: &str,
    fresh: bool,
    content: &[u8],
    pack: fn(&[u8]) -> Result<Vec<u8>>,
    wanted: &mut Vec<PathBuf>,
) -> Result<usize> {
    let mut twin = path.as_os_str().to_owned();
    twin.push(".");
    twin.push(extension);
    let twin = PathBuf::from(twin);
    if fresh && let Ok(there) = fs::metadata(&twin) {
        wanted.push(twin);
        return Ok(usize::try_from(there.len())?);
    }
    let small = pack(content)?;
    if small.len() >= content.len() {
        return Ok(content.len());
    }
    put(&twin, &small)?;
    wanted.push(twin);
    Ok(small.len())
}

/// Text and wasm shrink; images and fonts are packed already.
fn pays_to_pack(name: &str) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned();
    ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest", "xml"].contains(&extension.as_str())
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: content.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut packed, &parameters)?;
    Ok(packed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Puts a file in place in one step, so that an interrupted build leaves no half of one.
fn put(path: &Path, content: &[u8]) -> Result<()> {
    let place = || -> std::io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let half = path.with_extension("half");
        fs::write(&half, content)?;
        fs::rename(half, path)
    };
    place().with_context(|| format!("{} cannot be written", path.display()))
}

fn remove_others(folder: &Path, wanted: &[PathBuf]) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            remove_others(&path, wanted)?;
            if entries(&path)?.is_empty() {
                fs::remove_dir(&path)?;
            }
        } else if !wanted.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    #[test]
    fn a_name_changes_with_the_content() {
        // The test vector of FNV's authors for "foobar".
        assert_eq!(hashed_name("a/style.min.css", b"foobar"), "assets/style.min-85944171f73967e8.css");
        assert_eq!(hashed_name("LICENSE", b""), "assets/LICENSE-cbf29ce484222325");
    }

    #[test]
    fn relative_addresses_in_a_style_sheet_are_refused() {
        check_css("a { b: url(/x.svg) url('#y') url(\"data:image/png;base64,\") }").unwrap();
        let error = check_css("a { b: url('fonts/x.woff2') }").unwrap_err().to_string();
        assert!(error.starts_with("url(fonts/x.woff2) is relative; write /fonts/x.woff2"), "{error}");
    }

    #[test]
    fn writing_packs_and_clears_and_leaves_alone() {
        let app = std::env::temp_dir().join(format!("xtask-assets-{}", std::process::id()));
        let content = b"a long line, again and again\n".repeat(40);
        let file = |name: &str, content: &[u8]| (name.to_owned(), File::of(name, content.to_vec()));
        let mut files = Files::from([
            file("index.html", &content),
            file("assets/tiny-1.js", b"x"),
            file("icon.png", &content),
        ]);
        let first = write(&files, &app, true).unwrap();
        let visits: Vec<_> = first.iter().map(|size| size.visit).collect();
        assert_eq!(visits, [Visit::Paint, Visit::Later, Visit::Paint]);
        let index = &first[2];
        assert!(index.brotli < 100 && index.gzip < 100, "{index:?}");

        let mut unpacked = Vec::new();
        let twin = fs::read(app.join("index.html.br")).unwrap();
        brotli::BrotliDecompress(&mut twin.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, content);
        assert!(!app.join("icon.png.br").exists() && !app.join("assets/tiny-1.js.gz").exists());

        fs::write(app.join("index.html.br"), vec![0; index.brotli]).unwrap();
        files.remove("assets/tiny-1.js");
        let second = write(&files, &app, true).unwrap();
        assert_eq!(second[1], first[2]);
        assert_eq!(fs::read(app.join("index.html.br")).unwrap(), vec![0; index.brotli], "it was packed anew");
        assert!(!app.join("assets").exists());
        fs::remove_dir_all(&app).unwrap();
    }
}
