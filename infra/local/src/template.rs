//! The SAM template. The local tables are created from it too, so that what is
//! tested here is what is deployed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use common::config::{ConfigError, Environment, Reader};
use common::store::{Definition, Index};
use serde::Deserialize;
use serde_json::Value;

/// Why tables cannot be made as the template says.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The file is not a template.
    #[error("infra/template.yaml cannot be read: {0}")]
    Malformed(#[source] Box<serde_saphyr::Error>),
    /// A table has a property that is not known here, or lacks one.
    #[error("infra/template.yaml: {table} cannot be made here: {problem}")]
    Unknown {
        /// The table's name in the template.
        table: String,
        /// What is not known.
        problem: String,
    },
    /// The name of a table is not set.
    #[error(transparent)]
    Unnamed(#[from] ConfigError),
}

/// The resources of the template, by their names. References (`!Ref`, `!GetAtt`,
/// `!Sub`) are the bare texts that they are made of.
///
/// # Errors
/// When the file is not a template.
pub fn resources() -> Result<&'static BTreeMap<String, Resource>, TemplateError> {
    // Read once for all stacks of a process.
    static RESOURCES: OnceLock<BTreeMap<String, Resource>> = OnceLock::new();
    if let Some(resources) = RESOURCES.get() {
        return Ok(resources);
    }
    let template: Template = serde_saphyr::from_str(include_str!("../../template.yaml"))
        .map_err(|error| TemplateError::Malformed(Box::new(error)))?;
    Ok(RESOURCES.get_or_init(|| template.resources))
}

/// The tables of the template. The name of `SomeTable` is in the variable
/// `SOME_TABLE`, as it is for the functions.
///
/// # Errors
/// When a table has a property that is not imitated, or no name.
pub fn tables(environment: &dyn Environment) -> Result<Vec<Definition>, TemplateError> {
    let mut reader = Reader::new(environment);
    let mut definitions = Vec::new();
    for (id, resource) in resources()? {
        if resource.kind == "AWS::DynamoDB::Table" {
            let unknown = |problem| TemplateError::Unknown {
                table: id.clone(),
                problem,
            };
            let table = Table::deserialize(&resource.properties)
                .map_err(|error| unknown(error.to_string()))?;
            let name = reader.required(&variable(id)).unwrap_or_default();
            definitions.push(table.define(name).map_err(unknown)?);
        }
    }
    reader.finish()?;
    Ok(definitions)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: BTreeMap<String, Resource>,
}

/// A resource of the template.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Resource {
    /// Its type, such as `AWS::DynamoDB::Table`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Whatever the type has.
    #[serde(default)]
    pub properties: Value,
    /// What tools other than CloudFormation read.
    #[serde(default)]
    pub metadata: Value,
}

/// What a table may have. Another property would have to be imitated here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Table {
    #[serde(rename = "BillingMode")]
    _billing_mode: PayPerRequest,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _point_in_time_recovery: Value,
    #[serde(rename = "SSESpecification")]
    _encryption: Value,
    attribute_definitions: Vec<Attribute>,
    key_schema: Vec<Key>,
    #[serde(default)]
    global_secondary_indexes: Vec<SecondaryIndex>,
    time_to_live_specification: Option<TimeToLive>,
}

