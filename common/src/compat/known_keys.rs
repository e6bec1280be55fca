//! What a configuration may have in it, by release.
//!
//! `schemas.json` was made by `.ci/openclaw_schemas.py` from what each release
//! prints of itself, with the channels and plugins that it brings along.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use super::json::object;
use crate::model::OpenclawVersion;

static SCHEMAS: LazyLock<Schemas> =
    LazyLock::new(|| serde_json::from_str(include_str!("schemas.json")).unwrap_or_default());

#[derive(Default, Deserialize)]
struct Schemas {
    /// The number of the whole configuration's node, by release.
    releases: BTreeMap<String, usize>,
    nodes: Vec<Node>,
}

/// A schema whose parts are numbers of other nodes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(rename = "type")]
    types: Option<Types>,
    #[serde(rename = "const")]
    constant: Option<Value>,
    #[serde(rename = "enum")]
    options: Option<Vec<Value>>,
    #[serde(default)]
    properties: BTreeMap<String, usize>,
    #[serde(default)]
    required: Vec<String>,
    additional_properties: Option<Others>,
    items: Option<usize>,
    any_of: Option<Vec<usize>>,
    one_of: Option<Vec<usize>>,
    all_of: Option<Vec<usize>>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    exclusive_minimum: Option<Number>,
    exclusive_maximum: Option<Number>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Types {
    One(String),
    Some(Vec<String>),
}

/// What other properties than the named ones may be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Others {
    Allowed(bool),
    Of(usize),
}

/// A release that was run, and what it takes.
pub(super) struct KnownRelease {
    /// Its number.
    pub version: OpenclawVersion,
    root: usize,
}

impl KnownRelease {
    /// The release itself, or the last one before it that was run; the first one
    /// of all for a release that is older.
    pub(super) fn for_target(target: &OpenclawVersion) -> Option<Self> {
        let known = SCHEMAS.releases.iter().filter_map(|(version, root)| {
            let version = version.parse().ok()?;
            Some(Self {
                version,
                root: *root,
            })
        });
        let mut known: Vec<Self> = known.collect();
        known.sort_by(|one, other| one.version.cmp(&other.version));
        let later = known.iter().position(|it| it.version > *target);
        let index = later.unwrap_or(known.len()).saturating_sub(1);
        (index < known.len()).then(|| known.swap_remove(index))
    }

    /// The places where the release does not take what is there, each with the
    /// reason.
    pub(super) fn refusals(&self, configuration: &Map<String, Value>) -> Vec<String> {
        let mut refusals = Vec::new();
        let place = Place::root();
        // Judged as an object, so that nothing is cloned.
        fields(self.root, configuration, &place, &mut refusals);
        let version = &self.version;
        let of_release = |refusal| format!("{refusal} OpenClaw {version}");
        refusals.into_iter().map(of_release).collect()
    }

    /// The settings of channels and plugins that the release does not bring along:
    /// what it makes of them depends on what is installed beside it.
    pub(super) fn not_judged(&self, configuration: &Map<String, Value>) -> Vec<String> {
        let channels = self.unknown(configuration, &["channels"]);
        let channels = channels.map(|(name, _)| format!("channels.{name}"));
        let plugins = self.unknown(configuration, &["plugins", "entries"]);
        // What is not of the plugin's own making is the same for all of them.
        let plugins = plugins.filter(|(_, entry)| entry.get("config").is_some());
        let plugins = plugins.map(|(name, _)| format!("plugins.entries.{name}.config"));
        channels.chain(plugins).collect()
    }

    /// What is at a path under names that the release does not have there.
    fn unknown<'a>(
        &self,
        configuration: &'a Map<String, Value>,
        path: &[&str],
    ) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let known = path.iter().try_fold(self.root, |number, name| {
            node(number)?.properties.get(*name).copied()
        });
        let known = known.and_then(node);
        let there = object(configuration, path).into_iter().flatten();
        there.filter(move |(name, _)| known.is_none_or(|it| !it.properties.contains_key(*name)))
    }
}

/// Where something is in the configuration.
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    name: &'a str,
}

impl<'a> Place<'a> {
    fn root() -> Self {
        Self {
            parent: None,
            name: "configuration",
        }
    }

    fn below(&'a self, name: &'a str) -> Place<'a> {
        Place {
            parent: Some(self),
            name,
        }
    }

    fn path(&self) -> String {
        match self.parent {
            Some(parent) => format!("{}.{}", parent.path(), self.name),
            None => self.name.to_owned(),
        }
    }
}

fn node(number: usize) -> Option<&'static Node> {
    SCHEMAS.nodes.get(number)
}

/// Judges a value, and notes what is refused.
fn value(number: usize, value: &Value, place: &Place<'_>, refusals: &mut Vec<String>) {
    let Some(node) = node(number) else { return };
    if !node.takes_as_such(value) {
        refusals.push(format!("{} has a value that is refused by", place.path()));
        return;
    }
    match value {
        Value::Object(object) => fields(number, object, place, refusals),
        Value::Array(items) => {
            if let Some(of_items) = node.items {
                for (index, item) in items.iter().enumerate() {
                    let index = index.to_string();
                    self::value(of_items, item, &place.below(&index), refusals);
                }
            }
            alternatives(node, value, place, refusals);
        }
        _ => alternatives(node, value, place, refusals),
    }
}

