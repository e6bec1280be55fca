//! The reverse proxies that agents may believe, as the platform's configuration
//! names them, and an agent's settings that make it believe them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::agent_page;
use super::json::{Fixing, Misshapen, make_object, object};

/// The networks that requests reach agents from: addresses and CIDRs, separated by
/// commas. Empty where the platform does not know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentTrustedProxies(Vec<IpNet>);

/// Why a list of networks is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAgentTrustedProxies {
    /// It is neither an address nor a network; a prefix may be out of range.
    #[error(
        "{0:?} is no network: use addresses and CIDRs such as 192.0.2.0/24 or 2001:db8::/32, \
         separated by commas"
    )]
    NoNetwork(String),
    /// It has bits behind its prefix.
    #[error("{given} has bits behind its prefix: write {network}")]
    HostBits {
        /// What is configured.
        given: IpNet,
        /// The network that it is in.
        network: IpNet,
    },
    /// It is an IPv4 network in IPv6 notation: OpenClaw keeps the two apart.
    #[error("{0} is an IPv4 address in IPv6 notation: write it as IPv4")]
    Mapped(IpNet),
    /// It has everybody in it.
    #[error(
        "{0} is every address: agents would believe the client address that anybody claims to \
         have; name the proxies' networks"
    )]
    Everybody(IpNet),
}

impl FromStr for AgentTrustedProxies {
    type Err = InvalidAgentTrustedProxies;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',').map(|item| network(item.trim())).collect()
    }
}

impl FromIterator<IpNet> for AgentTrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut all = Vec::new();
        for network in networks {
            if !all.contains(&network) {
                all.push(network);
            }
        }
        Self(all)
    }
}

fn network(text: &str) -> Result<IpNet, InvalidAgentTrustedProxies> {
    let given = read(text).ok_or_else(|| InvalidAgentTrustedProxies::NoNetwork(text.to_owned()))?;
    let network = given.trunc();
    if given.prefix_len() == 0 {
        return Err(InvalidAgentTrustedProxies::Everybody(network));
    }
    if let IpNet::V6(v6) = given
        && v6.addr().to_ipv4_mapped().is_some()
    {
        return Err(InvalidAgentTrustedProxies::Mapped(given));
    }
    if given != network {
        return Err(InvalidAgentTrustedProxies::HostBits { given, network });
    }
    Ok(network)
}

/// An address is a network of one.
fn read(text: &str) -> Option<IpNet> {
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    address.or_else(|| text.parse().ok())
}

/// As an agent's settings name it: an address has no prefix.
struct Written(IpNet);

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(network) = self;
        if network.prefix_len() == network.max_prefix_len() {
            network.addr().fmt(f)
        } else {
            network.fmt(f)
        }
    }
}

/// What the platform knows of the edge that an agent is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The addresses from which the edge's requests come.
    pub trusted_proxies: AgentTrustedProxies,
    /// The agent's public origin, where it is recorded and uses https.
    pub origin: Option<String>,
    /// The origin at which the platform opens the agent's page, where it does.
    pub page_origin: Option<String>,
}

impl Edge {
    /// Whether the platform says that there is one.
    pub(super) fn is_named(&self) -> bool {
        !self.trusted_proxies.0.is_empty()
    }

    /// Adds the networks that the gateway does not trust yet.
    pub(super) fn trust(&self, configuration: &mut Map<String, Value>) -> Fixing {
        let is_there = |network: &IpNet, there: &str| read(there) == Some(*network);
        add_missing(
            configuration,
            ["gateway", "trustedProxies"],
            &self.trusted_proxies.0,
            is_there,
            |network| Written(*network).to_string(),
        )
    }

    /// The origins from which the control page is shown.
    pub(super) fn origins(&self) -> Vec<&str> {
        let of_edge = self.origin.as_ref().filter(|_| self.is_named());
        let all = of_edge.into_iter().chain(&self.page_origin);
        all.map(String::as_str).collect()
    }

    /// Adds the agent's own origins, unless the gateway serves no control page or
    /// takes any origin.
    pub(super) fn allow_origin(&self, configuration: &mut Map<String, Value>) -> Fixing {
        if !agent_page::is_served(configuration) {
            return Ok(());
        }
        let is_there = |origin: &&str, there: &str| {
            let there = there.trim();
            there == "*" || there.eq_ignore_ascii_case(origin)
        };
        add_missing(
            configuration,
            ["gateway", "controlUi", "allowedOrigins"],
            &self.origins(),
            is_there,
            |origin| (*origin).to_owned(),
        )
    }
}

