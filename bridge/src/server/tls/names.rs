//! What this machine is called in its network, and which of these names a CA of ours may vouch for: those of local networks and
//! those that were asked for, so that nobody who steals its key can pose as a bank.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, ensure};
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use rustix::system::uname;
use rustls::pki_types::ServerName;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;

/// Domains that only a local network resolves: RFC 6761, 6762, 8375, ICANN's `internal`, and what common home routers use.
const DOMAINS: [&str; 7] = ["localhost", "local", "home.arpa", "internal", "lan", "home", "fritz.box"];
/// Networks that no one on the internet is in.
const NETWORKS: [(IpAddr, u8); 9] = [
    (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
    (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
    (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(169, 254, 0, 0)), 16),
    (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
    (IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    (IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)), 10),
];

/// Names and addresses of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) domains: BTreeSet<String>,
    pub(super) addresses: BTreeSet<IpAddr>,
}

impl Names {
    /// Those that a configuration asks for.
    ///
    /// # Errors
    /// One can be neither a name nor an address.
    pub(super) fn parse(names: &[String]) -> Result<Self> {
        let mut parsed = Self::default();
        for name in names {
            match name.parse() {
                Ok(address) => _ = parsed.addresses.insert(address),
                Err(_) => {
                    ensure!(
                        ServerName::try_from(name.as_str()).is_ok(),
                        "[tls] names: {name:?} is neither a name nor an address"
                    );
                    parsed.domains.insert(name.to_ascii_lowercase());
                }
            }
        }
        Ok(parsed)
    }

    /// Those that this machine has now.
    pub(super) fn of_this_machine() -> Self {
        let mut names = Self::default();
        names.domains.insert("localhost".into());
        let host = uname().nodename().to_string_lossy().to_ascii_lowercase();
        if ServerName::try_from(host.as_str()).is_ok() && host.parse::<IpAddr>().is_err() {
            let first = host.split('.').next().unwrap_or_default().to_owned();
            names.domains.extend([format!("{first}.local"), first, host]);
        }
        let found = if_addrs::get_if_addrs().unwrap_or_default();
        names.addresses.extend([IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]);
        names.addresses.extend(found.into_iter().map(|interface| interface.ip()));
        names
    }

    pub(super) fn and(mut self, others: &Self) -> Self {
        self.domains.extend(others.domains.iter().cloned());
        self.addresses.extend(&others.addresses);
        self
    }

    /// All of them as text.
    pub(super) fn texts(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(ToString::to_string);
        self.domains.iter().cloned().chain(addresses).collect()
    }

    /// What a CA may vouch for that is made for these.
    pub(super) fn constraints(&self) -> NameConstraints {
        let domains = self.domains.iter().map(String::as_str).chain(DOMAINS).collect::<BTreeSet<_>>();
        let single = |address: &IpAddr| (*address, if address.is_ipv4() { 32 } else { 128 });
        let is_public = |address: &&IpAddr| !NETWORKS.iter().any(|&network| is_in(**address, network));
        let singles = self.addresses.iter().filter(is_public).map(single);
        let networks = NETWORKS.into_iter().chain(singles);
        let subnet = |(address, bits)| GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits));
        let domains = domains.into_iter().map(|domain| GeneralSubtree::DnsName(domain.to_owned()));
        NameConstraints {
            permitted_subtrees: domains.chain(networks.map(subnet)).collect(),
            excluded_subtrees: Vec::new(),
        }
    }

    /// Those that a CA with this certificate may vouch for.
    pub(super) fn permitted_by(&self, certificate: &[u8]) -> Self {
        let Ok((_, certificate)) = parse_x509_certificate(certificate) else { return Self::default() };
        let constraints = certificate.extensions().iter().find_map(|it| match it.parsed_extension() {
            ParsedExtension::NameConstraints(constraints) => constraints.permitted_subtrees.as_ref(),
            _ => None,
        });
        let Some(permitted) = constraints else { return self.clone() };
        let permits =
            |permits: &dyn Fn(&GeneralName<'_>) -> bool| permitted.iter().any(|it| permits(&it.base));
        let domain = |name: &&String| {
            permits(&|base| match base {
                GeneralName::DNSName(base) => is_below(name, base),
                _ => false,
            })
        };
        let address = |address: &&IpAddr| {
            permits(&|base| match base {
                GeneralName::IPAddress(base) => is_masked(**address, base),
                _ => false,
            })
        };
        Self {
            domains: self.domains.iter().filter(domain).cloned().collect(),
            addresses: self.addresses.iter().filter(address).copied().collect(),
        }
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Whether an address is in a network of so many bits.
fn is_in(address: IpAddr, (network, bits): (IpAddr, u8)) -> bool {
    let (address, network) = (octets(address), octets(network));
    let bit = |bytes: &[u8], at: usize| bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1);
    address.len() == network.len() && (0..usize::from(bits)).all(|at| bit(&address, at) == bit(&network, at))
}

/// The same for a network as certificates have it: an address, and a mask behind it.
fn is_masked(address: IpAddr, base: &[u8]) -> bool {
    let address = octets(address);
    let Some((network, mask)) = base.split_at_checked(address.len()) else { return false };
    mask.len() == address.len()
        && address.iter().zip(network).zip(mask).all(|((a, n), mask)| a & mask == n & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_below_its_domain_whole() {
        assert!(is_below("pi.local", "local") && is_below("local", "local") && is_below("a.b.lan", "lan"));
        assert!(!is_below("evillocal", "local") && !is_below("local.example", "local"));
    }

    #[test]
    fn networks_are_compared_by_their_bits() {
        let is_private = |text: &str| NETWORKS.iter().any(|&it| is_in(text.parse().unwrap(), it));
        for address in ["10.9.8.7", "172.31.0.1", "192.168.1.5", "fe80::1", "fd00::5", "::1", "100.64.0.1"] {
            assert!(is_private(address), "{address}");
        }
        for address in ["172.32.0.1", "11.0.0.1", "2001:db8::1", "::2", "203.0.113.5", "100.128.0.1"] {
            assert!(!is_private(address), "{address}");
        }
    }

    #[test]
    fn what_is_asked_for_is_a_name_or_an_address() {
        let names = Names::parse(&["House.Example".into(), "203.0.113.5".into()]).unwrap();
        assert_eq!(names.texts(), ["house.example", "203.0.113.5"]);
        assert!(Names::parse(&["a b".into()]).is_err());
    }
}
