//! `GET /api/openclaw/version`.

use common::config::OPENCLAW_IMAGE;
use serde_json::{Value, json};
use tests::World;

use super::proxied::PROXIED;

pub(crate) const CURRENT: &str = "/api/openclaw/version";

/// The example of the contract, for both endpoints.
pub(crate) fn example() -> Value {
    json!({
        "openclawVersion": "2026.4.11",
        "image": "ghcr.io/openclaw/openclaw:2026.4.11",
        "deployedAt": "2026-04-01T12:00:00Z",
    })
}

#[tokio::test]
async fn the_example_of_the_spec_is_answered() {
    let world = World::start().await;
    world.clock.set("2026-04-01T12:00:00Z");
    world.platform().get(CURRENT).await.is(200, example());
}

#[tokio::test]
async fn the_version_is_unauthorized_to_nobody() {
    let world = World::start().await;
    let answer = world.anonymous().get(CURRENT).await;
    answer.is(401, json!({"error": "Unauthorized"}));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn the_configured_image_is_told_as_it_is_and_its_version_made_concrete() {
    const DIGEST: &str = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (image, version) in [
        ("ghcr.io/openclaw/openclaw:2026.5.1".to_owned(), "2026.5.1"),
        ("ghcr.io/openclaw/openclaw:v2026.5.1".to_owned(), "2026.5.1"),
        ("ghcr.io/openclaw/openclaw:latest".to_owned(), "2026.4.11"),
        ("ghcr.io/openclaw/openclaw:stable".to_owned(), "2026.4.11"),
        ("ghcr.io/openclaw/openclaw".to_owned(), "2026.4.11"),
        ("registry.example:5000/openclaw".to_owned(), "2026.4.11"),
        (
            "registry.example:5000/openclaw:2026.5.1".to_owned(),
            "2026.5.1",
        ),
        (
            "ghcr.io/openclaw/openclaw:main-slim".to_owned(),
            "2026.4.11",
        ),
        (
            "ghcr.io/openclaw/openclaw:2026.6.1-beta.3-amd64".to_owned(),
            "2026.6.1-beta.3",
        ),
        (
            "ghcr.io/openclaw/openclaw:2026.2.3-1-arm64".to_owned(),
            "2026.2.3-1",
        ),
        ("ghcr.io/acme/agent:v2026.9.2.0".to_owned(), "v2026.9.2.0"),
        ("ghcr.io/acme/agent:sha-1a2b3c4".to_owned(), "sha-1a2b3c4"),
        (format!("ghcr.io/openclaw/openclaw{DIGEST}"), "2026.4.11"),
        (
            format!("ghcr.io/openclaw/openclaw:2026.5.1{DIGEST}"),
            "2026.5.1",
        ),
        (
            format!("ghcr.io/openclaw/openclaw:latest{DIGEST}"),
            "2026.4.11",
        ),
    ] {
        let world = World::with(OPENCLAW_IMAGE, &image).start().await;
        let expected = json!({
            "openclawVersion": version, "image": image, "deployedAt": "2026-04-04T03:10:00Z",
        });
        let answer = world.platform().get(CURRENT).await;
        answer.is(200, expected.clone());
        world.anonymous().get(PROXIED).await.is(200, expected);
    }
}

#[tokio::test]
async fn the_time_is_that_of_the_answer() {
    let world = World::start().await;
    world.clock.advance(jiff::SignedDuration::from_secs(90));
    let answer = world.platform().get(CURRENT).await;
    assert_eq!(answer.body["deployedAt"], "2026-04-04T03:11:30Z");
}
