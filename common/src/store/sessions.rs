//! Sessions of the platform's web front end.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Connection, StoreError, corrupt, parse};
use crate::model::UserId;

const KEY: &str = "sessionHash";

/// The SHA-256 of a session cookie, in hexadecimal. The table has nothing else
/// of it, so whoever reads the table cannot act for its users.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(String);

impl SessionKey {
    /// The longest cookie that is looked up, in bytes.
    const MAX_COOKIE_LEN: usize = 4096;

    /// The key of a cookie's value, unless that is empty or too long.
    pub fn of_cookie(value: &str) -> Option<Self> {
        let plausible = (1..=Self::MAX_COOKIE_LEN).contains(&value.len());
        plausible.then(|| {
            let digest = Sha256::digest(value.as_bytes());
            Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
        })
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// The table of sessions.
#[derive(Clone, Debug)]
pub struct Sessions {
    connection: Connection,
    table: String,
}

/// `expiresAt` is in seconds since 1970, as DynamoDB's time-to-live requires.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionRecord {
    user_id: String,
    expires_at: i64,
}

impl Sessions {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// The user of this session, unless there is none or it has expired.
    /// DynamoDB deletes expired items within days, not at once.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn user(
        &self,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let answer = self
            .connection
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key.0.clone()))
            .send()
            .await
            .map_err(StoreError::failed("GetItem"))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        // Enough of the key to find it, not enough to be of use.
        let short_key: String = key.0.chars().take(12).collect();
        let corrupt = |reason: String| corrupt(&self.table, &short_key, reason);
        let record: SessionRecord =
            serde_dynamo::from_item(item).map_err(|error| corrupt(error.to_string()))?;
        if record.expires_at <= now.as_second() {
            return Ok(None);
        }
        let user = parse("userId", &record.user_id).map_err(corrupt)?;
        Ok(Some(user))
    }

    /// Stores or extends a session.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn put(
        &self,
        key: &SessionKey,
        user: &UserId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.connection
            .client
            .update_item()
            .table_name(&self.table)
            .key(KEY, AttributeValue::S(key.0.clone()))
            .update_expression("SET userId = :user, expiresAt = :expires")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .expression_attribute_values(
                ":expires",
                AttributeValue::N(expires_at.as_second().to_string()),
            )
            .send()
            .await
            .map_err(StoreError::failed("UpdateItem"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_sha256_of_the_cookie_and_shows_nothing() {
        let key = SessionKey::of_cookie("abc").unwrap();
        assert_eq!(
            key.0,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(format!("{key:?}"), "SessionKey(…)");
    }

    #[test]
    fn empty_and_absurdly_long_cookies_have_no_key() {
        assert_eq!(SessionKey::of_cookie(""), None);
        assert_eq!(SessionKey::of_cookie(&"x".repeat(4097)), None);
        assert!(SessionKey::of_cookie(&"x".repeat(4096)).is_some());
    }
}
