//! A notation for packets: `10 [ 'MQTT' 04 02 003c 'id' ]`. It shares nothing with the codec under test.

/// Hexadecimal digits stand for themselves, `'text'` for a string with its two bytes of length, `"text"` for bare
/// characters, and `[ … ]` for its content behind a variable byte integer that counts it.
pub(crate) fn bytes(notation: &str) -> Vec<u8> {
    let mut stack = vec![Vec::new()];
    let mut rest = notation.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut used = 1;
        match first {
            '[' => stack.push(Vec::new()),
            ']' => {
                let inner = stack.pop().unwrap();
                let outer = stack.last_mut().unwrap();
                outer.extend(length_prefix(inner.len()));
                outer.extend(inner);
            }
            '\'' | '"' => {
                let text = &rest[1..];
                let end = text.find(first).unwrap();
                let out = stack.last_mut().unwrap();
                if first == '\'' {
                    out.extend(u16::try_from(end).unwrap().to_be_bytes());
                }
                out.extend_from_slice(&text.as_bytes()[..end]);
                used = end + 2;
            }
            _ => {
                used = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
                assert!(used > 0 && used % 2 == 0, "not hexadecimal: {rest}");
                let digits = &rest[..used];
                let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
                stack.last_mut().unwrap().extend((0..used).step_by(2).map(byte));
            }
        }
        rest = rest[used..].trim_start();
    }
    assert_eq!(stack.len(), 1, "brackets do not match: {notation}");
    stack.remove(0)
}

/// A Variable Byte Integer, as the pseudo code of 1.5.5 makes it.
pub(crate) fn length_prefix(mut n: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let digit = u8::try_from(n % 128).unwrap();
        n /= 128;
        out.push(if n > 0 { digit | 0x80 } else { digit });
        if n == 0 {
            return out;
        }
    }
}
