//! `GET /api/instance/{userId}/token`.

use serde_json::json;
use tests::World;

use crate::support::controls::ID;

pub(crate) fn path(id: &str) -> String {
    format!("/api/instance/{id}/token")
}

#[tokio::test]
async fn an_owner_is_told_the_token_and_nobody_keeps_the_answer() {
    let world = World::start().await;
    let answer = world.owner_of(ID).get(&path(ID)).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let token = world.records.token(ID).await["token"].clone();
    answer.is(200, json!({"token": token}));
}

#[tokio::test]
async fn nobodies_and_strangers_are_forbidden_alike() {
    let world = World::start().await;
    for caller in [
        world.anonymous(),
        world.platform(),
        world.stranger(),
        world.owner_of("demo-legacy"),
    ] {
        for id in [ID, "nobody-has-it"] {
            let answer = caller.get(&path(id)).await;
            answer.is(403, json!({"error": "Forbidden"}));
        }
    }
}
