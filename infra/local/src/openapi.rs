//! The OpenAPI document of the whole API, made from the handlers' attributes.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};

/// The document that is committed as `openapi.json`.
pub fn document() -> OpenApi {
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Maintenance plane for OpenClaw agents")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Tells whether a hosted agent is up, and why not, and makes it so.",
                ))
                .build(),
        )
        .components(Some(security_schemes()))
        .build();
    for (_, function) in functions() {
        document.merge(function);
    }
    document
}

/// What each function describes of itself, by its name.
pub fn functions() -> Vec<(&'static str, OpenApi)> {
    vec![
        ("compatibility", compatibility::openapi()),
        ("fleet", fleet::openapi()),
        ("instance", instance::openapi()),
        ("lifecycle", lifecycle::openapi()),
        ("maintenance", maintenance::openapi()),
        ("token", token::openapi()),
        ("proxy", proxy::routes().into_openapi()),
        ("version", version::openapi()),
    ]
}

/// The document as it is written to the file.
///
/// # Errors
/// When it cannot be serialised.
pub fn json() -> serde_json::Result<String> {
    let mut text = document().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

fn security_schemes() -> Components {
    let [preferred, plain] = common::http::COOKIES;
    let sealed = common::identity::COOKIES.join(", ");
    let cookie = ApiKeyValue::with_description(
        preferred,
        &format!(
            "The session of the platform's web front end. {plain} is taken too, and so are the \
             encrypted cookies of Auth.js and NextAuth where their secret is configured: {sealed}, \
             whole or split into .0, .1 and so on."
        ),
    );
    let mut components = Components::new();
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.add_security_scheme(
        "userToken",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .bearer_format("JWT")
                .description(Some(
                    "A user's token, signed with RS256, ES256 or EdDSA by the login that is \
                     configured. Its sub is the user.",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        "gatewayToken",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("An agent's own gateway token."))
                .build(),
        ),
    );
    components.add_security_scheme(
        "internalKey",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("INTERNAL_API_KEY, for the platform's own services."))
                .build(),
        ),
    );
    components
}
