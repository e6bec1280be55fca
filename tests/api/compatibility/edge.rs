//! Fixes for agents behind an edge whose addresses the platform names.

use common::config::{AGENT_ORIGIN, AGENT_TRUSTED_PROXIES};
use serde_json::{Value, json};
use tests::{Caller, World};

use crate::support::setups::{
    ENSURE, agent_with, applied, ensure, nothing_needed, put, set_up, stored,
};

const PROXIES: &str = "Added trusted proxies";
const ORIGIN: &str = "Added control UI origin";

/// An agent at an address, behind an edge that the platform names.
async fn behind_an_edge(url: &str) -> (World, Caller) {
    let world = World::with(AGENT_TRUSTED_PROXIES, "192.0.2.0/24,2001:db8::1");
    let world = world.start().await;
    let owner = world.deploy("abc123", "owner", url).await;
    (world, owner)
}

#[tokio::test]
async fn an_agent_is_made_to_trust_the_edge_and_to_take_its_own_origin() {
    let (world, owner) = behind_an_edge("https://abc123.up.railway.app").await;
    let setup = json!({"configuration": {"gateway": {
        "bind": "lan",
        "trustedProxies": ["10.0.0.1"],
        "controlUi": {"allowedOrigins": ["https://app.example"]},
    }}});
    set_up(&world, &setup).await;
    let answer = owner.post(&format!("{ENSURE}?dryRun=true")).await;
    answer.is(
        200,
        json!({
            "compatible": false,
            "fixes": [PROXIES, ORIGIN],
            "errors": [],
            "message": "Would apply 2 compatibility fixes",
            "dryRun": true,
        }),
    );
    assert_eq!(
        stored(&world).await["configuration"],
        setup["configuration"]
    );

    let fixes = applied(&[PROXIES, ORIGIN], "Applied 2 compatibility fixes");
    ensure(&owner).await.is(200, fixes);
    let after = json!({"gateway": {
        "bind": "lan",
        "trustedProxies": ["10.0.0.1", "192.0.2.0/24", "2001:db8::1"],
        "controlUi": {
            "allowedOrigins": ["https://app.example", "https://abc123.up.railway.app"],
        },
    }});
    assert_eq!(stored(&world).await["configuration"], after);
    ensure(&owner).await.is(200, nothing_needed());
}

#[tokio::test]
async fn an_address_without_tls_is_no_origin() {
    let (world, owner) = behind_an_edge("http://127.0.0.1:1").await;
    set_up(&world, &json!({"configuration": {}})).await;
    let fixes = applied(&[PROXIES], "Applied 1 compatibility fix");
    ensure(&owner).await.is(200, fixes);
    let after = json!({"gateway": {"trustedProxies": ["192.0.2.0/24", "2001:db8::1"]}});
    assert_eq!(stored(&world).await["configuration"], after);
}

#[tokio::test]
async fn an_agents_page_is_made_to_connect_where_the_platform_opens_it() {
    let world = World::with(AGENT_ORIGIN, "https://{agentId}.agents.example");
    let world = world.start().await;
    let owner = world.deploy("abc123", "owner", "http://127.0.0.1:1").await;
    set_up(&world, &json!({"configuration": {}})).await;
    let fixes = [ORIGIN, "Allowed control UI without device pairing"];
    let fixes = applied(&fixes, "Applied 2 compatibility fixes");
    ensure(&owner).await.is(200, fixes);
    let after = json!({"gateway": {"controlUi": {
        "allowedOrigins": ["https://abc123.agents.example"],
        "dangerouslyDisableDeviceAuth": true,
    }}});
    assert_eq!(stored(&world).await["configuration"], after);
    ensure(&owner).await.is(200, nothing_needed());

    let mut answer = owner.post(&format!("{ENSURE}?target=2026.9.6")).await;
    let fixes = json!(["Enabled admin RPC", "Required device pairing again"]);
    assert_eq!(answer.take("fixes"), fixes);
    let after = json!({
        "gateway": {"controlUi": {"allowedOrigins": ["https://abc123.agents.example"]}},
        "plugins": {"entries": {"admin-http-rpc": {"enabled": true}}},
    });
    assert_eq!(stored(&world).await["configuration"], after);
}

#[tokio::test]
async fn an_agent_without_a_stored_configuration_gets_no_part_of_one() {
    let (world, owner) = behind_an_edge("https://abc123.up.railway.app").await;
    let fixes = applied(&["Generated gateway token"], "Applied 1 compatibility fix");
    ensure(&owner).await.is(200, fixes);
    assert_eq!(world.records.configuration("abc123").await, Value::Null);
}

#[tokio::test]
async fn where_the_platform_names_no_edge_nothing_is_added() {
    let (_world, owner) = agent_with(&json!({"configuration": {"gateway": {}}})).await;
    ensure(&owner).await.is(200, nothing_needed());
}

#[tokio::test]
async fn a_configuration_that_is_in_the_way_is_not_stored() {
    let (world, _owner) = behind_an_edge("https://abc123.up.railway.app").await;
    let gateway = json!({"trustedProxies": "10.0.0.1", "controlUi": true});
    let answer = put(&world, &json!({"configuration": {"gateway": gateway}})).await;
    let error = "configuration.gateway.trustedProxies must be a list; \
                 configuration.gateway.controlUi must be an object";
    answer.is(400, json!({"error": error}));
}

#[tokio::test]
async fn networks_of_everybody_stop_the_start() {
    let world = World::with(AGENT_TRUSTED_PROXIES, "0.0.0.0/0");
    let error = world.try_start().await.err().expect("it does not start");
    assert_eq!(
        error.to_string(),
        "bad configuration: AGENT_TRUSTED_PROXIES 0.0.0.0/0 is every address: agents would \
         believe the client address that anybody claims to have; name the proxies' networks"
    );
}
