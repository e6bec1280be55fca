//! The public keys of a login, fetched and kept for a while.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::Client;
use reqwest::redirect::Policy;
use url::Url;

use super::keys::Keys;
use crate::client::{self, ClientError, ReadError, is_confidential};

/// How long keys are used without a question. A key that the login withdraws
/// is believed for so long.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// How long they are used while the login cannot be asked.
const USABLE: SignedDuration = SignedDuration::from_hours(1);
/// How long a question keeps others from being asked: strangers may name as
/// many unknown keys as they like.
const PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// The same while there are no keys at all.
const PAUSE_WITHOUT_KEYS: SignedDuration = SignedDuration::from_secs(5);

/// For a connection to the login to stand, and for the whole answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(3);

/// How many keys that are not understood the log names.
const NAMED: usize = 20;

/// Where a login publishes its keys. Who could change them on their way could
/// be anybody, so it is https, or a server on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwksUrl(Url);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an https URL, or an http URL on the loopback")]
pub struct InvalidJwksUrl;

impl FromStr for JwksUrl {
    type Err = InvalidJwksUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidJwksUrl)?;
        is_confidential(&url)
            .then_some(Self(url))
            .ok_or(InvalidJwksUrl)
    }
}

/// There are no keys to tell a good token from a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the login's keys cannot be fetched")]
pub struct KeysUnavailable;

impl KeysUnavailable {
    /// When it is worth another try: the login is not asked before.
    pub const RETRY_AFTER: Duration = PAUSE_WITHOUT_KEYS.unsigned_abs();
}

/// The keys of one login.
pub(super) struct Jwks {
    url: Url,
    http: Client,
    kept: Mutex<Kept>,
    /// Held by the one who asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Kept {
    keys: Option<(Arc<Keys>, Timestamp)>,
    asked_at: Option<Timestamp>,
    /// The keys that the log has named.
    named: BTreeSet<String>,
}

/// Why a question was in vain, for the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("no answer: {0}")]
    Request(reqwest::Error),
    #[error("HTTP {0}")]
    Status(StatusCode),
    #[error("the answer {0}")]
    Body(#[from] ReadError),
    #[error("the answer is no set of keys")]
    NoSet,
}

impl Jwks {
    pub(super) fn new(url: JwksUrl) -> Result<Self, ClientError> {
        let http = client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(LIMIT)
            .build()?;
        Ok(Self {
            url: url.0,
            http,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// The key that a token names, if the login has it.
    pub(super) async fn find(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<DecodingKey>, KeysUnavailable> {
        let kept = self.kept();
        let found = |kept: &Kept, age| Some(kept.keys_of(now, age)?.find(algorithm, id)?.clone());
        if let Some(key) = found(&kept, FRESH) {
            return Ok(Some(key));
        }
        let _asking = match (self.asking.try_lock(), found(&kept, USABLE)) {
            (Ok(asking), _) => asking,
            // Somebody asks already; old keys are good enough meanwhile.
            (Err(_), Some(key)) => return Ok(Some(key)),
            (Err(_), None) => self.asking.lock().await,
        };
        // Somebody may have asked just now.
        if self.kept().may_ask(now) {
            self.ask(now).await;
        }
        let kept = self.kept();
        let keys = kept.keys_of(now, USABLE).ok_or(KeysUnavailable)?;
        Ok(keys.find(algorithm, id).cloned())
    }

    fn kept(&self) -> Kept {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    fn keep(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner));
    }

    async fn ask(&self, now: Timestamp) {
        self.keep(|kept| kept.asked_at = Some(now));
        match self.fetch().await {
            Ok(keys) => {
                if keys.usable.is_empty() {
                    tracing::warn!("the login has no key that tokens may be signed with");
                }
                self.keep(|kept| {
                    for key in &keys.not_understood {
                        // Once: the same keys come every ten minutes.
                        if kept.named.len() < NAMED && kept.named.insert(key.clone()) {
                            tracing::warn!(key, "a key of the login is not understood");
                        }
                    }
                    kept.keys = Some((Arc::new(keys), now));
                });
            }
            Err(error) => tracing::warn!(%error, "the login's keys cannot be fetched"),
        }
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let request = self.http.get(self.url.clone());
        let response = request
            .send()
            .await
            // The URL may hold a secret.
            .map_err(|error| FetchError::Request(error.without_url()))?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        Keys::parse(&client::read_bounded(response).await?).ok_or(FetchError::NoSet)
    }
}

impl Kept {
    /// The keys, unless they are older than this.
    fn keys_of(&self, now: Timestamp, age: SignedDuration) -> Option<&Keys> {
        let (keys, fetched_at) = self.keys.as_ref()?;
        // A clock that was turned back makes them no younger.
        (now.duration_since(*fetched_at).abs() < age).then_some(keys)
    }

    fn may_ask(&self, now: Timestamp) -> bool {
        let pause = match self.keys_of(now, USABLE) {
            Some(_) => PAUSE,
            None => PAUSE_WITHOUT_KEYS,
        };
        self.asked_at
            .is_none_or(|at| now.duration_since(at).abs() >= pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_pauses_and_keys_an_end() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let mut kept = Kept::default();
        assert!(kept.may_ask(at(0)));
        kept.asked_at = Some(at(0));
        assert!(!kept.may_ask(at(4)));
        assert!(kept.may_ask(at(5)));
        kept.keys = Some((Arc::new(Keys::parse(br#"{"keys":[]}"#).unwrap()), at(0)));
        assert!(!kept.may_ask(at(59)));
        assert!(kept.may_ask(at(60)));
        assert!(kept.keys_of(at(599), FRESH).is_some());
        assert!(kept.keys_of(at(600), FRESH).is_none());
        assert!(kept.keys_of(at(3599), USABLE).is_some());
        assert!(kept.keys_of(at(3600), USABLE).is_none());
        assert!(kept.keys_of(at(-3600), USABLE).is_none());
    }

    #[test]
    fn keys_come_encrypted_or_from_this_machine() {
        for good in ["https://login.example/keys", "http://127.0.0.1:1/keys"] {
            assert!(good.parse::<JwksUrl>().is_ok(), "{good}");
        }
        for bad in ["", "keys", "http://login.example/keys", "file:///keys"] {
            assert_eq!(bad.parse::<JwksUrl>(), Err(InvalidJwksUrl), "{bad}");
        }
    }
}
