//! The origins that agents' pages have, one for each agent.

use std::fmt::Write as _;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::InstanceId;

const PLACEHOLDER: &str = "{agentId}";

/// The longest label of a host name (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;

/// What may stand beside the placeholder, in characters, so that the label of an id
/// that is no host name fits in.
const LONGEST_AFFIXES: usize = 24;

/// What the labels of ids begin with that are no host names themselves.
const ENCODED: &str = "id-";

/// The length of what follows it, in hexadecimal digits of SHA-256: 128 bits.
const DIGITS: usize = 32;

/// Where an agent's origin takes a link that opens its page.
pub const OPEN_PATH: &str = "/.well-known/openclaw-maintenance/open";

/// A pattern of origins such as `https://{agentId}.agents.example`. Below it each
/// agent has one of its own, so that browsers keep agents' pages apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentOrigin {
    scheme: String,
    /// What the first label of the host name has before and behind the agent's part.
    before: String,
    behind: String,
    /// The host name behind the first label.
    domain: String,
    port: Option<u16>,
}

/// Why a text is no pattern of origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an origin such as https://{{agentId}}.agents.example: {{agentId}} once and in the first label \
     of the host name, at most {LONGEST_AFFIXES} lower-case letters, digits and hyphens beside it there, and nothing \
     behind the host but a port; http only for hosts below localhost"
)]
pub struct InvalidAgentOrigin;

/// Whose host a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostOwner {
    /// No agent's, by its name.
    Other,
    /// It is where agents' hosts are, and none of them.
    NoAgent,
    /// The host of the agents whose first label this is: of one, or none.
    Agent(String),
}

impl AgentOrigin {
    /// The origin of an agent, as browsers write it.
    pub fn of(&self, agent: &InstanceId) -> String {
        self.at(&self.label(agent))
    }

    /// The origin whose host name begins with this label.
    pub fn at(&self, label: &str) -> String {
        let mut origin = format!("{}://{label}.{}", self.scheme, self.domain);
        if let Some(port) = self.port {
            let _ = write!(origin, ":{port}");
        }
        origin
    }

    /// The first label of an agent's host name. No two agents have the same.
    ///
    /// Host names do not tell upper from lower case and have no underscores, among
    /// others. An id that is no label for such a reason has one that is made of its
    /// hash, and an id that looks like such a label is treated as one of those.
    pub fn label(&self, agent: &InstanceId) -> String {
        let id = agent.as_str();
        let Self { before, behind, .. } = self;
        let label = format!("{before}{id}{behind}");
        // The third and fourth character: `xn--` and its kin (RFC 5890, 2.3.1).
        let is_reserved = label.get(2..4) == Some("--");
        if is_label(id) && !is_reserved && label.len() <= LONGEST_LABEL {
            return label;
        }
        let mut digits = String::with_capacity(2 * DIGITS);
        for byte in Sha256::digest(id) {
            let _ = write!(digits, "{byte:02x}");
        }
        digits.truncate(DIGITS);
        format!("{before}{ENCODED}{digits}{behind}")
    }

    /// Whose host this is, which may have a port.
    pub fn owner_of(&self, host: &str) -> HostOwner {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.to_ascii_lowercase();
        // A final dot makes another origin of the same host.
        let bare = name.trim_end_matches('.');
        let is_exclusive = self.before.is_empty() && self.behind.is_empty();
        let below = match bare.strip_suffix(&self.domain) {
            Some("") if is_exclusive => return HostOwner::NoAgent,
            Some(below) => below.strip_suffix('.'),
            None => None,
        };
        let Some(label) = below else {
            return HostOwner::Other;
        };
        let middle = label
            .strip_prefix(&self.before)
            .and_then(|rest| rest.strip_suffix(&self.behind));
        match middle {
            // What is beside agents' hosts is somebody else's, such as the API's.
            None => HostOwner::Other,
            Some(middle) if middle.is_empty() || label.contains('.') || bare != name => {
                HostOwner::NoAgent
            }
            Some(_) => HostOwner::Agent(label.to_owned()),
        }
    }
}

