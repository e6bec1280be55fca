//! Variables of logins that are half set, or too weak.

use common::config::{ALLOWED_ORIGINS, AUTH_SECRET, JWT_AUDIENCE, JWT_ISSUER, NEXTAUTH_SECRET};
use tests::World;

use crate::support::logins::{AUDIENCE, ISSUER, SECRET};

#[tokio::test]
async fn short_secrets_and_half_a_login_stop_the_start() {
    for (builder, problem) in [
        (
            World::with(NEXTAUTH_SECRET, "short"),
            "NEXTAUTH_SECRET must be secrets of at least 32 bytes each, separated by commas",
        ),
        (
            World::with(AUTH_SECRET, format!("{SECRET},short")),
            "AUTH_SECRET must be secrets of at least 32 bytes each, separated by commas",
        ),
        (
            World::with(JWT_ISSUER, ISSUER).with(JWT_AUDIENCE, AUDIENCE),
            "JWT_JWKS_URL is not set",
        ),
        (
            World::with(ALLOWED_ORIGINS, "*"),
            "ALLOWED_ORIGINS must be origins such as https://app.example, without a path, \
             separated by commas",
        ),
    ] {
        let error = builder.try_start().await.err().expect("it does not start");
        assert_eq!(error.to_string(), format!("bad configuration: {problem}"));
    }
}