/// Judges an object's fields.
fn fields(
    number: usize,
    object: &Map<String, Value>,
    place: &Place<'_>,
    refusals: &mut Vec<String>,
) {
    let Some(node) = node(number) else { return };
    for name in node
        .required
        .iter()
        .filter(|name| !object.contains_key(*name))
    {
        refusals.push(format!("{} is required by", place.below(name).path()));
    }
    for (name, field) in object {
        let place = place.below(name);
        match (node.properties.get(name), &node.additional_properties) {
            (Some(of_field), _) | (None, Some(Others::Of(of_field))) => {
                value(*of_field, field, &place, refusals);
            }
            (None, Some(Others::Allowed(false))) => {
                refusals.push(format!("{} is no key of", place.path()));
            }
            (None, None | Some(Others::Allowed(true))) => {}
        }
    }
    if node.any_of.is_some() || node.one_of.is_some() || node.all_of.is_some() {
        alternatives(node, &Value::Object(object.clone()), place, refusals);
    }
}

/// Judges a value by the schemas of which one, or each, has to take it. Of several
/// the one with the fewest complaints speaks, since that is the one meant.
fn alternatives(node: &Node, of: &Value, place: &Place<'_>, refusals: &mut Vec<String>) {
    let judged = |number: &usize| {
        let mut refusals = Vec::new();
        value(*number, of, place, &mut refusals);
        refusals
    };
    for numbers in node.all_of.iter().flatten() {
        refusals.extend(judged(numbers));
    }
    for numbers in [&node.any_of, &node.one_of].into_iter().flatten() {
        let best = numbers.iter().map(judged).min_by_key(Vec::len);
        refusals.extend(best.unwrap_or_default());
    }
}

impl Node {
    /// Whether the value is of the right kind and size; what is in it is judged
    /// elsewhere.
    fn takes_as_such(&self, value: &Value) -> bool {
        let of_type = match &self.types {
            None => true,
            Some(Types::One(name)) => is_of_type(value, name),
            Some(Types::Some(names)) => names.iter().any(|name| is_of_type(value, name)),
        };
        of_type
            && self
                .constant
                .as_ref()
                .is_none_or(|constant| constant == value)
            && self
                .options
                .as_ref()
                .is_none_or(|options| options.contains(value))
            && self.takes_size(value)
    }

    fn takes_size(&self, value: &Value) -> bool {
        let within = |size: usize, least: Option<usize>, most: Option<usize>| {
            least.is_none_or(|least| size >= least) && most.is_none_or(|most| size <= most)
        };
        let limit = |limit: &Option<Number>| limit.as_ref().and_then(Number::as_f64);
        match value {
            Value::String(text) => within(text.chars().count(), self.min_length, self.max_length),
            Value::Array(items) => within(items.len(), self.min_items, self.max_items),
            Value::Number(number) => number.as_f64().is_none_or(|number| {
                limit(&self.minimum).is_none_or(|least| number >= least)
                    && limit(&self.maximum).is_none_or(|most| number <= most)
                    && limit(&self.exclusive_minimum).is_none_or(|least| number > least)
                    && limit(&self.exclusive_maximum).is_none_or(|most| number < most)
            }),
            _ => true,
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusals(target: &str, configuration: Value) -> Vec<String> {
        let target = target.parse().unwrap();
        let known = KnownRelease::for_target(&target).unwrap();
        known.refusals(configuration.as_object().unwrap())
    }

    #[test]
    fn the_schemas_can_be_read() {
        assert!(!SCHEMAS.nodes.is_empty());
        assert!(SCHEMAS.releases.contains_key("2026.4.11"));
    }

    #[test]
    fn a_release_that_was_not_run_is_judged_as_the_last_one_before_it() {
        for (target, judged_as) in [
            ("2026.4.11", "2026.4.11"),
            ("2026.4.11-beta.1", "2026.4.11"),
            ("2025.1.1", "2026.4.11"),
            ("2026.9.6-1", "2026.9.6"),
            ("2027.1.1", "2026.9.6"),
        ] {
            let known = KnownRelease::for_target(&target.parse().unwrap()).unwrap();
            assert_eq!(known.version.to_string(), judged_as, "{target}");
        }
    }

    #[test]
    fn unknown_keys_and_refused_values_are_named_with_the_release() {
        assert_eq!(
            refusals(
                "2026.9.6",
                json!({"foo": 1, "gateway": {"port": "x", "bind": "192.0.2.1", "nope": "secret"}})
            ),
            [
                "configuration.foo is no key of OpenClaw 2026.9.6",
                "configuration.gateway.bind has a value that is refused by OpenClaw 2026.9.6",
                "configuration.gateway.nope is no key of OpenClaw 2026.9.6",
                "configuration.gateway.port has a value that is refused by OpenClaw 2026.9.6",
            ]
        );
    }

    #[test]
    fn channels_and_plugins_that_a_release_brings_along_are_judged_and_others_are_named() {
        let configuration = json!({
            "channels": {"telegram": {"botToken": "1:a", "nope": 1}, "custom": {"nope": 1}},
            "plugins": {"entries": {
                "xai": {"config": {"nope": 1}},
                "other": {"enabled": true, "config": {"nope": 1}},
                "third": {"enabled": true},
                "fourth": {"nope": 1},
            }},
        });
        for target in ["2026.4.11", "2026.6.11", "2026.8.2", "2026.9.6"] {
            let refused = [
                "channels.telegram.nope",
                "plugins.entries.fourth.nope",
                "plugins.entries.xai.config.nope",
            ];
            let refused =
                refused.map(|path| format!("configuration.{path} is no key of OpenClaw {target}"));
            assert_eq!(refusals(target, configuration.clone()), refused);
            let known = KnownRelease::for_target(&target.parse().unwrap()).unwrap();
            assert_eq!(
                known.not_judged(configuration.as_object().unwrap()),
                ["channels.custom", "plugins.entries.other.config"]
            );
        }
    }
}