/// Whether an id can be a label as it is.
fn is_label(id: &str) -> bool {
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_encoded = id.strip_prefix(ENCODED).is_some_and(|digits| {
        digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    id.bytes().all(|byte| lower(byte) || byte == b'-')
        && id.bytes().next().is_some_and(lower)
        && id.bytes().next_back().is_some_and(lower)
        && !is_encoded
}

impl FromStr for AgentOrigin {
    type Err = InvalidAgentOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, host) = text.split_once("://").ok_or(InvalidAgentOrigin)?;
        let (first, rest) = host.split_once('.').ok_or(InvalidAgentOrigin)?;
        let (before, behind) = first.split_once(PLACEHOLDER).ok_or(InvalidAgentOrigin)?;
        let affix = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        // Read as the origin of an agent `a`, which has to be as browsers write it.
        let sample = format!("{scheme}://{before}a{behind}.{rest}");
        let url = Url::parse(&sample).map_err(|_| InvalidAgentOrigin)?;
        let Some(Host::Domain(name)) = url.host() else {
            return Err(InvalidAgentOrigin);
        };
        let (_, domain) = name.split_once('.').ok_or(InvalidAgentOrigin)?;
        let is_local = domain == "localhost" || domain.ends_with(".localhost");
        let is_good = url.origin().ascii_serialization() == sample
            && match scheme {
                "https" => true,
                "http" => is_local,
                _ => false,
            }
            && before.len() + behind.len() <= LONGEST_AFFIXES
            && before.bytes().chain(behind.bytes()).all(affix)
            && !before.starts_with('-')
            && !behind.ends_with('-')
            && before.get(2..4) != Some("--")
            && !domain.ends_with('.');
        is_good
            .then(|| Self {
                scheme: scheme.to_owned(),
                before: before.to_owned(),
                behind: behind.to_owned(),
                domain: domain.to_owned(),
                port: url.port(),
            })
            .ok_or(InvalidAgentOrigin)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(pattern: &str) -> AgentOrigin {
        pattern.parse().unwrap()
    }

    fn id(text: &str) -> InstanceId {
        text.parse().unwrap()
    }

    #[test]
    fn an_id_that_is_a_label_is_the_label() {
        let agents = origin("https://{agentId}.agents.example");
        for text in ["a", "demo-running", "0", "a1-b2", "id-x", &"x".repeat(63)] {
            let expected = format!("https://{text}.agents.example");
            assert_eq!(agents.of(&id(text)), expected);
        }
        let local = origin("http://{agentId}.agents.localhost:8080");
        let found = local.of(&id("demo-running"));
        assert_eq!(found, "http://demo-running.agents.localhost:8080");
        let beside = origin("https://agent-{agentId}-x.example.com");
        assert_eq!(beside.of(&id("a1")), "https://agent-a1-x.example.com");
    }

    #[test]
    fn an_id_that_is_no_label_has_a_stable_one_of_its_own() {
        let agents = origin("https://{agentId}.agents.example");
        let found = agents.of(&id("Agent_7"));
        // The beginning of SHA-256 of the id.
        let expected = "https://id-8856f927a927766da690ae1398574758.agents.example";
        assert_eq!(found, expected);
        let looks_encoded = format!("id-{}", "0".repeat(32));
        for text in [
            "Agent",
            "a_b",
            "-a",
            "a-",
            "-",
            "xn--a",
            "ab--c",
            &looks_encoded,
            &"x".repeat(64),
        ] {
            let label = agents.label(&id(text));
            assert!(
                label.starts_with("id-") && label.len() == 35,
                "{text}: {label}"
            );
            assert_ne!(label, text);
        }
        // With something beside it, fewer ids fit.
        let beside = origin("https://agent-{agentId}.example.com");
        assert!(beside.label(&id(&"x".repeat(58))).starts_with("agent-id-"));
    }

    #[test]
    fn a_host_is_one_agents_or_none() {
        use HostOwner::{Agent, NoAgent, Other};

        let agent = |label: &str| Agent(label.to_owned());
        let agents = origin("https://{agentId}.agents.example");
        for (host, owner) in [
            ("a1.agents.example", agent("a1")),
            ("A1.Agents.EXAMPLE:8443", agent("a1")),
            ("id-00.agents.example", agent("id-00")),
            ("a1.agents.example.", NoAgent),
            ("a1.agents.example.:443", NoAgent),
            ("x.a1.agents.example", NoAgent),
            ("agents.example", NoAgent),
            ("agents.example:443", NoAgent),
            (".agents.example", NoAgent),
            ("api.example", Other),
            ("notagents.example", Other),
            ("a1.agents.example.evil.example", Other),
            ("127.0.0.1:8080", Other),
            ("[::1]:8080", Other),
            ("", Other),
        ] {
            assert_eq!(agents.owner_of(host), owner, "{host}");
        }
        let beside = origin("https://agent-{agentId}.example.com");
        for (host, owner) in [
            ("agent-a1.example.com", agent("agent-a1")),
            ("agent-.example.com", NoAgent),
            ("api.example.com", Other),
            ("example.com", Other),
        ] {
            assert_eq!(beside.owner_of(host), owner, "{host}");
        }
    }

    #[test]
    fn what_gives_agents_no_origins_is_refused_with_what_is_allowed() {
        for text in [
            "",
            "https://agents.example",
            "https://agents.example/{agentId}",
            "https://x.{agentId}.example",
            "https://{agentId}.{agentId}.example",
            "https://{agentId}{agentId}.example",
            "https://{agentId}",
            "https://{agentId}.agents.example/",
            "https://{agentId}.agents.example/x",
            "https://{agentId}.agents.example?x",
            "https://u@{agentId}.agents.example",
            "https://{agentId}.Agents.example",
            "https://{agentId}.agents.example.",
            "https://{agentId}.agents.example:443",
            "https://{agentId}.127.0.0.1",
            "https://-{agentId}.example.com",
            "https://{agentId}-.example.com",
            "https://A{agentId}.example.com",
            "https://x_{agentId}.example.com",
            "https://a-prefix-that-is-too-long-{agentId}.example.com",
            "http://{agentId}.agents.example",
            "http://{agentId}.notlocalhost",
            "ftp://{agentId}.agents.example",
            "{agentId}.agents.example",
            "https://{userId}.agents.example",
            "https://*.agents.example",
        ] {
            assert_eq!(
                text.parse::<AgentOrigin>(),
                Err(InvalidAgentOrigin),
                "{text:?}"
            );
        }
        assert_eq!(
            InvalidAgentOrigin.to_string(),
            "must be an origin such as https://{agentId}.agents.example: {agentId} once and in the \
             first label of the host name, at most 24 lower-case letters, digits and hyphens beside \
             it there, and nothing behind the host but a port; http only for hosts below localhost"
        );
    }

    proptest! {
        /// Ids that differ little, for which a cleaned label would be the same, are
        /// tried as often as any others.
        #[test]
        fn two_ids_never_share_an_origin_and_each_one_is_as_browsers_write_it(
            one in "([A-Za-z0-9_-]{1,64}|[aA_-]{1,5}|id-[0-9a-f]{32})",
            other in "([A-Za-z0-9_-]{1,64}|[aA_-]{1,5}|id-[0-9a-f]{32})",
            pattern in prop::sample::select(vec![
                "https://{agentId}.agents.example",
                "https://agent-{agentId}.example.com:8443",
                "http://{agentId}.agents.localhost:8080",
            ]),
        ) {
            let agents = origin(pattern);
            let (one, other) = (id(&one), id(&other));
            let found = agents.of(&one);
            prop_assert_eq!(found == agents.of(&other), one == other);
            let url = Url::parse(&found).unwrap();
            prop_assert_eq!(url.origin().ascii_serialization(), found);
            let label = agents.label(&one);
            prop_assert!(label.len() <= LONGEST_LABEL);
            prop_assert_eq!(agents.owner_of(url.host_str().unwrap()), HostOwner::Agent(label));
            // The label of an id is no other id's.
            if let Ok(label) = agents.label(&one).parse::<InstanceId>() && label != one {
                prop_assert_ne!(agents.of(&label), agents.of(&one));
            }
        }
    }
}