/// Appends to a list of texts what is not there. What is there stays, in its order.
fn add_missing<T, const N: usize>(
    configuration: &mut Map<String, Value>,
    path: [&str; N],
    wanted: &[T],
    is_there: impl Fn(&T, &str) -> bool,
    write: impl Fn(&T) -> String,
) -> Fixing {
    let Some((name, parents)) = path.split_last() else {
        return Ok(());
    };
    let there = object(configuration, parents).and_then(|parent| parent.get(*name));
    let there = match there {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(there)) => there,
        Some(_) => {
            let path = [&["configuration"], &path[..]].concat();
            return Err(Misshapen::new(&path, "a list"));
        }
    };
    let is_missing = |wanted: &&T| {
        let mut texts = there.iter().filter_map(Value::as_str);
        !texts.any(|text| is_there(wanted, text))
    };
    let missing: Vec<Value> = wanted
        .iter()
        .filter(is_missing)
        .map(|it| write(it).into())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let parent = make_object(configuration, parents)?;
    match parent.get_mut(*name) {
        Some(Value::Array(there)) => there.extend(missing),
        _ => {
            parent.insert((*name).to_owned(), Value::Array(missing));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(text: &str) -> Vec<String> {
        let AgentTrustedProxies(networks) = text.parse().unwrap();
        networks
            .into_iter()
            .map(|it| Written(it).to_string())
            .collect()
    }

    #[test]
    fn addresses_and_networks_of_both_kinds_are_read() {
        assert_eq!(
            written("192.0.2.0/24, 198.51.100.7,2001:DB8::/32,2001:db8::1/128,198.51.100.7/32"),
            [
                "192.0.2.0/24",
                "198.51.100.7",
                "2001:db8::/32",
                "2001:db8::1"
            ]
        );
    }

    #[test]
    fn what_names_no_proxies_is_refused_with_the_reason() {
        let no_network = |text: &str| {
            format!(
                "{text:?} is no network: use addresses and CIDRs such as 192.0.2.0/24 or \
                 2001:db8::/32, separated by commas"
            )
        };
        let everybody = |network: &str| {
            format!(
                "{network} is every address: agents would believe the client address that \
                 anybody claims to have; name the proxies' networks"
            )
        };
        for (text, reason) in [
            ("192.0.2.0/33", no_network("192.0.2.0/33")),
            ("2001:db8::/129", no_network("2001:db8::/129")),
            ("192.0.2.1,", no_network("")),
            ("*", no_network("*")),
            ("edge.example", no_network("edge.example")),
            ("0.0.0.0/0", everybody("0.0.0.0/0")),
            ("192.0.2.1,::/0", everybody("::/0")),
            ("192.0.2.1/0", everybody("0.0.0.0/0")),
            (
                "192.0.2.1/24",
                "192.0.2.1/24 has bits behind its prefix: write 192.0.2.0/24".to_owned(),
            ),
            (
                "2001:db8::1/32",
                "2001:db8::1/32 has bits behind its prefix: write 2001:db8::/32".to_owned(),
            ),
            (
                "::ffff:192.0.2.1",
                "::ffff:192.0.2.1/128 is an IPv4 address in IPv6 notation: write it as IPv4"
                    .to_owned(),
            ),
        ] {
            let refused = text.parse::<AgentTrustedProxies>().unwrap_err();
            assert_eq!(refused.to_string(), reason, "{text}");
        }
    }

    fn edge() -> Edge {
        Edge {
            trusted_proxies: "192.0.2.0/24,2001:db8::1".parse().unwrap(),
            origin: Some("https://agent.example".to_owned()),
            page_origin: None,
        }
    }

    /// A gateway's settings after both fixes.
    fn fixed(gateway: Value) -> Result<Value, Misshapen> {
        let mut configuration = Map::from_iter([("gateway".to_owned(), gateway)]);
        edge().trust(&mut configuration)?;
        edge().allow_origin(&mut configuration)?;
        Ok(configuration.remove("gateway").unwrap_or_default())
    }

    #[test]
    fn what_is_missing_is_added_behind_what_is_there() {
        let proxies = json!(["192.0.2.0/24", "2001:db8::1"]);
        let origins = json!(["https://agent.example"]);
        for (before, after) in [
            (
                Value::Null,
                json!({"trustedProxies": proxies, "controlUi": {"allowedOrigins": origins}}),
            ),
            (
                json!({
                    "trustedProxies": ["2001:DB8:0::1/128", "10.0.0.1", 5],
                    "controlUi": {"allowedOrigins": ["https://other.example"]},
                }),
                json!({
                    "trustedProxies": ["2001:DB8:0::1/128", "10.0.0.1", 5, "192.0.2.0/24"],
                    "controlUi": {
                        "allowedOrigins": ["https://other.example", "https://agent.example"],
                    },
                }),
            ),
            (
                json!({"trustedProxies": null, "controlUi": {"enabled": false}}),
                json!({"trustedProxies": proxies, "controlUi": {"enabled": false}}),
            ),
            (
                json!({"trustedProxies": proxies, "controlUi": {"allowedOrigins": ["*"]}}),
                json!({"trustedProxies": proxies, "controlUi": {"allowedOrigins": ["*"]}}),
            ),
        ] {
            assert_eq!(fixed(before), Ok(after.clone()));
            assert_eq!(fixed(after.clone()), Ok(after));
        }
    }

    #[test]
    fn what_is_no_list_is_in_the_way() {
        for (gateway, problem) in [
            (
                json!({"trustedProxies": "10.0.0.1"}),
                "configuration.gateway.trustedProxies must be a list",
            ),
            (
                json!({"controlUi": {"allowedOrigins": {}}}),
                "configuration.gateway.controlUi.allowedOrigins must be a list",
            ),
            (
                json!({"controlUi": true}),
                "configuration.gateway.controlUi must be an object",
            ),
        ] {
            assert_eq!(fixed(gateway).unwrap_err().to_string(), problem);
        }
    }
}
