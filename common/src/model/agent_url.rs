//! The address of an agent.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::InstanceId;

/// The address of one agent: scheme, host and port, and nothing behind them.
///
/// OpenClaw answers its probes at the root whatever its base path is, so a path
/// has no meaning here, and user names, queries and fragments never have one.
/// Whether the host may be asked at all is the prober's business, see
/// [`AllowedHosts`](crate::net::AllowedHosts).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentUrl(Url);

impl AgentUrl {
    /// The address that the contract constructs for an instance without one of
    /// its own.
    #[expect(
        clippy::expect_used,
        reason = "an instance id has no character that could end a host name; a test tries them all"
    )]
    pub fn of_instance(id: &InstanceId) -> Self {
        format!("https://agentbot-agent-{id}-production.up.railway.app")
            .parse()
            .expect("an instance id fits into a host name")
    }

    /// The address of an instance in Railway's private network, from the
    /// contract's "OpenClaw proxy".
    #[expect(
        clippy::expect_used,
        reason = "an instance id has no character that could end a host name; a test tries them all"
    )]
    pub fn in_private_network(id: &InstanceId) -> Self {
        format!("http://agentbot-agent-{id}.railway.internal:18789")
            .parse()
            .expect("an instance id fits into a host name")
    }

    /// The address of one of the agent's paths, which begins with a slash.
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// Host and port as a request names them.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// The host: a name or an IP address.
    pub fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }

    /// The host as text, without the port.
    pub fn hostname(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Display for AgentUrl {
    /// Without the slash that a URL has behind its host, as in the contract.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an http or https URL of a host and nothing behind it, at most 255 characters")]
pub struct InvalidAgentUrl;

impl FromStr for AgentUrl {
    type Err = InvalidAgentUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 255 {
            return Err(InvalidAgentUrl);
        }
        let url = Url::parse(text).map_err(|_| InvalidAgentUrl)?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        bare.then_some(Self(url)).ok_or(InvalidAgentUrl)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_shown_without_a_slash_behind_the_host() {
        for (text, shown) in [
            ("https://a.up.railway.app", "https://a.up.railway.app"),
            ("https://a.up.railway.app/", "https://a.up.railway.app"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
            ("http://[::1]:8081", "http://[::1]:8081"),
            ("HTTPS://A.UP.Railway.app:443", "https://a.up.railway.app"),
        ] {
            let url: AgentUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
        }
    }

    #[test]
    fn a_path_is_put_behind_the_host() {
        let url: AgentUrl = "http://127.0.0.1:8081".parse().unwrap();
        assert_eq!(
            url.join("/api/status").as_str(),
            "http://127.0.0.1:8081/api/status"
        );
        assert_eq!(url.hostname(), "127.0.0.1");
    }

    #[test]
    fn what_is_more_or_less_than_a_host_is_refused() {
        for text in [
            "",
            "a.up.railway.app",
            "ftp://a.up.railway.app",
            "file:///etc/passwd",
            "https://",
            "https://user@a.up.railway.app",
            "https://:secret@a.up.railway.app",
            "https://a.up.railway.app/chat",
            "https://a.up.railway.app?x=1",
            "https://a.up.railway.app#x",
            "https://a b",
            "http://a:99999",
            &format!("https://{}.up.railway.app", "a".repeat(250)),
        ] {
            assert_eq!(text.parse::<AgentUrl>(), Err(InvalidAgentUrl), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_instance_id_has_an_address(id in "[A-Za-z0-9_-]{1,64}") {
            let id: InstanceId = id.parse().unwrap();
            let url = AgentUrl::of_instance(&id);
            prop_assert_eq!(
                url.hostname(),
                format!("agentbot-agent-{id}-production.up.railway.app").to_lowercase()
            );
            let private = AgentUrl::in_private_network(&id);
            prop_assert_eq!(
                private.authority(),
                format!("agentbot-agent-{id}.railway.internal:18789").to_lowercase()
            );
        }
    }
}
