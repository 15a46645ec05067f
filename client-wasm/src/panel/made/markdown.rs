//! A small part of Markdown: headings, paragraphs, lists, code, bold, italic and links. What is not known stays text, and
//! nothing becomes HTML. Pure.

/// Bytes of a text; what is behind is not shown.
pub const MAX_BYTES: usize = 16 << 10;
/// Marks in each other.
const MAX_DEPTH: u8 = 6;

/// A block of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading of a level from 1.
    Heading(u8, Vec<Span>),
    /// A paragraph.
    Text(Vec<Span>),
    /// Items, counted or not.
    List(bool, Vec<Vec<Span>>),
    /// Lines as they stand.
    Code(String),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// As it is.
    Plain(String),
    /// `**bold**`
    Bold(Vec<Self>),
    /// `*italic*`
    Italic(Vec<Self>),
    /// `` `code` ``
    Code(String),
    /// `[words](address)`, of http and https only.
    Link(Vec<Self>, String),
}

/// Reads a text.
#[must_use]
pub fn read(text: &str) -> Vec<Block> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut blocks = Vec::new();
    let mut lines = text[..end].lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("```") {
            let code: Vec<_> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            blocks.push(Block::Code(code.join("\n")));
        } else if let Some((level, words)) = heading(line) {
            blocks.push(Block::Heading(level, spans(words, 0)));
        } else if let Some((counted, words)) = item(line) {
            let words = spans(words, 0);
            match blocks.last_mut() {
                Some(Block::List(same, items)) if *same == counted => items.push(words),
                _ => blocks.push(Block::List(counted, vec![words])),
            }
        } else if !line.is_empty() {
            let mut words = line.to_owned();
            while let Some(next) = lines.next_if(|next| is_plain(next.trim())) {
                words.push(' ');
                words.push_str(next.trim());
            }
            blocks.push(Block::Text(spans(&words, 0)));
        }
    }
    blocks
}

/// The words of a text's first block, without marks.
#[must_use]
pub fn words(text: &str) -> String {
    let first = read(text).into_iter().next();
    let spans = match first {
        Some(Block::Heading(_, spans) | Block::Text(spans)) => spans,
        Some(Block::List(_, items)) => items.into_iter().next().unwrap_or_default(),
        Some(Block::Code(lines)) => return lines.lines().next().unwrap_or_default().to_owned(),
        None => return String::new(),
    };
    spans.iter().map(Span::words).collect()
}

impl Span {
    fn words(&self) -> String {
        match self {
            Self::Plain(words) | Self::Code(words) => words.clone(),
            Self::Bold(inside) | Self::Italic(inside) | Self::Link(inside, _) => {
                inside.iter().map(Self::words).collect()
            }
        }
    }
}

fn is_plain(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("```") && heading(line).is_none() && item(line).is_none()
}

fn heading(line: &str) -> Option<(u8, &str)> {
    let words = line.trim_start_matches('#');
    let level = u8::try_from(line.len() - words.len()).ok().filter(|level| (1..=6).contains(level))?;
    Some((level, words.strip_prefix(' ')?.trim()))
}

fn item(line: &str) -> Option<(bool, &str)> {
    if let Some(words) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some((false, words));
    }
    let (number, words) = line.split_once(". ")?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then_some((true, words))
}

