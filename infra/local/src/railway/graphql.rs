//! Requests, validated and executed by the project's own schema file.

use std::sync::{Arc, LazyLock, Mutex};

use apollo_compiler::resolvers::{Execution, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::Type;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use common::railway::SCHEMA;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::SimulatorError;
use super::ids::ENVIRONMENT_ID;
use super::lock::lock;
use super::metrics;
use super::model::Project;

/// Executes documents.
pub(super) struct Engine {
    schema: &'static Valid<Schema>,
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    query: String,
    #[serde(default)]
    variables: Option<JsonMap>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
}

/// The request is not one; Railway answers these errors under HTTP 400.
pub(super) struct Invalid(pub(super) Value);

impl Engine {
    pub(super) fn new() -> Result<Self, SimulatorError> {
        // Once for all simulators of a process: it takes longer than the rest of one.
        static PARSED: LazyLock<Result<Valid<Schema>, String>> = LazyLock::new(|| {
            Schema::parse_and_validate(SCHEMA, "schema.graphql").map_err(|error| error.to_string())
        });
        match &*PARSED {
            Ok(schema) => Ok(Self { schema }),
            Err(error) => Err(SimulatorError::Schema(error.clone())),
        }
    }

    pub(super) fn execute(
        &self,
        request: &Request,
        project: &Arc<Mutex<Project>>,
    ) -> Result<Value, Invalid> {
        let invalid = |message: String| Invalid(json!({"errors": [{"message": message}]}));
        let document =
            ExecutableDocument::parse_and_validate(self.schema, &*request.query, "request")
                .map_err(|error| invalid(error.errors.to_string()))?;
        let name = request.operation_name.as_deref();
        let operation = document
            .operations
            .get(name)
            .map_err(|error| invalid(error.message().to_string()))?;
        let root = Root {
            type_name: operation.object_type().to_string(),
            project,
        };
        let variables = request.variables.clone().unwrap_or_default();
        let answer = Execution::new(self.schema, &document)
            .operation(operation)
            .raw_variable_values(&variables)
            .execute_sync(&root)
            .map_err(|error| invalid(error.message().to_string()))?;
        serde_json::to_value(answer).map_err(|error| invalid(error.to_string()))
    }
}

/// The query or the mutation itself.
struct Root<'w> {
    type_name: String,
    project: &'w Arc<Mutex<Project>>,
}

impl ObjectValue for Root<'_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let arguments = Arguments::of(info)?;
        let project = &mut *lock(self.project);
        let value = match info.field_name() {
            "environment" if arguments.text("id")? == ENVIRONMENT_ID => {
                return Ok(ResolvedValue::object(Environment {
                    services: project.listing(),
                }));
            }
            "environment" => Err("Environment not found".to_owned()),
            "deployments" => project
                .history(arguments.get("input"))
                .map(|all| page(&all, &arguments)),
            "metrics" => metrics::series(project, &arguments.0),
            "serviceInstance" => project.service_instance(
                arguments.text("serviceId")?,
                arguments.text("environmentId")?,
            ),
            "deployment" => project.deployment(arguments.text("id")?),
            "serviceInstanceDeployV2" => project
                .deploy(
                    arguments.text("serviceId")?,
                    arguments.text("environmentId")?,
                )
                .map(Value::from),
            "serviceInstanceUpdate" => project
                .update(arguments.text("serviceId")?, arguments.get("input"))
                .map(Value::from),
            "variableCollectionUpsert" => project
                .upsert_variables(arguments.get("input"))
                .map(Value::from),
            "deploymentStop" => project.stop(arguments.text("id")?).map(Value::from),
            "deploymentCancel" => project.cancel(arguments.text("id")?).map(Value::from),
            "deploymentRestart" => project.restart(arguments.text("id")?).map(Value::from),
            _ => return Err(self.unknown_field_error(info)),
        };
        let value = value.map_err(|message| FieldError { message })?;
        resolved(value, &info.field_definition().ty, info)
    }
}

/// The environment, whose listing has arguments.
struct Environment {
    services: Vec<Value>,
}

impl ObjectValue for Environment {
    fn type_name(&self) -> &str {
        "Environment"
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let value = match info.field_name() {
            "id" => json!(ENVIRONMENT_ID),
            "serviceInstances" => page(&self.services, &Arguments::of(info)?),
            _ => return Err(self.unknown_field_error(info)),
        };
        resolved(value, &info.field_definition().ty, info)
    }
}

/// One page of a list; the cursor is the number of nodes before it.
fn page(all: &[Value], arguments: &Arguments) -> Value {
    let after = arguments.get("after");
    let start = after.as_str().and_then(|it| it.parse().ok()).unwrap_or(0);
    let first = arguments.get("first").as_u64().unwrap_or(100);
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let edges: Vec<Value> = all
        .iter()
        .enumerate()
        .skip(start)
        .take(first)
        .map(|(index, node)| json!({"cursor": (index + 1).to_string(), "node": node}))
        .collect();
    let end = start + edges.len();
    json!({
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < all.len(),
            "endCursor": end.to_string(),
        },
    })
}

/// An object that is known whole.
struct Node {
    type_name: String,
    fields: Map<String, Value>,
}

impl ObjectValue for Node {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let value = self
            .fields
            .get(info.field_name())
            .ok_or_else(|| self.unknown_field_error(info))?;
        resolved(value.clone(), &info.field_definition().ty, info)
    }
}

/// A value as the schema's type has it: only fields of objects are selected.
fn resolved<'a>(
    value: Value,
    r#type: &Type,
    info: &ResolveInfo<'_>,
) -> Result<ResolvedValue<'a>, FieldError> {
    match value {
        Value::Array(items) if r#type.is_list() => {
            let items: Vec<_> = items
                .into_iter()
                .map(|item| resolved(item, r#type.item_type(), info))
                .collect();
            Ok(ResolvedValue::List(Box::new(items.into_iter())))
        }
        Value::Object(fields)
            if info
                .schema()
                .get_object(r#type.inner_named_type())
                .is_some() =>
        {
            Ok(ResolvedValue::object(Node {
                type_name: r#type.inner_named_type().to_string(),
                fields,
            }))
        }
        leaf => serde_json::from_value::<JsonValue>(leaf)
            .map(ResolvedValue::Leaf)
            .map_err(|error| FieldError {
                message: error.to_string(),
            }),
    }
}

/// The arguments of a field, which the schema has judged already.
struct Arguments(Value);

impl Arguments {
    fn of(info: &ResolveInfo<'_>) -> Result<Self, FieldError> {
        serde_json::to_value(info.arguments())
            .map(Self)
            .map_err(|error| FieldError {
                message: error.to_string(),
            })
    }

    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    fn text(&self, name: &str) -> Result<&str, FieldError> {
        self.get(name).as_str().ok_or_else(|| FieldError {
            message: format!("{name} is missing"),
        })
    }
}
