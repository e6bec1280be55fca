//! The settings of Railway.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use url::Url;

use crate::client::is_confidential;
use crate::config::{
    RAILWAY_API_KEY, RAILWAY_API_URL, RAILWAY_ENVIRONMENT_ID, RAILWAY_PROJECT_ID,
    RAILWAY_TOKEN_TYPE, Reader,
};

/// What is missing stays missing until a service is resolved: the contract
/// makes it a 503 that names the variable, and everything that needs no Railway
/// goes on.
#[derive(Clone, Debug, Default)]
pub struct RailwaySettings {
    /// Where its API answers.
    pub url: ApiUrl,
    /// Which kind of key it is.
    pub token_type: TokenType,
    /// The key.
    pub key: Option<ApiKey>,
    /// The environment that the agents run in.
    pub environment_id: Option<String>,
    /// The project that the agents belong to.
    pub project_id: Option<String>,
}

impl RailwaySettings {
    /// Reads the five variables. `None` means that a problem was noted: a
    /// malformed value is one, a missing value is not.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (url, token_type, key, environment_id, project_id) = (
            reader.optional::<ApiUrl>(RAILWAY_API_URL),
            reader.optional::<TokenType>(RAILWAY_TOKEN_TYPE),
            reader.optional(RAILWAY_API_KEY),
            reader.optional(RAILWAY_ENVIRONMENT_ID),
            reader.optional(RAILWAY_PROJECT_ID),
        );
        if key == Some(None) {
            let settings = [
                (RAILWAY_API_URL, ""),
                (RAILWAY_TOKEN_TYPE, "account"),
                (RAILWAY_ENVIRONMENT_ID, ""),
                (RAILWAY_PROJECT_ID, ""),
            ];
            reader.without_effect(&settings, "RAILWAY_API_KEY is not set");
        }
        Some(Self {
            url: url?.unwrap_or_default(),
            token_type: token_type?.unwrap_or_default(),
            key: key?,
            environment_id: environment_id?,
            project_id: project_id?,
        })
    }
}

/// The address of Railway's API. The key travels there, so it is https, or a
/// server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(Url);

impl ApiUrl {
    /// The address of the requests. Railway's edge limits addresses without a
    /// query to ten a second.
    pub(super) fn endpoint(&self) -> Url {
        let mut url = self.0.clone();
        url.query_pairs_mut()
            .append_pair("source", "openclaw-maintenance");
        url
    }
}

impl Default for ApiUrl {
    #[expect(clippy::expect_used, reason = "a constant, parsed by a test")]
    fn default() -> Self {
        Self(Url::parse("https://backboard.railway.com/graphql/v2").expect("it is a URL"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an https URL, or an http URL on the loopback")]
pub struct InvalidApiUrl;

impl FromStr for ApiUrl {
    type Err = InvalidApiUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidApiUrl)?;
        is_confidential(&url)
            .then_some(Self(url))
            .ok_or(InvalidApiUrl)
    }
}

/// The kinds of keys, which travel in different headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenType {
    /// A person's or a workspace's: `Authorization: Bearer`.
    #[default]
    Account,
    /// One environment's: `Project-Access-Token`.
    Project,
}

impl fmt::Display for TokenType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "account",
            Self::Project => "project",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be account or project")]
pub struct InvalidTokenType;

impl FromStr for TokenType {
    type Err = InvalidTokenType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Account, Self::Project]
            .into_iter()
            .find(|kind| kind.to_string() == text)
            .ok_or(InvalidTokenType)
    }
}

/// The key to Railway. It shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key itself, for the request's header.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// The text cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be visible ASCII characters without blanks")]
pub struct InvalidApiKey;

impl FromStr for ApiKey {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidApiKey)
        }
    }
}

/// Time limits and page size of requests to Railway.
///
/// API Gateway gives up after 30 seconds. One request resolves a service and
/// then does one thing, each within `total`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a connection to stand.
    pub connect: Duration,
    /// For one request.
    pub attempt: Duration,
    /// For one method of [`Railway`](super::Railway), repetitions included.
    pub total: Duration,
    /// The first pause before a repetition. The following ones double, and
    /// chance makes each up to twice as long, so that clients which failed
    /// together do not come back together.
    pub backoff: Duration,
    /// The pause before the state is read after a lost answer: what was sent
    /// may still be under way.
    pub settle: Duration,
    /// The first pause between two checks of a deployment that is waited for. The
    /// following ones double, up to four times as long.
    pub poll: Duration,
    /// How many services a page of the listing has.
    pub page: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(6),
            total: Duration::from_secs(12),
            backoff: Duration::from_millis(250),
            settle: Duration::from_millis(750),
            poll: Duration::from_millis(500),
            page: 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn nothing_set_is_a_value_and_not_a_mistake() {
        let environment = BTreeMap::new();
        let settings = RailwaySettings::read(&mut Reader::new(&environment)).unwrap();
        assert_eq!(
            format!("{settings:?}"),
            format!("{:?}", RailwaySettings::default())
        );
        assert_eq!(
            settings.url.endpoint().as_str(),
            "https://backboard.railway.com/graphql/v2?source=openclaw-maintenance"
        );
    }

    #[test]
    fn malformed_values_are_all_named_and_never_shown() {
        let environment = BTreeMap::from([
            (RAILWAY_API_KEY, "sec ret".to_owned()),
            (RAILWAY_TOKEN_TYPE, "workspace".to_owned()),
            (RAILWAY_API_URL, "http://railway.example/graphql".to_owned()),
        ]);
        let mut reader = Reader::new(&environment);
        assert!(RailwaySettings::read(&mut reader).is_none());
        assert_eq!(
            reader.into_error().to_string(),
            "bad configuration: \
             RAILWAY_API_URL must be an https URL, or an http URL on the loopback; \
             RAILWAY_TOKEN_TYPE must be account or project; \
             RAILWAY_API_KEY must be visible ASCII characters without blanks"
        );
    }

    #[test]
    fn the_key_shows_nothing_of_itself() {
        let environment = BTreeMap::from([(RAILWAY_API_KEY, "secret".to_owned())]);
        let settings = RailwaySettings::read(&mut Reader::new(&environment)).unwrap();
        assert_eq!(settings.key.as_ref().map(ApiKey::expose), Some("secret"));
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn the_key_travels_encrypted_or_stays_on_this_machine() {
        for good in [
            "https://backboard.railway.app/graphql/v2",
            "http://127.0.0.1:3001/graphql/v2",
            "http://localhost:3001/graphql/v2",
            "http://[::1]:3001/graphql/v2",
        ] {
            assert!(good.parse::<ApiUrl>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "railway",
            "ftp://localhost/",
            "http://railway.example/",
            "http://localhost.example/",
            "https://user:word@railway.example/",
        ] {
            assert_eq!(bad.parse::<ApiUrl>(), Err(InvalidApiUrl), "{bad}");
        }
    }
}
