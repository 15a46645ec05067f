//! Embeds the built page: the folder that `SWITCHBOARD_APP` names becomes a table of files in the program.
//!
//! Knows nothing of how the page is made (xtask does that) nor of how it is served. Without the variable the
//! table is empty, so that `cargo check` and `cargo test` need no page.

use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SWITCHBOARD_APP");
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_SERVER").is_some()
        && let Some(app) = env::var_os("SWITCHBOARD_APP").filter(|app| !app.is_empty())
    {
        let app = PathBuf::from(app);
        println!("cargo:rerun-if-changed={}", app.display());
        collect(&app, &app, &mut files)
            .map_err(|error| format!("SWITCHBOARD_APP={} cannot be read: {error}", app.display()))?;
        files.sort();
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?).join("app.rs");
    fs::write(out, table(&files)?)?;
    Ok(())
}

/// Adds every file below `folder` as (path relative to `root` with forward slashes, absolute path).
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name =
                path.strip_prefix(root)?.to_str().ok_or("a file name is not UTF-8")?.replace('\\', "/");
            files.push((name, fs::canonicalize(&path)?));
        }
    }
    Ok(())
}

fn table(files: &[(String, PathBuf)]) -> Result<String, Box<dyn Error>> {
    let mut source = String::from("/// The files of the page, sorted by path.\n");
    source.push_str("pub(crate) static FILES: &[(&str, &[u8])] = &[\n");
    for (name, path) in files {
        let path = path.to_str().ok_or("the path of the page is not UTF-8")?;
        writeln!(source, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    source.push_str("];\n");
    Ok(source)
}
