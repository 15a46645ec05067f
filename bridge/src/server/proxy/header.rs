//! The header of the PROXY protocol, versions 1 and 2: what a proxy says of whom it speaks for, before anything else. It knows
//! no socket, and not who may say such things.
//!
//! Nothing is guessed: bytes that are no header are wrong, and no more is asked for than a header has.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What begins version 2: no protocol that people type begins so.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before what version 2 has of addresses.
const FIXED: usize = 16;
/// What begins version 1.
const WORD: &[u8; 6] = b"PROXY ";
/// The shortest header of all: `PROXY UNKNOWN` with the end of its line.
const SHORTEST: usize = 15;
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// Bytes behind the fixed part of version 2 that are taken: addresses, and what else a proxy has to say.
const LONGEST_REST: usize = 4096;

/// How far a header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There must be so many bytes in all before more can be said. All of them are the header's.
    Needs(usize),
    /// It is whole.
    Whole {
        /// Its bytes.
        size: usize,
        /// Who is at the other end of the proxy; none when the proxy speaks for itself, or does not know.
        from: Option<SocketAddr>,
    },
}

/// Reads the header at the beginning of some bytes.
///
/// # Errors
/// They do not begin one; the text says what is wrong.
pub fn read(bytes: &[u8]) -> Result<Progress, &'static str> {
    let may_be = |start: &[u8]| bytes.iter().zip(start).all(|(byte, expected)| byte == expected);
    match (may_be(WORD), may_be(SIGNATURE)) {
        (true, true) => Ok(Progress::Needs(SHORTEST)), // nothing has come
        (true, false) => read_line(bytes),
        (false, true) => read_binary(bytes),
        (false, false) => Err("it does not begin with a header of the PROXY protocol"),
    }
}

/// Version 1: a line of text.
fn read_line(bytes: &[u8]) -> Result<Progress, &'static str> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
        if bytes.len() >= LONGEST_LINE {
            return Err("its PROXY line is too long");
        }
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        return Ok(Progress::Needs((bytes.len() + missing).clamp(SHORTEST, LONGEST_LINE)));
    };
    if end >= LONGEST_LINE {
        return Err("its PROXY line is too long");
    }
    let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok()?.strip_suffix('\r'));
    let words = line.ok_or("its PROXY line is no line of text")?.split(' ').collect::<Vec<_>>();
    let from = match *words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", from, to, from_port, to_port] => {
            let ends = (from.parse::<Ipv4Addr>().ok(), to.parse::<Ipv4Addr>().ok());
            let (Some(from), Some(_)) = ends else { return Err("its PROXY line has no such addresses") };
            Some(SocketAddr::from((from, ports(from_port, to_port)?)))
        }
        ["PROXY", "TCP6", from, to, from_port, to_port] => {
            let ends = (from.parse::<Ipv6Addr>().ok(), to.parse::<Ipv6Addr>().ok());
            let (Some(from), Some(_)) = ends else { return Err("its PROXY line has no such addresses") };
            Some(SocketAddr::from((from, ports(from_port, to_port)?)))
        }
        _ => return Err("its PROXY line says neither TCP4, TCP6 nor UNKNOWN with what belongs there"),
    };
    Ok(Progress::Whole { size: end + 1, from })
}

/// Both must be numbers of ports, as they are written; the first counts.
fn ports(from: &str, to: &str) -> Result<u16, &'static str> {
    let port = |text: &str| {
        let port = text.parse::<u16>().ok()?;
        (text.len() == 1 || !text.starts_with(['0', '+'])).then_some(port)
    };
    port(from).zip(port(to)).map(|(from, _)| from).ok_or("its PROXY line has no such ports")
}

