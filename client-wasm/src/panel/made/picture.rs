//! Which payloads are pictures, by their first bytes. Pure.

/// Bytes of a picture; what is larger is not shown.
pub const MAX_BYTES: usize = 4 << 20;

/// The type of a picture; none when it is none that a browser shows. An SVG is only ever shown as an image, where none of its
/// scripts run.
#[must_use]
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => is_svg(bytes).then_some("image/svg+xml"),
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(512)).unwrap_or_default();
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let has_root = head.windows(4).any(|four| four == b"<svg");
    head.starts_with(b"<svg") || has_root && (head.starts_with(b"<?xml") || head.starts_with(b"<!"))
}

/// The picture as an address that carries it: of its bytes, or of their base64, as some devices send them. None when it is
/// none that a browser shows, or larger than [`MAX_BYTES`].
#[must_use]
pub fn address(bytes: &[u8]) -> Option<String> {
    let bytes = Some(bytes).filter(|bytes| bytes.len() <= MAX_BYTES)?;
    if let Some(kind) = kind(bytes) {
        return Some(carried(kind, bytes));
    }
    // What pictures begin with, in base64.
    const HEADS: [(&str, &str); 4] =
        [("iVBORw0KGgo", "png"), ("/9j/", "jpeg"), ("R0lGODd", "gif"), ("R0lGODl", "gif")];
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let text =
        text.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,")).map_or(text, |it| it.1);
    let (_, kind) = HEADS.into_iter().find(|(head, _)| text.starts_with(head))?;
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\r' | b'\n');
    text.bytes().all(is_digit).then(|| format!("data:image/{kind};base64,{text}"))
}

fn carried(kind: &str, bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 40);
    out.extend(["data:", kind, ";base64,"]);
    for three in bytes.chunks(3) {
        let byte = |n: usize| usize::from(three.get(n).copied().unwrap_or(0));
        let all = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = char::from(DIGITS[all >> (18 - 6 * n) & 63]);
            out.push(if n > three.len() { '=' } else { digit });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        for (bytes, wanted) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a..", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8", Some("image/webp")),
            (b" <svg xmlns='x'/>", Some("image/svg+xml")),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", Some("image/svg+xml")),
            (b"<html><svg/></html>", None),
            (b"<?xml?><html/>", None),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"https://x.y/z.png", None),
            (b"", None),
        ] {
            assert_eq!(kind(bytes), wanted, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn an_address_carries_all_bytes() {
        for (bytes, digits) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foob", "Zm9vYg==")]
        {
            assert_eq!(carried("x/y", bytes), format!("data:x/y;base64,{digits}"));
        }
        assert!(carried("x/y", &[0xfb, 0xff, 0xfe]).ends_with("+//+"));
    }

    #[test]
    fn pictures_come_as_bytes_or_in_base64_and_nothing_else_is_one() {
        let png = "iVBORw0KGgoAAAANSUhEUg==";
        let wanted = format!("data:image/png;base64,{png}");
        for text in [png.to_owned(), format!(" {png}\n"), wanted.clone()] {
            assert_eq!(address(text.as_bytes()).as_deref(), Some(wanted.as_str()), "{text}");
        }
        assert_eq!(address(b"GIF89a").as_deref(), Some("data:image/gif;base64,R0lGODlh"));
        for odd in ["", "hello", "iVBORw0KGgo\"onerror", "data:text/html;base64,PGI+", "https://x.y/z.png"] {
            assert_eq!(address(odd.as_bytes()), None, "{odd}");
        }
        let mut large = b"GIF89a".to_vec();
        large.resize(MAX_BYTES + 1, 0);
        assert_eq!(address(&large), None);
    }
}
