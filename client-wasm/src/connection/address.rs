//! Which broker: the one of this page's origin, or the one that `?broker=` names. Pure; knows no browser.

use std::fmt;

/// Where the broker of an origin is.
const PATH: &str = "/mqtt";

/// A WebSocket address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    host: String,
    path: String,
}

impl Address {
    /// The broker for a page: `asked`, or `/mqtt` of the page's own host, over TLS if the page came so.
    ///
    /// # Errors
    /// What is wrong with the address that was asked for, as a sentence.
    pub fn choose(page_is_secure: bool, page_host: &str, asked: Option<&str>) -> Result<Self, String> {
        let asked = asked.map_or("", str::trim);
        if asked.is_empty() {
            return Ok(Self { secure: page_is_secure, host: page_host.to_owned(), path: PATH.to_owned() });
        }
        let (secure, rest) = match scheme(asked) {
            Some(("ws" | "http", rest)) => (false, rest),
            Some(("wss" | "https", rest)) => (true, rest),
            Some(("mqtt" | "mqtts" | "tcp" | "ssl" | "tls", _)) => {
                return Err(format!(
                    "Browsers cannot reach {asked}: they need the broker's WebSocket address, which begins with \
                     ws:// or wss://."
                ));
            }
            Some(_) => return Err(format!("{asked} is not a ws:// or wss:// address.")),
            None => (page_is_secure, asked),
        };
        let (host, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, PATH),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || matches!(c, '@' | '#' | '\\')) {
            return Err(format!("{asked} names no host."));
        }
        let path = path.split('#').next().unwrap_or(path);
        Ok(Self { secure, host: host.to_owned(), path: path.to_owned() })
    }

    /// Host, and port if it is not the usual one.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path on the host.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is `wss://`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether it is this machine: browsers reach that without a network, and without TLS from a secure page.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = match self.host.rsplit_once(':') {
            Some((name, _)) if !name.starts_with('[') || name.ends_with(']') => name,
            _ => &self.host,
        };
        name == "localhost" || name.ends_with(".localhost") || name == "[::1]" || name.starts_with("127.")
    }
}

/// `ws` and the rest of `ws://host/path`; none when there is no scheme.
fn scheme(address: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = address.split_once(':')?;
    Some((scheme, rest.strip_prefix("//")?))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(secure: bool, asked: &str) -> Result<String, String> {
        Address::choose(secure, "home:8080", Some(asked)).map(|address| address.to_string())
    }

    #[test]
    fn without_a_wish_it_is_the_pages_own_broker() {
        assert_eq!(Address::choose(false, "home:8080", None).unwrap().to_string(), "ws://home:8080/mqtt");
        assert_eq!(Address::choose(true, "home", None).unwrap().to_string(), "wss://home/mqtt");
        assert_eq!(choose(false, "  ").unwrap(), "ws://home:8080/mqtt");
    }

    #[test]
    fn another_broker_is_taken_as_written_or_completed() {
        for (asked, address) in [
            ("wss://broker:8084/mqtt", "wss://broker:8084/mqtt"),
            ("ws://127.0.0.1:9001", "ws://127.0.0.1:9001/mqtt"),
            ("ws://127.0.0.1:9001/", "ws://127.0.0.1:9001/"),
            ("broker:9001", "ws://broker:9001/mqtt"),
            ("http://broker/a?b=c#d", "ws://broker/a?b=c"),
            ("ws://[::1]:9001/", "ws://[::1]:9001/"),
        ] {
            assert_eq!(choose(false, asked).unwrap(), address, "{asked}");
        }
        assert_eq!(choose(true, "broker").unwrap(), "wss://broker/mqtt");
    }

    #[test]
    fn this_machine_has_several_names() {
        let is_loopback = |host| Address::choose(false, host, None).unwrap().is_loopback();
        assert!(
            ["localhost", "localhost:1", "127.0.0.1:1", "[::1]:1", "[::1]", "a.localhost"]
                .into_iter()
                .all(is_loopback)
        );
        assert!(!["home", "[fe80::1]:1", "[fe80::1]", "localhost.example:1"].into_iter().any(is_loopback));
    }

    #[test]
    fn what_no_browser_reaches_is_said_so() {
        assert!(choose(false, "mqtt://broker:1883").unwrap_err().contains("ws://"));
        for bad in ["ftp://x", "ws://", "ws:///mqtt", "a b", "ws://user@host/"] {
            assert!(choose(false, bad).is_err(), "{bad}");
        }
    }
}