#[derive(Deserialize)]
enum PayPerRequest {
    #[serde(rename = "PAY_PER_REQUEST")]
    PayPerRequest,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Attribute {
    attribute_name: String,
    #[serde(rename = "AttributeType")]
    _attribute_type: Text,
}

#[derive(Deserialize)]
enum Text {
    S,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Key {
    attribute_name: String,
    key_type: KeyType,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum KeyType {
    Hash,
    Range,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SecondaryIndex {
    index_name: String,
    key_schema: Vec<Key>,
    projection: Projection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Projection {
    #[serde(rename = "ProjectionType")]
    _projection_type: Include,
    non_key_attributes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Include {
    Include,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TimeToLive {
    attribute_name: String,
    enabled: bool,
}

impl Table {
    fn define(self, name: String) -> Result<Definition, String> {
        let attributes = &self.attribute_definitions;
        let (key, sort_key) = keys(self.key_schema, attributes)?;
        let mut indexes = Vec::new();
        for index in self.global_secondary_indexes {
            let (key, None) = keys(index.key_schema, attributes)? else {
                return Err(format!("the index {} is sorted", index.index_name));
            };
            indexes.push(Index {
                name: index.index_name,
                key,
                attributes: index.projection.non_key_attributes,
            });
        }
        let expiry = self.time_to_live_specification.filter(|it| it.enabled);
        Ok(Definition {
            name,
            key,
            sort_key,
            indexes,
            expiry: expiry.map(|it| it.attribute_name),
        })
    }
}

/// The attribute that is found by, and the one that is sorted by.
fn keys(schema: Vec<Key>, attributes: &[Attribute]) -> Result<(String, Option<String>), String> {
    let (mut found_by, mut sorted_by) = (None, None);
    for key in schema {
        let name = key.attribute_name;
        if !attributes.iter().any(|it| it.attribute_name == name) {
            return Err(format!(
                "{name} is a key, and not among its AttributeDefinitions"
            ));
        }
        match key.key_type {
            KeyType::Hash => found_by = Some(name),
            KeyType::Range => sorted_by = Some(name),
        }
    }
    let found_by = found_by.ok_or("a KeySchema has no HASH")?;
    Ok((found_by, sorted_by))
}

/// The variable that names a table: `SOME_TABLE` of `SomeTable`.
pub fn variable(id: &str) -> String {
    let mut name = String::new();
    for letter in id.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn define(properties: Value) -> Result<Definition, String> {
        let table: Table = serde_json::from_value(properties).map_err(|error| error.to_string())?;
        table.define("some".to_owned())
    }

    fn table(more: &[(&str, Value)]) -> Value {
        let mut table = json!({
            "BillingMode": "PAY_PER_REQUEST",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
            "SSESpecification": {"SSEEnabled": true},
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        });
        for (name, value) in more {
            table[name] = value.clone();
        }
        table
    }

    #[test]
    fn a_table_is_defined_by_its_resource() {
        let text = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let definition = define(table(&[
            (
                "AttributeDefinitions",
                json!([text("id"), text("at"), text("owner")]),
            ),
            ("KeySchema", json!([key("id", "HASH"), key("at", "RANGE")])),
            (
                "GlobalSecondaryIndexes",
                json!([{
                    "IndexName": "by-owner",
                    "KeySchema": [key("owner", "HASH")],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["since"]},
                }]),
            ),
            (
                "TimeToLiveSpecification",
                json!({"AttributeName": "expiresAt", "Enabled": true}),
            ),
        ]));
        assert_eq!(
            definition,
            Ok(Definition {
                name: "some".to_owned(),
                key: "id".to_owned(),
                sort_key: Some("at".to_owned()),
                indexes: vec![Index {
                    name: "by-owner".to_owned(),
                    key: "owner".to_owned(),
                    attributes: vec!["since".to_owned()],
                }],
                expiry: Some("expiresAt".to_owned()),
            })
        );
    }

    #[test]
    fn what_is_not_imitated_here_is_refused() {
        let key = json!([{"AttributeName": "other", "KeyType": "HASH"}]);
        let number = json!([{"AttributeName": "id", "AttributeType": "N"}]);
        for (property, value, problem) in [
            (
                "LocalSecondaryIndexes",
                json!([]),
                "unknown field `LocalSecondaryIndexes`",
            ),
            (
                "BillingMode",
                json!("PROVISIONED"),
                "unknown variant `PROVISIONED`",
            ),
            ("AttributeDefinitions", number, "unknown variant `N`"),
            (
                "KeySchema",
                key,
                "other is a key, and not among its AttributeDefinitions",
            ),
            ("KeySchema", json!([]), "a KeySchema has no HASH"),
        ] {
            let error = define(table(&[(property, value)])).unwrap_err();
            assert!(error.starts_with(problem), "{error}");
        }
    }

    #[test]
    fn variables_are_named_as_their_tables() {
        assert_eq!(variable("InstancesTable"), "INSTANCES_TABLE");
        assert_eq!(variable("SweepStatesTable"), "SWEEP_STATES_TABLE");
    }
}
