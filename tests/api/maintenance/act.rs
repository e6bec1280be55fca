//! `POST /api/openclaw/maintenance`.

use common::config::OPENCLAW_IMAGE;
use http::Method;
use serde_json::json;
use tests::World;

use crate::support::controls::{
    BASELINE, ID, MAINTENANCE, NEWER, SERVICE, assert_nothing_done, operation, service,
    take_operation,
};

#[tokio::test]
async fn an_empty_body_means_a_restart() {
    for body in [
        "",
        " \n",
        "{}",
        r#"{"action": null}"#,
        r#"{"action": "restart"}"#,
    ] {
        let world = World::start().await;
        let owner = world.owner_of(ID);
        let mut answer = owner.send(Method::POST, MAINTENANCE, body).await;
        let id = take_operation(&mut answer);
        answer.is(
            200,
            json!({
                "success": true,
                "message": "Agent restarting — doctor & migrations run on startup",
                "serviceId": SERVICE,
                "instanceId": ID,
            }),
        );
        assert_eq!(
            world.railway().operations(),
            ["Services", "ServiceState", "Restart"],
            "{body:?}"
        );
        assert_eq!(operation(&world, &id).await.body["control"], "restart");
    }
}

#[tokio::test]
async fn a_factory_reset_names_the_image_that_it_pins() {
    for (variable, image) in [
        (None, BASELINE),
        (Some(NEWER), NEWER),
        (Some("ghcr.io/openclaw/openclaw:latest"), BASELINE),
    ] {
        let builder = variable.map(|image| World::with(OPENCLAW_IMAGE, image));
        let world = builder.unwrap_or_default().start().await;
        let body = r#"{"action": "factory-reset"}"#;
        let owner = world.owner_of(ID);
        let mut answer = owner.send(Method::POST, MAINTENANCE, body).await;
        let id = take_operation(&mut answer);
        answer.is(
            200,
            json!({
                "success": true,
                "message": format!(
                    "Factory reset complete — pinned to {image}. Agent restarting with doctor --fix."
                ),
                "image": image,
                "serviceId": SERVICE,
            }),
        );
        assert_eq!(service(&world).image, image);
        let operation = operation(&world, &id).await;
        assert_eq!(operation.body["control"], "factory-reset");
        assert_eq!(operation.body["image"], image);
    }
}

#[tokio::test]
async fn an_order_that_is_not_understood_does_nothing() {
    let world = World::start().await;
    let owner = world.owner_of(ID);
    let unknown = "action must be restart or factory-reset";
    let no_object = "The body must be a JSON object";
    for (body, error) in [
        (r#"{"action": "reboot"}"#, unknown),
        (r#"{"action": ""}"#, unknown),
        (r#"{"action": "Restart"}"#, unknown),
        (r#"{"action": "restart "}"#, unknown),
        (r#"{"action": 1}"#, unknown),
        (r#"{"action": true}"#, unknown),
        (r#"{"action": ["restart"]}"#, unknown),
        (r#"{"action": {"restart": true}}"#, unknown),
        ("[]", no_object),
        (r#"[{"action": "restart"}]"#, no_object),
        (r#""restart""#, no_object),
        ("null", no_object),
        ("1", no_object),
    ] {
        let answer = owner.send(Method::POST, MAINTENANCE, body).await;
        answer.is(400, json!({"error": error}));
    }
    for body in [
        "restart",
        "{",
        r#"{"action": "restart""#,
        r#"{"action": "restart"} x"#,
        "{'action': 'restart'}",
        "\u{feff}{}",
    ] {
        let answer = owner.send(Method::POST, MAINTENANCE, body).await;
        let error = answer.body["error"].as_str().unwrap();
        let expected = "The body must be a JSON object, but is not JSON: ";
        assert!(error.starts_with(expected), "{body}: {error}");
        assert_eq!(answer.status, 400, "{body}");
    }
    let answer = owner
        .send(Method::POST, MAINTENANCE, vec![b'{', 0xff, b'}'])
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_nothing_done(&world, ID, "none of them").await;
}

#[tokio::test]
async fn a_body_that_is_too_large_does_nothing() {
    let world = World::start().await;
    let owner = world.owner_of(ID);
    let body = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    let answer = owner
        .send(Method::POST, MAINTENANCE, body(64 * 1024 + 1))
        .await;
    answer.is(
        413,
        json!({"error": "The body must be at most 65536 bytes"}),
    );
    assert_nothing_done(&world, ID, "one byte too much").await;
    let answer = owner.send(Method::POST, MAINTENANCE, body(64 * 1024)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_user_without_an_agent_has_nothing_to_maintain() {
    let world = World::start().await;
    for body in ["", r#"{"action": "factory-reset"}"#] {
        let stranger = world.stranger();
        let answer = stranger.send(Method::POST, MAINTENANCE, body).await;
        answer.is(404, json!({"error": "No agent deployed"}));
    }
    assert_nothing_done(&world, ID, "no agent").await;
}