fn spans(text: &str, depth: u8) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match marked(rest, depth) {
            Some((span, behind)) => {
                if !plain.is_empty() {
                    spans.push(Span::Plain(std::mem::take(&mut plain)));
                }
                spans.push(span);
                rest = behind;
            }
            None => {
                // A mark after a backslash is none.
                let escaped = rest.strip_prefix('\\').and_then(|behind| behind.chars().next());
                let c = match escaped.filter(char::is_ascii_punctuation) {
                    Some(mark) => {
                        rest = &rest[1..];
                        mark
                    }
                    None => c,
                };
                plain.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    if !plain.is_empty() {
        spans.push(Span::Plain(plain));
    }
    spans
}

/// What is marked at the beginning of a text, and what is behind it.
fn marked(text: &str, depth: u8) -> Option<(Span, &str)> {
    let between = |mark: &str| {
        let (inside, behind) = text.strip_prefix(mark)?.split_once(mark)?;
        let is_tight = !inside.is_empty() && inside.trim() == inside;
        is_tight.then_some((inside, behind))
    };
    if let Some((code, behind)) = between("`") {
        return Some((Span::Code(code.to_owned()), behind));
    }
    if depth >= MAX_DEPTH {
        return None;
    }
    if let Some((inside, behind)) = between("**") {
        return Some((Span::Bold(spans(inside, depth + 1)), behind));
    }
    if let Some((inside, behind)) = between("*") {
        return Some((Span::Italic(spans(inside, depth + 1)), behind));
    }
    let (words, behind) = text.strip_prefix('[')?.split_once("](")?;
    let (address, behind) = behind.split_once(')')?;
    let may = is_web(address) && !words.contains('[');
    may.then(|| (Span::Link(spans(words, depth + 1), address.to_owned()), behind))
}

/// Whether an address leads to the web, and to nothing else.
#[must_use]
pub fn is_web(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let is_web = |(scheme, rest): (String, &str)| matches!(&*scheme, "http" | "https") && !rest.is_empty();
    scheme.is_some_and(is_web) && !address.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use mqtt::Rng;

    use super::*;

    fn plain(text: &str) -> Span {
        Span::Plain(text.to_owned())
    }

    #[test]
    fn blocks_and_marks_are_read() {
        let text = "# The *hall*\nTwo\nlines\n\n- one\n- **two** `x*y`\n1. first\n\n```sh\na  <b>\n```\nend";
        assert_eq!(
            read(text),
            [
                Block::Heading(1, vec![plain("The "), Span::Italic(vec![plain("hall")])]),
                Block::Text(vec![plain("Two lines")]),
                Block::List(
                    false,
                    vec![
                        vec![plain("one")],
                        vec![Span::Bold(vec![plain("two")]), plain(" "), Span::Code("x*y".to_owned())]
                    ]
                ),
                Block::List(true, vec![vec![plain("first")]]),
                Block::Code("a  <b>".to_owned()),
                Block::Text(vec![plain("end")]),
            ]
        );
        assert_eq!(read("2 * 3 * 4"), [Block::Text(vec![plain("2 * 3 * 4")])], "no marks");
        assert_eq!(read("\\*a\\* ä\\"), [Block::Text(vec![plain("*a* ä\\")])]);
        assert_eq!(read("#no"), [Block::Text(vec![plain("#no")])]);
    }

    #[test]
    fn links_lead_to_the_web_and_nowhere_else() {
        let link = Span::Link(vec![plain("b")], "https://x.y/z?q".to_owned());
        assert_eq!(read("a [b](https://x.y/z?q)."), [Block::Text(vec![plain("a "), link, plain(".")])]);
        for address in [
            "javascript:alert(1)",
            "JavaScript://x",
            "data:text/html,x",
            "//x.y",
            "/x",
            "http://",
            "https:x",
            "http://a b",
            "java\tscript://x",
            "vbscript://x",
            "",
        ] {
            let text = format!("[b]({address})");
            let read = read(&text);
            assert!(!format!("{read:?}").contains("Link"), "{address}: {read:?}");
        }
        assert!(is_web("HTTPS://x.y"));
    }

    #[test]
    fn the_first_words_name_a_text() {
        for (text, name) in [
            ("# The **hall** [door](http://x)\nmore", "The hall door"),
            ("\n- *one*\n- two", "one"),
            ("```\na\nb\n```", "a"),
            ("plain `x`", "plain x"),
            ("  \n", ""),
        ] {
            assert_eq!(words(text), name);
        }
    }

    #[test]
    fn html_stays_text() {
        let text = "<script>alert(1)</script> <img src=x onerror=y>";
        assert_eq!(read(text), [Block::Text(vec![plain(text)])]);
    }

    #[test]
    fn any_text_comes_to_an_end() {
        let pieces =
            ["*", "**", "`", "[", "](", ")", "http://x", "\n", "# ", "- ", "1. ", "```", "\\", "ä", " ", "a"];
        for seed in 0..500 {
            let mut rng = Rng::new(seed);
            let pick = |rng: &mut Rng| pieces[usize::try_from(rng.up_to(15)).unwrap()];
            let text: String = (0..200).map(|_| pick(&mut rng)).collect();
            let _read = read(&text);
        }
        for text in ["*".repeat(20_000), "[a](".repeat(5_000), "**a *b ".repeat(3_000), "ä".repeat(20_000)] {
            let _read = read(&text);
        }
    }
}
