//! Which hosts may be asked: agents' addresses come from records, and a record
//! must not turn the prober into a way into a private network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use url::Host;

use crate::model::AgentUrl;

/// The hosts that may be asked, checked when an address is known and again,
/// with the resolved IP addresses, when the connection is made.
///
/// Written as a comma-separated list of host names and IP addresses, of which a
/// leading `*.` stands for any number of labels.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    patterns: Arc<[Pattern]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `*.up.railway.app`, kept as `.up.railway.app`.
    Below(String),
    Name(String),
    Address(IpAddr),
}

/// Why a host may not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostRefused {
    /// No pattern matches.
    #[error("host {host} is not one of {allowed}")]
    NotListed {
        /// The host in question.
        host: String,
        /// The list as it is configured.
        allowed: String,
    },
    /// The name is allowed, and resolves only to addresses that are not.
    #[error("host {host} resolves to an address of a private network")]
    PrivateAddress {
        /// The host in question.
        host: String,
    },
}

/// A pattern of the list is malformed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no host pattern: use names, IP addresses and *.suffixes with a comma between them"
)]
pub struct InvalidHosts(String);

impl Default for AllowedHosts {
    /// Railway's public and private domains.
    fn default() -> Self {
        let below = |suffix: &str| Pattern::Below(suffix.to_owned());
        Self {
            patterns: Arc::new([below(".up.railway.app"), below(".railway.internal")]),
        }
    }
}

impl AllowedHosts {
    /// Checks that requests may be sent to an agent's address at all.
    ///
    /// # Errors
    /// When its host is neither allowed by name nor by address.
    pub fn check(&self, url: &AgentUrl) -> Result<(), HostRefused> {
        let allowed = match url.host() {
            Some(Host::Domain(name)) => self.allows_name(name),
            Some(Host::Ipv4(address)) => self.allows_literal(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.allows_literal(IpAddr::V6(address)),
            None => false,
        };
        allowed.then_some(()).ok_or_else(|| HostRefused::NotListed {
            host: url.hostname().to_owned(),
            allowed: self.to_string(),
        })
    }

    /// Keeps of the addresses that a name resolved to those that it may have: a
    /// public name must not lead into a private network. Names below
    /// `.internal` live in one; `localhost` means the loopback.
    pub(super) fn allows_resolved(&self, name: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let name = bare_name(name);
        if !self.allows_name(&name) {
            return false;
        }
        if name == "localhost" {
            return address.is_loopback();
        }
        match scope(address) {
            Scope::Public => true,
            Scope::Private => name.ends_with(".internal"),
            Scope::Special => false,
        }
    }

    fn allows_name(&self, name: &str) -> bool {
        let name = bare_name(name);
        self.patterns.iter().any(|pattern| match pattern {
            Pattern::Below(suffix) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|label| !label.is_empty()),
            Pattern::Name(exact) => *exact == name,
            Pattern::Address(_) => false,
        })
    }

    fn allows_literal(&self, address: IpAddr) -> bool {
        self.patterns.contains(&Pattern::Address(address))
    }
}

/// Lower case, and without the dot that makes a name absolute.
pub(super) fn bare_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

pub(super) enum Scope {
    Public,
    Private,
    /// Loopback, link-local (where clouds keep their metadata service),
    /// unspecified, multicast, broadcast.
    Special,
}

pub(super) fn scope(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            if v4.is_private() || shared {
                Scope::Private
            } else if v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || first == 0
            {
                Scope::Special
            } else {
                Scope::Public
            }
        }
        IpAddr::V6(v6) => {
            if v6.is_unique_local() {
                Scope::Private
            } else if v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
            {
                Scope::Special
            } else {
                Scope::Public
            }
        }
    }
}

