//! Reading and rewriting `index.html`: just enough of HTML for a page of our own. Knows no file and no folder.

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

/// A `<link data-trunk …>`: a place in the page where a built file belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) span: Range<usize>,
    pub(crate) source: Source,
    attributes: Attributes,
}

/// What a link asks for; paths are relative to the folder of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Rust { manifest: String, bin: String },
    Css { href: String },
    Icon { href: String },
    CopyFile { href: String, folder: String },
    CopyDir { href: String, folder: Option<String> },
}

type Attributes = Vec<(String, Option<String>)>;

impl Link {
    /// The finished tag: this link's other attributes (`sizes`, `media`, …), with what the build knows better.
    pub(crate) fn tag(&self, rel: &str, address: &str) -> String {
        let mut tag = format!("<link rel=\"{rel}\" href=\"{address}\"");
        for (name, value) in &self.attributes {
            match value {
                _ if matches!(name.as_str(), "rel" | "href") || name.starts_with("data-") => {}
                Some(value) => tag += &format!(" {name}=\"{value}\""),
                None => tag += &format!(" {name}"),
            }
        }
        tag + ">"
    }
}

impl Link {
    /// Whether it is a style sheet that always holds, which `media` and the like would limit.
    pub(crate) fn is_plain_css(&self) -> bool {
        let plain =
            |(name, _): &(String, _)| matches!(name.as_str(), "rel" | "href") || name.starts_with("data-");
        matches!(self.source, Source::Css { .. }) && self.attributes.iter().all(plain)
    }
}

/// All links marked `data-trunk`, in their order.
pub(crate) fn links(html: &str) -> Result<Vec<Link>> {
    let marked = |piece: &Piece| piece.attributes.iter().any(|(name, _)| name == "data-trunk");
    pieces(html).into_iter().filter(marked).map(link).collect()
}

fn link(piece: Piece) -> Result<Link> {
    ensure!(piece.name == "link", "<{} data-trunk> is not understood, only <link data-trunk>", piece.name);
    let attribute = |wanted: &str| {
        let found = piece.attributes.iter().find(|(name, _)| name == wanted);
        found.and_then(|(_, value)| value.clone())
    };
    let rel = attribute("rel").context("a <link data-trunk> has no rel")?;
    let href = attribute("href").with_context(|| format!("<link data-trunk rel=\"{rel}\"> has no href"))?;
    let folder = attribute("data-target-path");
    let source = match rel.as_str() {
        "rust" => Source::Rust {
            manifest: href,
            bin: attribute("data-bin").context("<link data-trunk rel=\"rust\"> has no data-bin")?,
        },
        "css" => Source::Css { href },
        "icon" => Source::Icon { href },
        "copy-file" => Source::CopyFile { href, folder: folder.unwrap_or_default() },
        "copy-dir" => Source::CopyDir { href, folder },
        other => bail!("<link data-trunk rel=\"{other}\"> is not understood by `cargo xtask build`"),
    };
    Ok(Link { span: piece.span, source, attributes: piece.attributes })
}

/// Replaces the spans, which are in their order; drops comments, and the lines that thereby become empty.
pub(crate) fn rewrite(html: &str, replacements: &[(Range<usize>, String)]) -> String {
    let comments = pieces(html).into_iter().filter(|piece| piece.name == COMMENT);
    let mut changes: Vec<(Range<usize>, &str)> = comments.map(|piece| (piece.span, "")).collect();
    changes.extend(replacements.iter().map(|(span, text)| (span.clone(), text.as_str())));
    changes.sort_by_key(|(span, _)| span.start);

    let mut page = String::with_capacity(html.len());
    let mut done = 0;
    for (span, text) in changes {
        page.push_str(&html[done..span.start]);
        page.push_str(text);
        done = span.end;
        let line_is_empty = page.rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        if text.is_empty() && line_is_empty && html[done..].starts_with('\n') {
            page.truncate(page.trim_end_matches([' ', '\t']).len());
            done += 1;
        }
    }
    page.push_str(&html[done..]);
    page
}

/// Refuses what the content security policy would silently switch off: inline scripts, styles and handlers.
pub(crate) fn check_policy(html: &str) -> Result<()> {
    for piece in pieces(html) {
        let has = |wanted: &str| piece.attributes.iter().any(|(name, _)| name == wanted);
        ensure!(piece.name != "style", "an inline <style> is forbidden by the content security policy");
        ensure!(
            piece.name != "script" || has("src"),
            "an inline <script> is forbidden by the content security policy"
        );
        for (name, _) in &piece.attributes {
            ensure!(
                name != "style" && !name.starts_with("on"),
                "the attribute {name}= of <{}> is forbidden by the content security policy",
                piece.name
            );
        }
    }
    Ok(())
}

/// A start tag or a comment.
struct Piece {
    span: Range<usize>,
    name: String,
    attributes: Attributes,
}

const COMMENT: &str = "!--";

