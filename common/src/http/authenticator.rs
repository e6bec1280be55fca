//! Finds the session of a request, whichever kind it is.

use ::http::{HeaderMap, header, request::Parts};
use axum::extract::{FromRef, FromRequestParts};
use cookie::Cookie;
use jiff::Timestamp;

use super::app::note_user;
use super::members::members;
use super::origin::AllowedOrigins;
use super::session::{COOKIES, Session, SessionRefused};
use crate::client::ClientError;
use crate::clock::SharedClock;
use crate::config::{ALLOWED_ORIGINS, AUTH_SECRET, NEXTAUTH_SECRET, Reader, SESSIONS_TABLE};
use crate::identity::{EncryptedCookies, JwtSettings, JwtVerifier, Secrets};
use crate::model::UserId;
use crate::store::{Connection, SessionKey, Sessions};

/// The settings of logins.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    table: String,
    secrets: Option<Secrets>,
    tokens: Option<JwtSettings>,
    origins: AllowedOrigins,
}

impl SessionSettings {
    /// Reads the variables. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (table, next_auth, auth_js, tokens, origins) = (
            reader.required(SESSIONS_TABLE),
            reader.optional::<Secrets>(NEXTAUTH_SECRET),
            reader.optional::<Secrets>(AUTH_SECRET),
            JwtSettings::read(reader),
            reader.optional(ALLOWED_ORIGINS),
        );
        let secrets = match (next_auth?, auth_js?) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        Some(Self {
            table: table?,
            secrets,
            tokens: tokens?,
            origins: origins?.unwrap_or_default(),
        })
    }

    /// Builds keys and clients, once per process.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn open(self, connection: &Connection) -> Result<Authenticator, ClientError> {
        Ok(Authenticator {
            sessions: Sessions::new(connection.clone(), self.table),
            cookies: EncryptedCookies::new(self.secrets.as_ref()),
            tokens: self.tokens.map(JwtVerifier::new).transpose()?,
            origins: self.origins,
        })
    }
}

/// Finds the session of a request. The first of these that is valid counts:
///
/// 1. an opaque cookie, which is looked up;
/// 2. an encrypted cookie of Auth.js or NextAuth;
/// 3. a signed bearer token.
///
/// Browsers send cookies with whatever any page requests, so a write with a
/// cookie has to come from an allowed origin.
#[derive(Clone, Debug)]
pub struct Authenticator {
    sessions: Sessions,
    cookies: EncryptedCookies,
    tokens: Option<JwtVerifier>,
    origins: AllowedOrigins,
}

impl Authenticator {
    /// The user of a request's session.
    ///
    /// # Errors
    /// When there is no valid session, or the keys to verify one cannot be
    /// fetched.
    pub async fn session(
        &self,
        request: &Parts,
        now: Timestamp,
    ) -> Result<Session, SessionRefused> {
        if let Some(user) = self.user_of_cookies(&request.headers, now).await? {
            self.origins.check(request)?;
            return Ok(Session { user });
        }
        match self.user_of_token(&request.headers, now).await? {
            Some(user) => Ok(Session { user }),
            None => Err(SessionRefused::NoSession),
        }
    }

    async fn user_of_cookies(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<UserId>, SessionRefused> {
        let cookies: Vec<Cookie<'_>> = members(headers, header::COOKIE, b';')
            .flatten()
            .filter_map(|cookie| Cookie::parse(cookie).ok())
            .collect();
        // The first of two cookies with one name counts: browsers send the one
        // with the longest path first.
        let value = |name: &str| {
            let cookie = cookies.iter().find(|cookie| cookie.name() == name)?;
            Some(cookie.value())
        };
        // At most one key for each name, so that a request cannot cost more
        // lookups.
        for key in COOKIES.into_iter().filter_map(value) {
            let Some(key) = SessionKey::of_cookie(key) else {
                continue;
            };
            if let Some(user) = self.sessions.user(&key, now).await? {
                return Ok(Some(user));
            }
        }
        Ok(self.cookies.user(value, now))
    }

    async fn user_of_token(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<UserId>, SessionRefused> {
        match (&self.tokens, super::bearer::presented(headers)) {
            (Some(tokens), Some(token)) => Ok(tokens.user(token, now).await?),
            _ => Ok(None),
        }
    }
}

impl<S> FromRequestParts<S> for Session
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
    SharedClock: FromRef<S>,
{
    type Rejection = SessionRefused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let now = SharedClock::from_ref(state).now();
        let session = Authenticator::from_ref(state).session(parts, now).await?;
        note_user(&session.user);
        Ok(session)
    }
}
