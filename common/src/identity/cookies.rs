//! The encrypted cookies of NextAuth v4 and Auth.js v5.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::claims::{Claims, object};
use super::jwe::{ContentKey, Jwe, MAX_LEN};
use super::secrets::{Secrets, auth_js_key, next_auth_key};
use crate::model::UserId;

/// The names of the cookies in the order in which they are tried: a browser
/// takes those with `__Secure-` over an encrypted connection only.
pub const COOKIES: [&str; 4] = [
    "__Secure-authjs.session-token",
    "authjs.session-token",
    "__Secure-next-auth.session-token",
    "next-auth.session-token",
];

/// The most pieces of one cookie. Browsers take 4 KiB a cookie, so these hold
/// more than is ever looked at.
const MAX_PIECES: usize = 8;

/// Opens the cookies that were made with one of its secrets. Clones share the
/// keys.
#[derive(Clone)]
pub struct EncryptedCookies(Arc<[Key]>);

/// A key for the cookies of one name.
struct Key {
    cookie: &'static str,
    /// What Auth.js calls it. A cookie that names another one is not tried.
    id: Option<String>,
    content: ContentKey,
}

impl EncryptedCookies {
    /// The cookies of all four names. Without secrets none is accepted.
    pub fn new(secrets: Option<&Secrets>) -> Self {
        let secrets = secrets.into_iter().flat_map(Secrets::iter);
        let keys = secrets.flat_map(|secret| COOKIES.map(|cookie| Key::new(secret, cookie)));
        Self(keys.flatten().collect())
    }

    /// Whose session the cookies of a request are, if it is anybody's now.
    ///
    /// `cookie` returns the value of the cookie with a name.
    pub fn user<'c>(
        &self,
        cookie: impl Fn(&str) -> Option<&'c str>,
        now: Timestamp,
    ) -> Option<UserId> {
        if self.0.is_empty() {
            return None;
        }
        COOKIES.iter().find_map(|name| {
            // One that outgrew a cookie's size is split into `name.0`, `name.1`
            // and so on; after it shrank the pieces may linger for a while.
            let whole = cookie(name).and_then(|value| self.open(name, value, now));
            whole.or_else(|| self.open(name, &joined(name, &cookie)?, now))
        })
    }

    fn open(&self, name: &str, value: &str, now: Timestamp) -> Option<UserId> {
        let jwe = Jwe::parse(value)?;
        let keys = self.0.iter().filter(|key| key.may_open(name, &jwe));
        let content = keys.filter_map(|key| jwe.open(&key.content)).next()?;
        object::<Claims>(&content)?.user(now)
    }
}

impl fmt::Debug for EncryptedCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptedCookies(…)")
    }
}

impl Key {
    fn new(secret: &str, cookie: &'static str) -> Option<Self> {
        let (content, id) = if cookie.ends_with("next-auth.session-token") {
            (next_auth_key(secret)?, None)
        } else {
            let (content, id) = auth_js_key(secret, cookie)?;
            (content, Some(id))
        };
        Some(Self {
            cookie,
            id,
            content,
        })
    }

    fn may_open(&self, name: &str, jwe: &Jwe<'_>) -> bool {
        let named = jwe.key_id().zip(self.id.as_deref());
        self.cookie == name && named.is_none_or(|(theirs, ours)| theirs == ours)
    }
}

/// The pieces of a split cookie in their order, if there are any. A piece more
/// than there may be, or too long a whole, makes none of it.
fn joined<'c>(name: &str, cookie: impl Fn(&str) -> Option<&'c str>) -> Option<String> {
    let pieces = (0..=MAX_PIECES).map_while(|index| cookie(&format!("{name}.{index}")));
    let pieces: Vec<&str> = pieces.collect();
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let plausible = (1..=MAX_PIECES).contains(&pieces.len()) && len <= MAX_LEN;
    plausible.then(|| pieces.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_in_order_up_to_the_first_that_is_missing() {
        let cookies = |names: &'static [(&str, &str)]| {
            move |name: &str| names.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
        };
        for (names, expected) in [
            (&[("n.1", "b"), ("n.0", "a"), ("n", "x")][..], Some("ab")),
            (&[("n.0", "a"), ("n.2", "c")], Some("a")),
            (&[("n.1", "b")], None),
            (&[("n.00", "a")], None),
            (&[], None),
        ] {
            assert_eq!(joined("n", cookies(names)).as_deref(), expected);
        }
    }

    #[test]
    fn too_many_pieces_and_too_long_ones_make_none() {
        let up_to = |count: usize, value: &'static str| {
            move |name: &str| {
                let index: usize = name.strip_prefix("n.")?.parse().ok()?;
                (index < count).then_some(value)
            }
        };
        assert!(joined("n", up_to(MAX_PIECES, "x")).is_some());
        assert_eq!(joined("n", up_to(MAX_PIECES + 1, "x")), None);
        assert_eq!(joined("n", |_: &str| Some("x")), None);
        let long: &str = "x".repeat(MAX_LEN / 4 + 1).leak();
        assert!(joined("n", up_to(3, long)).is_some());
        assert_eq!(joined("n", up_to(4, long)), None);
    }

    #[test]
    fn nothing_of_the_keys_is_shown() {
        let secrets: Secrets = "s".repeat(32).parse().unwrap();
        let cookies = EncryptedCookies::new(Some(&secrets));
        assert_eq!(cookies.0.len(), COOKIES.len());
        assert_eq!(format!("{cookies:?}"), "EncryptedCookies(…)");
    }
}