/// All start tags and comments; what stands inside `<script>`, `<style>` and the like is text and skipped.
fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(start) = html[at..].find('<').map(|offset| at + offset) {
        let rest = &html[start + 1..];
        if rest.starts_with(COMMENT) {
            at = rest.find("-->").map_or(html.len(), |end| start + 1 + end + 3);
            pieces.push(Piece { span: start..at, name: COMMENT.into(), attributes: Vec::new() });
        } else if rest.starts_with(|first: char| first.is_ascii_alphabetic()) {
            let (name, attributes, length) = start_tag(rest);
            at = start + 1 + length;
            let raw = matches!(name.as_str(), "script" | "style" | "textarea" | "title");
            if raw && let Some(end) = html[at..].to_ascii_lowercase().find(&format!("</{name}")) {
                pieces.push(Piece { span: start..at, name, attributes });
                at += end;
                continue;
            }
            pieces.push(Piece { span: start..at, name, attributes });
        } else {
            at = start + 1;
        }
    }
    pieces
}

/// Reads a start tag behind its `<`: name, attributes, and the length up to and with its `>`.
fn start_tag(text: &str) -> (String, Attributes, usize) {
    let name_end = text.find(|c: char| c.is_whitespace() || c == '/' || c == '>').unwrap_or(text.len());
    let name = text[..name_end].to_ascii_lowercase();
    let mut attributes = Attributes::new();
    let mut rest = &text[name_end..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (name, attributes, text.len());
        }
        if let Some(behind) = rest.strip_prefix('>') {
            return (name, attributes, text.len() - behind.len());
        }
        let end =
            rest[1..].find(|c: char| c.is_whitespace() || "=/>".contains(c)).map_or(rest.len(), |at| at + 1);
        let attribute = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let value = rest.strip_prefix('=').map(|behind| {
            let (value, behind) = attribute_value(behind.trim_start());
            rest = behind;
            value.to_owned()
        });
        attributes.push((attribute, value));
    }
}

/// Splits a value, quoted or not, from what follows it.
fn attribute_value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(behind) = text.strip_prefix(quote) {
            return behind.split_once(quote).unwrap_or((behind, ""));
        }
    }
    text.split_at(text.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_read_in_every_spelling() {
        let html = "<!-- <link data-trunk rel=css href=no.css> -->\n\
                    <title>a <b> c</title><link rel=canonical href=/>\n\
                    <LINK data-trunk rel='css' href=a.css media=\"(width > 3em)\"/>\n\
                    <link data-trunk rel=\"rust\" href=\"../c/Cargo.toml\" data-bin=\"panel\" data-wasm-opt=\"z\"/>\n\
                    <link data-trunk rel=\"copy-file\" href=\"x/robots.txt\" data-target-path=\"y\">";
        let links = links(html).unwrap();
        let sources: Vec<&Source> = links.iter().map(|link| &link.source).collect();
        assert_eq!(
            sources,
            [
                &Source::Css { href: "a.css".into() },
                &Source::Rust { manifest: "../c/Cargo.toml".into(), bin: "panel".into() },
                &Source::CopyFile { href: "x/robots.txt".into(), folder: "y".into() },
            ]
        );
        assert_eq!(
            &html[links[0].span.clone()],
            "<LINK data-trunk rel='css' href=a.css media=\"(width > 3em)\"/>"
        );
        assert_eq!(
            links[0].tag("stylesheet", "/assets/a-1.css"),
            "<link rel=\"stylesheet\" href=\"/assets/a-1.css\" media=\"(width > 3em)\">"
        );
    }

    #[test]
    fn links_nobody_understands_are_refused() {
        for html in [
            "<link data-trunk rel=\"sass\" href=\"a.scss\">",
            "<link data-trunk rel=\"css\">",
            "<link data-trunk rel=\"rust\" href=\"Cargo.toml\">",
            "<script data-trunk src=\"a.js\"></script>",
        ] {
            assert!(links(html).is_err(), "{html}");
        }
    }

    #[test]
    fn rewriting_drops_comments_and_empty_lines_only() {
        let html = "<head>\n  <!-- why -->\n  <a>\n  <b>\n\n<!-- x --><c>\n</head>";
        let a = html.find("<a>").unwrap();
        let b = html.find("<b>").unwrap();
        let page = rewrite(html, &[(a..a + 3, String::new()), (b..b + 3, "<B>".into())]);
        assert_eq!(page, "<head>\n  <B>\n\n<c>\n</head>");
    }

    #[test]
    fn the_policy_forbids_what_is_inline() {
        check_policy("<script src=\"a.js\"></script><p class=\"style\">onclick= is only text</p>").unwrap();
        for html in [
            "<script>go()</script>",
            "<style>a{}</style>",
            "<p style=\"x\">",
            "<body onload=go()>",
            "<svg><path STYLE=a>",
        ] {
            assert!(check_policy(html).is_err(), "{html}");
        }
    }

    #[test]
    fn unfinished_html_ends_the_reading() {
        for html in ["<", "<a", "<a b", "<a b=", "<a b='", "<a b=c", "<!--", "<script>", "< a>", "</a>", "<é"]
        {
            assert!(links(html).unwrap().is_empty(), "{html}");
        }
    }
}
