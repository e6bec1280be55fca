//! The documents that are sent to Railway, against the schema that the project
//! wrote for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use apollo_compiler::ast::Value;
use apollo_compiler::executable::{Field, Operation, Selection};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use common::railway::SCHEMA;

/// All documents by file name, without the extension.
fn documents() -> BTreeMap<String, Valid<ExecutableDocument>> {
    let schema = Schema::parse_and_validate(SCHEMA, "schema.graphql").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/src/railway/graphql");
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "schema.graphql")
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let document = ExecutableDocument::parse_and_validate(&schema, text, &path)
                .unwrap_or_else(|error| panic!("{error}"));
            (name, document)
        })
        .collect()
}

fn fields(operation: &Operation) -> impl Iterator<Item = &Field> {
    operation
        .selection_set
        .selections
        .iter()
        .filter_map(|selection| match selection {
            Selection::Field(field) => Some(&**field),
            _ => None,
        })
}

#[test]
fn every_document_fits_the_schema_and_is_named_after_its_one_operation() {
    let documents = documents();
    let operations: Vec<_> = documents
        .iter()
        .map(|(file, document)| {
            let operation = document.operations.get(None).unwrap();
            let name = operation.name.as_ref().unwrap().to_string();
            (file.as_str(), name)
        })
        .collect();
    let expected = [
        ("cancel", "Cancel"),
        ("cancel_and_stop", "CancelAndStop"),
        ("deployment_state", "DeploymentState"),
        ("factory_reset", "FactoryReset"),
        ("fleet", "Fleet"),
        ("history", "History"),
        ("metrics", "Metrics"),
        ("repair", "Repair"),
        ("restart", "Restart"),
        ("service_state", "ServiceState"),
        ("services", "Services"),
        ("start", "Start"),
        ("stop", "Stop"),
        ("update_image", "UpdateImage"),
    ]
    .map(|(file, name)| (file, name.to_owned()));
    assert_eq!(operations, expected);
}

#[test]
fn whatever_deploys_does_so_once_and_last() {
    for (name, document) in documents() {
        let operation = document.operations.get(None).unwrap();
        let deploys: Vec<_> = fields(operation)
            .map(|field| field.name == "serviceInstanceDeployV2")
            .collect();
        let count = deploys.iter().filter(|deploys| **deploys).count();
        assert!(count <= 1, "{name} deploys {count} times");
        assert!(
            count == 0 || deploys.last() == Some(&true),
            "{name} does something after it deployed: a lost answer would hide whether it did"
        );
    }
}

#[test]
fn variables_are_merged_and_deploy_nothing_by_themselves() {
    let mut found = Vec::new();
    for (name, document) in documents() {
        let operation = document.operations.get(None).unwrap();
        for field in fields(operation).filter(|it| it.name == "variableCollectionUpsert") {
            let input = field.specified_argument_by_name("input").unwrap();
            let flag = |wanted: &str| {
                let members = input.as_object().unwrap();
                let (_, value) = members.iter().find(|(name, _)| name == wanted).unwrap();
                // Written down, so that no variable can change it.
                matches!(**value, Value::Boolean(true))
            };
            assert_eq!(
                (flag("skipDeploys"), flag("replace")),
                (true, false),
                "{name}"
            );
            found.push(name.clone());
        }
    }
    assert_eq!(found, ["factory_reset", "repair"]);
}
