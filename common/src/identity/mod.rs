//! What a login says of its users: the encrypted cookies of NextAuth and
//! Auth.js, and signed bearer tokens.
//!
//! Nothing here looks into the store: whoever holds the secret of a cookie, or
//! the key of a token, is the login. All that is read was written by strangers
//! until it is decrypted or verified; what does not pass is nobody, and never
//! says why.

mod claims;
mod cookies;
mod jwe;
mod jwks;
mod jwt;
mod keys;
mod provider;
mod secrets;

pub use cookies::{COOKIES, EncryptedCookies};
pub use jwks::{InvalidJwksUrl, JwksUrl, KeysUnavailable};
pub use jwt::{Issuer, JwtSettings, JwtVerifier};
pub use secrets::{InvalidSecrets, Secrets};
