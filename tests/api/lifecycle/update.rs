//! `POST /api/instance/{userId}/update`.

use common::config::OPENCLAW_IMAGE;
use serde_json::json;
use tests::World;

use crate::support::controls::{BASELINE, ID, NEWER, control, service, settled, take_operation};

#[tokio::test]
async fn an_updated_agent_reports_the_new_version() {
    let builder = World::with(OPENCLAW_IMAGE, NEWER).ticking();
    let world = builder.start().await;
    let path = format!("/api/instance/{ID}");
    let owner = world.owner_of(ID);
    assert_eq!(owner.get(&path).await.body["openclawVersion"], "2026.4.11");

    let mut answer = control(&world, "update").await;
    let id = take_operation(&mut answer);
    answer.is(
        200,
        json!({
            "success": true, "status": "updating", "image": NEWER, "openclawVersion": "2026.5.1",
        }),
    );
    let updated = settled(&owner, ID, &id).await;
    assert_eq!(updated.body["status"], "succeeded");
    assert_eq!(updated.body["image"], NEWER);

    assert_eq!(owner.get(&path).await.body["openclawVersion"], "2026.5.1");
    let record = world.records.instance(ID).await;
    assert_eq!(record["image"], NEWER);
    assert_eq!(record["openclawVersion"], "2026.5.1");
    let service = service(&world);
    assert_eq!(service.image, NEWER);
    let images: Vec<_> = service.deployments.iter().map(|it| &it.image).collect();
    assert_eq!(images, [BASELINE, NEWER]);
}

#[tokio::test]
async fn a_floating_image_is_pinned_to_the_baseline() {
    for floating in [
        "ghcr.io/openclaw/openclaw:latest",
        "ghcr.io/openclaw/openclaw",
    ] {
        let world = World::with(OPENCLAW_IMAGE, floating).start().await;
        let mut answer = control(&world, "update").await;
        take_operation(&mut answer);
        answer.is(
            200,
            json!({
                "success": true,
                "status": "updating",
                "image": BASELINE,
                "openclawVersion": "2026.4.11",
            }),
        );
        assert_eq!(service(&world).image, BASELINE);
        assert_eq!(world.records.instance(ID).await["image"], BASELINE);
    }
}

#[tokio::test]
async fn an_image_whose_tag_names_no_release_is_deployed_and_shown_as_it_is() {
    let image = "registry.example:5000/acme/agent:sha-1a2b3c4";
    let world = World::with(OPENCLAW_IMAGE, image).start().await;
    let mut answer = control(&world, "update").await;
    take_operation(&mut answer);
    answer.is(
        200,
        json!({
            "success": true,
            "status": "updating",
            "image": image,
            "openclawVersion": "sha-1a2b3c4",
        }),
    );
    assert_eq!(service(&world).image, image);
    let record = world.records.instance(ID).await;
    assert_eq!(record["openclawVersion"], "sha-1a2b3c4");
}