/// Version 2.
fn read_binary(bytes: &[u8]) -> Result<Progress, &'static str> {
    let Some(&[.., command, family, high, low]) = bytes.first_chunk::<FIXED>() else {
        return Ok(Progress::Needs(FIXED));
    };
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > LONGEST_REST {
        return Err("its PROXY header is too long");
    }
    let is_for_another = match command {
        0x20 => false,
        0x21 => true,
        _ => return Err("its PROXY header has a version or command that is none"),
    };
    let size = FIXED + rest;
    let Some(rest) = bytes.get(FIXED..size) else { return Ok(Progress::Needs(size)) };
    if !is_for_another {
        return Ok(Progress::Whole { size, from: None });
    }
    let short = "its PROXY header is too short for its addresses";
    let from = match family {
        0x00 | 0x31 => None, // not known, or a socket of the proxy's machine
        0x11 => {
            let &[a, b, c, d, _, _, _, _, high, low, ..] = rest.first_chunk::<12>().ok_or(short)?;
            Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
        }
        0x21 => {
            let all = rest.first_chunk::<36>().ok_or(short)?;
            let &address = all.first_chunk::<16>().ok_or(short)?;
            Some(SocketAddr::from((address, u16::from_be_bytes([all[32], all[33]]))))
        }
        _ => return Err("its PROXY header is for no stream that we know"),
    };
    Ok(Progress::Whole { size, from })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Option<SocketAddr> {
        match read(bytes) {
            Ok(Progress::Whole { size, from }) if size == bytes.len() => from,
            other => panic!("{other:?}"),
        }
    }

    fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn a_line_says_who_it_is() {
        let far = Some("203.0.113.9:4711".parse().unwrap());
        assert_eq!(whole(b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 1883\r\n"), far);
        let far = Some("[2001:db8::9]:4711".parse().unwrap());
        assert_eq!(whole(b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 1883\r\n"), far);
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(whole(b"PROXY UNKNOWN ffff::1 what ever 1 2\r\n"), None);
    }

    #[test]
    fn the_binary_form_says_who_it_is() {
        let v4 = [203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 7, 0x5b];
        let far = Some("203.0.113.9:4711".parse().unwrap());
        assert_eq!(whole(&binary(0x21, 0x11, &v4)), far);
        assert_eq!(
            whole(&binary(0x21, 0x11, &[&v4[..], &[4, 0, 1, 0]].concat())),
            far,
            "more is passed over"
        );
        assert_eq!(whole(&binary(0x20, 0x11, &v4)), None, "the proxy speaks for itself");
        assert_eq!(whole(&binary(0x20, 0, &[])), None);
        assert_eq!(whole(&binary(0x21, 0, &[])), None);
        assert_eq!(whole(&binary(0x21, 0x31, &[0; 216])), None);
        let v6 = [&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[9], &[0; 16], &[0x12, 0x67, 7, 0x5b]].concat();
        assert_eq!(whole(&binary(0x21, 0x21, &v6)), Some("[2001:db8::9]:4711".parse().unwrap()));
    }

    #[test]
    fn what_is_no_header_is_wrong_from_its_first_byte_on() {
        for bad in [
            &b"\x10\x0c"[..],
            b"GET / HTTP/1.1\r\n",
            b"PROXY",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 1883\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n",
            b"PROXY TCP4 203.0.113.9  192.0.2.1 4711 1883\r\n",
            b"PROXY TCP4 203.0.113.09 192.0.2.1 4711 1883\r\n",
            b"PROXY TCP4 2001:db8::9 2001:db8::1 4711 1883\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 99999\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 +4711 1883\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 04711 1883\r\n",
            b"PROXY UDP4 203.0.113.9 192.0.2.1 4711 1883\r\n",
            b"proxy TCP4 203.0.113.9 192.0.2.1 4711 1883\r\n",
            b"PROXY \xff\xff\r\n",
            b"\r\n\r\n\0\r\nQUIX",
        ] {
            let is_cut = bad == b"PROXY";
            assert_eq!(read(bad).is_err(), !is_cut, "{}", bad.escape_ascii());
        }
        for (command, family, rest) in
            [(0x11, 0x11, 12), (0x22, 0x11, 12), (0x21, 0x12, 12), (0x21, 0x11, 11), (0x21, 0x21, 35)]
        {
            assert!(read(&binary(command, family, &vec![0; rest])).is_err(), "{command:x} {family:x} {rest}");
        }
        assert!(read(&binary(0x21, 0x11, &[0; 4097])).is_err());
        assert!(read(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat()).is_err());
        assert!(read(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200], b"\r\n"].concat()).is_err());
    }

    #[test]
    fn no_more_is_asked_for_than_a_header_has() {
        let v4 = [203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x67, 7, 0x5b];
        let line = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 1883\r\n".to_vec();
        for whole in [line, b"PROXY UNKNOWN\r\n".to_vec(), binary(0x21, 0x11, &v4), binary(0x20, 0, &[])] {
            let mut have = 0;
            loop {
                match read(&whole[..have]).unwrap() {
                    Progress::Needs(needs) => {
                        assert!(needs > have && needs <= whole.len(), "{needs} of {}", whole.len());
                        have = needs;
                    }
                    Progress::Whole { size, .. } => break assert_eq!((size, have), (whole.len(), have)),
                }
            }
            for cut in 0..whole.len() {
                assert!(matches!(read(&whole[..cut]), Ok(Progress::Needs(needs)) if needs > cut), "{cut}");
            }
        }
    }
}
