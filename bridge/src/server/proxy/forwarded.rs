//! `Forwarded` (RFC 7239), `X-Forwarded-For` and `X-Forwarded-Proto`: what proxies say of whom an HTTP request comes from, and
//! how. It knows no request, and does not believe: that is asked for before.

use std::net::{IpAddr, SocketAddr};

/// Who a request comes from, as the headers of a trusted proxy have it: the last one that is none of our proxies. None where they
/// say nothing.
///
/// # Errors
/// They say something that is none, or not the same thing; the text says what.
pub(super) fn client<'a>(
    forwarded: impl Iterator<Item = &'a str>,
    x_forwarded_for: impl Iterator<Item = &'a str>,
    is_ours: impl Fn(IpAddr) -> bool,
) -> Result<Option<SocketAddr>, &'static str> {
    let mut by_standard = Vec::new();
    for element in forwarded.flat_map(|line| split(line, ',')).filter(|element| !element.is_empty()) {
        by_standard.push(value(element, "for").unwrap_or("unknown"));
    }
    let by_custom: Vec<_> = x_forwarded_for
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|hop| !hop.is_empty())
        .collect();
    match (by_standard.is_empty(), by_custom.is_empty()) {
        (true, true) => Ok(None),
        (false, true) => last(&by_standard, is_ours).map(Some),
        (true, false) => last(&by_custom, is_ours).map(Some),
        // A proxy writes one of them and may pass the other on as it came, from anybody.
        (false, false) => {
            let (one, other) = (last(&by_standard, &is_ours)?, last(&by_custom, &is_ours)?);
            match one.ip() == other.ip() {
                true => Ok(Some(one)),
                false => Err("Forwarded and X-Forwarded-For name different clients"),
            }
        }
    }
}

/// Whether a request came to the proxy before us by TLS. Where two headers say how it came, both have to.
pub(super) fn is_by_tls<'a>(
    forwarded: impl Iterator<Item = &'a str>,
    x_forwarded_proto: impl Iterator<Item = &'a str>,
) -> bool {
    let by_standard =
        forwarded.flat_map(|line| split(line, ',')).filter_map(|element| value(element, "proto"));
    let by_custom = x_forwarded_proto.flat_map(|line| line.split(',')).map(str::trim);
    let mut said = [by_standard.last(), by_custom.last()].into_iter().flatten().peekable();
    said.peek().is_some() && said.all(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// What an element of `Forwarded` says of one thing.
fn value<'a>(element: &'a str, key: &str) -> Option<&'a str> {
    let pairs = split(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(key))?;
    Some(value.trim().trim_matches('"'))
}

/// The last of several that is none of ours; the first where all are.
fn last(hops: &[&str], is_ours: impl Fn(IpAddr) -> bool) -> Result<SocketAddr, &'static str> {
    let mut client = Err("the proxy does not say whom it speaks for");
    for hop in hops.iter().rev() {
        let address = address(hop).ok_or("Forwarded or X-Forwarded-For has something that is no address")?;
        client = Ok(address);
        if !is_ours(address.ip()) {
            break;
        }
    }
    client
}

/// An address with or without a port, which is 0 then.
fn address(text: &str) -> Option<SocketAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip.to_canonical(), 0));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(ip) = bare.and_then(|bare| bare.parse().ok()) {
        return Some(SocketAddr::new(IpAddr::V6(ip).to_canonical(), 0));
    }
    let address: SocketAddr = text.parse().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// Parts between separators that stand in no quotation marks, without space around them.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(|c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    parts.map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(forwarded: &[&str], x_forwarded_for: &[&str]) -> Result<Option<String>, &'static str> {
        let is_ours = |ip: IpAddr| ip.to_string().starts_with("10.");
        let client = client(forwarded.iter().copied(), x_forwarded_for.iter().copied(), is_ours)?;
        Ok(client.map(|client| client.to_string()))
    }

    #[test]
    fn it_is_the_last_that_is_no_proxy_of_ours() {
        let far = Ok(Some("203.0.113.9:0".to_owned()));
        assert_eq!(of(&[], &["203.0.113.9"]), far);
        assert_eq!(
            of(&[], &["127.0.0.1, 203.0.113.9, 10.0.0.7"]),
            far,
            "what the client wrote itself is not asked"
        );
        assert_eq!(of(&[], &["127.0.0.1", "203.0.113.9", "10.0.0.7"]), far, "lines are one list");
        assert_eq!(of(&["for=203.0.113.9"], &[]), far);
        assert_eq!(
            of(&["for=127.0.0.1, For=\"203.0.113.9\";proto=https;by=10.0.0.1, for=10.0.0.7"], &[]),
            far
        );
        assert_eq!(of(&[], &["10.0.0.8, 10.0.0.7"]), Ok(Some("10.0.0.8:0".into())));
        assert_eq!(of(&["for=\"[2001:db8::9]:4711\""], &[]), Ok(Some("[2001:db8::9]:4711".into())));
        assert_eq!(of(&[], &["::ffff:203.0.113.9"]), far);
        assert_eq!(of(&[], &[]), Ok(None));
    }

    #[test]
    fn what_is_no_address_or_not_agreed_on_is_refused() {
        for hop in ["unknown", "_hidden", "house", "203.0.113.9, evil", "203.0.113.999"] {
            assert!(of(&[], &[hop]).is_err(), "{hop}");
            assert!(of(&[&format!("for={hop}").replace(", ", ", for=")], &[]).is_err(), "{hop}");
        }
        assert!(of(&["proto=https"], &[]).is_err());
        assert!(of(&["for=203.0.113.9"], &["203.0.113.9"]).is_ok());
        assert!(of(&["for=203.0.113.9"], &["203.0.113.8"]).is_err());
    }

    #[test]
    fn it_came_by_tls_when_the_last_proxy_says_so() {
        let is =
            |forwarded: &[&str], proto: &[&str]| is_by_tls(forwarded.iter().copied(), proto.iter().copied());
        for (forwarded, proto) in [
            (&[][..], &["https"][..]),
            (&[], &["http, HTTPS"]),
            (&["for=203.0.113.9;proto=https"], &[]),
            (&["proto=http;for=a", "for=b; Proto=\"https\""], &[]),
            (&["for=203.0.113.9;proto=https"], &["https"]),
            (&["for=203.0.113.9"], &["https"]),
        ] {
            assert!(is(forwarded, proto), "{forwarded:?} {proto:?}");
        }
        for (forwarded, proto) in [
            (&[][..], &[][..]),
            (&[], &["http"]),
            (&[], &["https, http"]),
            (&[], &["https", "http"]),
            (&["for=https"], &[]),
            (&["for=203.0.113.9;proto=http"], &["https"]),
            (&["for=203.0.113.9;proto=https"], &["http"]),
            (&["for=\"x;proto=https\""], &[]),
        ] {
            assert!(!is(forwarded, proto), "{forwarded:?} {proto:?}");
        }
    }
}
