//! Style sheets without what only people read: comments, indents, line ends. Knows no property and no selector.

/// The same sheet, smaller. What stands in quotes stays as it is.
pub(super) fn shrink(css: &str) -> String {
    let mut small = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if matches!(first, '"' | '\'') {
            let end = quoted(rest, first);
            small.push_str(&rest[..end]);
            rest = &rest[end..];
        } else {
            rest = &rest[first.len_utf8()..];
            push(&mut small, first);
        }
    }
    small.truncate(small.trim_end().len());
    small
}

/// Where a text in quotes ends.
fn quoted(css: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = css.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(css.len(), |(at, _)| at + 1)
}

/// A space counts between words; not beside what parts them anyway. Before a colon it is a selector's.
fn push(small: &mut String, c: char) {
    let last = small.chars().next_back();
    if c.is_ascii_whitespace() {
        if last.is_some_and(|last| !matches!(last, '{' | '}' | ';' | ',' | ':' | ' ')) {
            small.push(' ');
        }
        return;
    }
    if matches!(c, '{' | '}' | ';' | ',') && last == Some(' ') {
        small.pop();
    }
    if c == '}' && small.ends_with(';') {
        small.pop();
    }
    small.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_reads_goes() {
        for (css, small) in [
            ("/* all */\n:root { --a: 1px;\n  --b: 2 }\n", ":root{--a:1px;--b:2}"),
            (
                "a :hover, b > c { margin: -1px calc(1px + 2px) ; }",
                "a :hover,b > c{margin:-1px calc(1px + 2px)}",
            ),
            ("@media (a: b) and (c) { d { e: f } }", "@media (a:b) and (c){d{e:f}}"),
            ("a::after { content: \" ; /* x */ \\\" { \" }", "a::after{content:\" ; /* x */ \\\" { \"}"),
            ("a { b: c } /* open", "a{b:c}"),
            ("", ""),
        ] {
            assert_eq!(shrink(css), small, "{css}");
            assert_eq!(shrink(small), small, "twice is once");
        }
    }
}
