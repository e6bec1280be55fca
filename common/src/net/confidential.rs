//! Which URLs may carry a secret.

use url::Host;

use super::hosts::{Scope, bare_name, scope};

/// What is wrong with a URL that would carry a secret in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be https: over http only the loopback, private addresses and names below .internal \
     or .localhost may be sent secrets"
)]
pub struct NotConfidential;

/// Checks that nobody on the way can read what is sent to this scheme and host:
/// by TLS, or because the way does not leave the machine or the private network.
/// Names below `.internal` are reserved for private networks, and Railway's is
/// encrypted by itself.
///
/// # Errors
/// When anybody on the way could.
pub fn check_confidential(scheme: &str, host: Option<Host<&str>>) -> Result<(), NotConfidential> {
    let is_private = match host {
        Some(Host::Ipv4(address)) => {
            address.is_loopback() || matches!(scope(address.into()), Scope::Private)
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || matches!(scope(address.into()), Scope::Private)
        }
        Some(Host::Domain(name)) => {
            let name = bare_name(name);
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".internal")
        }
        None => false,
    };
    match scheme == "https" || is_private {
        true => Ok(()),
        false => Err(NotConfidential),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn secrets_travel_encrypted_or_in_private_networks() {
        for (url, confidential) in [
            ("https://agent.up.railway.app", true),
            ("https://93.184.216.34", true),
            ("http://agent.railway.internal:18789", true),
            ("http://agent.railway.internal.", true),
            ("http://backend.internal", true),
            ("http://localhost:8080", true),
            ("http://demo.agents.localhost", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://10.1.2.3", true),
            ("http://192.168.0.1", true),
            ("http://[fd12::1]", true),
            ("http://agent.up.railway.app", false),
            ("http://internal", false),
            ("http://notinternal.example", false),
            ("http://x.internal.example", false),
            ("http://localhost.example", false),
            ("http://93.184.216.34", false),
            ("http://169.254.169.254", false),
            ("http://[2606:4700::1]", false),
            ("http://0.0.0.0", false),
        ] {
            let url = Url::parse(url).unwrap();
            let found = check_confidential(url.scheme(), url.host());
            assert_eq!(found.is_ok(), confidential, "{url}");
        }
    }
}
