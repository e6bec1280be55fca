//! What an agent's control page needs to connect where the platform opens it for the
//! agent's owner.

use serde_json::{Map, Value};

use super::json::{Fixing, Misshapen, make_object, object, object_mut, set_missing};

/// The plugin over which the platform approves the owner's browser.
const RPC: &str = "admin-http-rpc";

/// Without it a gateway that has no such plugin asks for an approval on its own host.
const NO_DEVICE_AUTH: &str = "dangerouslyDisableDeviceAuth";

/// Whether the gateway serves its control page.
pub(super) fn is_served(configuration: &Map<String, Value>) -> bool {
    let page = object(configuration, &["gateway", "controlUi"]);
    page.and_then(|page| page.get("enabled")) != Some(&Value::Bool(false))
}

/// Turns the plugin on, unless somebody has turned it off.
pub(super) fn enable_rpc(configuration: &mut Map<String, Value>) -> Fixing {
    if !is_served(configuration) {
        return Ok(());
    }
    let plugin = make_object(configuration, &["plugins", "entries", RPC])?;
    set_missing(plugin, "enabled", Value::Bool(true));
    let plugins = object_mut(configuration, &["plugins"]);
    // A list of plugins that are allowed leaves out all others, and an empty one none.
    match plugins.and_then(|plugins| plugins.get_mut("allow")) {
        Some(Value::Array(allowed)) => {
            if !allowed.is_empty() && !allowed.iter().any(|it| it == RPC) {
                allowed.push(RPC.into());
            }
            Ok(())
        }
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Misshapen::new(
            &["configuration", "plugins", "allow"],
            "a list",
        )),
    }
}

/// Lets the page connect with the gateway token alone, unless somebody has decided
/// otherwise.
pub(super) fn skip_device_auth(configuration: &mut Map<String, Value>) -> Fixing {
    if !is_served(configuration) {
        return Ok(());
    }
    let page = make_object(configuration, &["gateway", "controlUi"])?;
    set_missing(page, NO_DEVICE_AUTH, Value::Bool(true));
    Ok(())
}

/// Takes that back where the plugin has taken its place.
pub(super) fn require_device_auth(configuration: &mut Map<String, Value>) -> Fixing {
    if let Some(page) = object_mut(configuration, &["gateway", "controlUi"]) {
        page.remove(NO_DEVICE_AUTH);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Edge, fix, judge};
    use crate::model::AgentSetup;

    /// A configuration after all fixes for an agent whose page the platform opens, and
    /// the names of the fixes.
    fn fixed(before: serde_json::Value, release: &str) -> (serde_json::Value, Vec<String>) {
        let edge = Edge {
            page_origin: Some("https://a1.agents.example".to_owned()),
            ..Edge::default()
        };
        let setup = AgentSetup {
            configuration: serde_json::from_value(before).unwrap(),
            ..AgentSetup::default()
        };
        let target = release.parse().unwrap();
        let fixed = fix(&setup, &target, &edge).unwrap();
        let again = fix(&fixed.setup, &target, &edge).unwrap();
        assert!(again.fixes.is_empty(), "{:?}", again.fixes);
        assert_eq!(judge(&fixed.setup, &target).refusals, Vec::<String>::new());
        let fixes = fixed.fixes.iter().map(ToString::to_string).collect();
        (fixed.setup.configuration.into(), fixes)
    }

    #[test]
    fn a_gateway_with_an_rpc_gets_it_and_others_ask_for_no_device() {
        let origins = json!(["https://a1.agents.example"]);
        let rpc = json!({"entries": {"admin-http-rpc": {"enabled": true}}});
        for release in ["2026.6.11", "2026.9.6"] {
            let (after, fixes) = fixed(json!({}), release);
            let expected = json!({
                "gateway": {"controlUi": {"allowedOrigins": origins}}, "plugins": rpc,
            });
            assert_eq!(after, expected, "{release}");
            assert_eq!(fixes, ["Added control UI origin", "Enabled admin RPC"]);
        }
        let (after, fixes) = fixed(json!({}), "2026.4.11");
        let page = json!({"allowedOrigins": origins, "dangerouslyDisableDeviceAuth": true});
        assert_eq!(after, json!({"gateway": {"controlUi": page}}));
        assert_eq!(
            fixes,
            [
                "Added control UI origin",
                "Allowed control UI without device pairing"
            ]
        );
        // What was needed before an update is taken back by it.
        let (after, fixes) = fixed(after, "2026.9.6");
        let page = json!({"allowedOrigins": origins});
        assert_eq!(
            after,
            json!({"gateway": {"controlUi": page}, "plugins": rpc})
        );
        assert_eq!(
            fixes,
            ["Enabled admin RPC", "Required device pairing again"]
        );
    }

    #[test]
    fn what_somebody_has_decided_stays() {
        let off = json!({"gateway": {"controlUi": {"enabled": false}}});
        for release in ["2026.4.11", "2026.9.6"] {
            assert_eq!(fixed(off.clone(), release), (off.clone(), Vec::new()));
        }
        let origins = json!(["*"]);
        let strict = json!({
            "gateway": {"controlUi": {
                "allowedOrigins": origins, "dangerouslyDisableDeviceAuth": false,
            }},
        });
        assert_eq!(fixed(strict.clone(), "2026.4.11"), (strict, Vec::new()));
        let without = json!({
            "gateway": {"controlUi": {"allowedOrigins": origins}},
            "plugins": {"entries": {"admin-http-rpc": {"enabled": false}}},
        });
        assert_eq!(fixed(without.clone(), "2026.9.6"), (without, Vec::new()));
    }

    #[test]
    fn a_list_of_allowed_plugins_lets_the_rpc_in() {
        let (after, _) = fixed(json!({"plugins": {"allow": ["telegram"]}}), "2026.9.6");
        assert_eq!(
            after["plugins"]["allow"],
            json!(["telegram", "admin-http-rpc"])
        );
        let (after, _) = fixed(json!({"plugins": {"allow": []}}), "2026.9.6");
        assert_eq!(after["plugins"]["allow"], json!([]));
    }
}