impl fmt::Display for AllowedHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.patterns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match pattern {
                Pattern::Below(suffix) => write!(f, "{comma}*{suffix}")?,
                Pattern::Name(name) => write!(f, "{comma}{name}")?,
                Pattern::Address(address) => write!(f, "{comma}{address}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for AllowedHosts {
    type Err = InvalidHosts;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let patterns: Result<Vec<Pattern>, InvalidHosts> = list
            .split(',')
            .map(|pattern| pattern.trim().parse())
            .collect();
        Ok(Self {
            patterns: patterns?.into(),
        })
    }
}

impl FromStr for Pattern {
    type Err = InvalidHosts;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let label = |label: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            !label.is_empty() && label.bytes().all(allowed)
        };
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix('*') {
            Some(suffix) => (suffix.strip_prefix('.').unwrap_or_default(), true),
            None => (lower.as_str(), false),
        };
        if !name.split('.').all(label) {
            return Err(InvalidHosts(text.to_owned()));
        }
        Ok(if below {
            Self::Below(format!(".{name}"))
        } else {
            Self::Name(name.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &AllowedHosts, url: &str) -> Result<(), HostRefused> {
        hosts.check(&url.parse().unwrap())
    }

    #[test]
    fn by_default_only_the_domains_of_railway_are_asked() {
        let hosts = AllowedHosts::default();
        for url in [
            "https://agentbot-agent-a-production.up.railway.app",
            "https://A.UP.RAILWAY.APP",
            "https://a.up.railway.app.",
            "http://agent.railway.internal:18789",
        ] {
            assert_eq!(check(&hosts, url), Ok(()), "{url}");
        }
        for url in [
            "https://up.railway.app",
            "https://evilup.railway.app",
            "https://up.railway.app.evil.example",
            "https://a.up.railway.app.evil.example",
            "http://localhost",
            "http://127.0.0.1",
            "http://2130706433",
            "http://[::1]",
            "http://169.254.169.254",
        ] {
            assert!(check(&hosts, url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_refusal_names_the_host_and_the_list() {
        assert_eq!(
            check(&AllowedHosts::default(), "https://evil.example").map_err(|e| e.to_string()),
            Err("host evil.example is not one of *.up.railway.app, *.railway.internal".to_owned())
        );
    }

    #[test]
    fn a_public_name_may_not_resolve_into_a_private_network() {
        let hosts = AllowedHosts::default();
        let allows = |name, address: &str| hosts.allows_resolved(name, address.parse().unwrap());
        for (name, address) in [
            ("a.up.railway.app", "66.33.22.1"),
            ("a.up.railway.app", "2607:f8b0::1"),
            ("a.railway.internal", "fd12::1"),
            ("a.railway.internal", "10.1.2.3"),
        ] {
            assert!(allows(name, address), "{name} {address}");
        }
        for address in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!allows("a.up.railway.app", address), "{address}");
        }
        for address in ["127.0.0.1", "::1", "169.254.169.254"] {
            assert!(!allows("a.railway.internal", address), "{address}");
        }
        assert!(!allows("evil.example", "66.33.22.1"));
    }

    #[test]
    fn the_loopback_is_asked_only_where_the_list_has_it() {
        let hosts: AllowedHosts = "127.0.0.1, localhost".parse().unwrap();
        assert_eq!(check(&hosts, "http://127.0.0.1:8081"), Ok(()));
        assert_eq!(check(&hosts, "http://localhost:8081"), Ok(()));
        assert!(check(&hosts, "http://127.0.0.2").is_err());
        assert!(check(&hosts, "http://[::1]").is_err());
        assert!(hosts.allows_resolved("localhost", "127.0.0.1".parse().unwrap()));
        assert!(!hosts.allows_resolved("localhost", "10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn malformed_lists_are_refused() {
        for list in [
            "",
            "a,,b",
            "*",
            "*.",
            "*a.example",
            "a b",
            "http://a",
            "a:80",
            "a.*.b",
        ] {
            assert!(list.parse::<AllowedHosts>().is_err(), "{list:?}");
        }
    }
}
