//! Each function may do what it does, and nothing else.
//!
//! What it does in DynamoDB and SQS is what the tests and `.ci/sweep_queue.py` saw it
//! do, if all of them ran with `RECORD_CALLS`. Which secrets it reads follows from
//! its variables, which name them.

use std::collections::{BTreeMap, BTreeSet};

use common::config::{Environment, FROM_SUFFIX};
use local::LocalEnvironment;
use local::template::{self, Resource};
use serde_json::{Value, json};

/// A function, an action and what it is done to.
type Privileges = BTreeSet<(String, String, String)>;

type Resources = BTreeMap<String, Resource>;

#[test]
#[ignore = "compares what all other tests recorded: `.ci/run` has them record it"]
fn policies_allow_what_the_functions_do_in_dynamodb_and_sqs_and_nothing_else() {
    let file = tests::environment::recorded_calls();
    let file = file.expect("RECORD_CALLS names the file that the other tests wrote");
    let recorded = std::fs::read_to_string(&file).unwrap();
    let resources = template::resources().unwrap();
    let differences = differences(&recorded_privileges(&recorded), &recordable(resources));
    assert!(
        differences.is_empty(),
        "infra/template.yaml: {differences:#?}"
    );
}

#[test]
fn policies_allow_what_variables_name_and_nothing_else() {
    let resources = template::resources().unwrap();
    let (needed, granted) = (named(resources), elsewhere(resources));
    let differences = differences(&needed, &granted);
    assert!(
        differences.is_empty(),
        "infra/template.yaml: {differences:#?}"
    );
    assert!(!needed.is_empty(), "the template names secrets");
}

#[test]
fn the_sweep_may_do_nothing_to_agents_unless_it_heals() {
    let resources = template::resources().unwrap();
    let mut functions = functions(resources);
    let (_, sweep) = functions.find(|(name, _)| name == "sweep").unwrap();
    let statements = texts_or_items(&sweep["Policies"])
        .flat_map(|policy| texts_or_items(&policy["Statement"]))
        .collect::<Vec<_>>();
    for table in ["OperationsTable.Arn", "TokensTable.Arn"] {
        let of_table = statements
            .iter()
            .filter(|it| unconditional(it)["Resource"] == table);
        let conditions: Vec<_> = of_table.map(|it| &it[0]).collect();
        assert_eq!(conditions, ["Heals"], "{table}");
    }
}

#[test]
fn planted_differences_are_found() {
    let recorded = "one dynamodb:GetItem sessions\n\
                    one dynamodb:Query instances/index/by-owner\n\
                    two dynamodb:PutItem tokens\n\
                    two dynamodb:PutItem tokens\n";
    let sessions = json!("SessionsTable.Arn");
    let by_owner = json!("${InstancesTable.Arn}/index/by-owner");
    let tokens = json!(["TokensTable.Arn"]);
    let differences_of = |one: Value, two: Value| {
        let resources = BTreeMap::from([
            ("One".to_owned(), function(&one, &json!({}))),
            ("Two".to_owned(), function(&two, &json!({}))),
            ("SessionsTable".to_owned(), table()),
            ("InstancesTable".to_owned(), table()),
            ("TokensTable".to_owned(), table()),
        ]);
        differences(&recorded_privileges(recorded), &recordable(&resources))
    };
    let one = json!([
        {"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": sessions},
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": by_owner},
    ]);
    let two = json!([{"Effect": "Allow", "Action": ["dynamodb:PutItem"], "Resource": tokens}]);
    assert_eq!(
        differences_of(one.clone(), two.clone()),
        Vec::<String>::new()
    );

    // An action too many, one too few, another table, a table for its index, an
    // index too many, and wildcards.
    let allow = |action: &str, resource: &Value| json!([{"Effect": "Allow", "Action": action, "Resource": resource}]);
    for (one, two, expected) in [
        (
            one.clone(),
            json!([{"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:GetItem"], "Resource": tokens}]),
            vec!["two may dynamodb:GetItem tokens, and no test needs it"],
        ),
        (
            one.clone(),
            json!([]),
            vec!["two needs dynamodb:PutItem tokens, and may not"],
        ),
        (
            one.clone(),
            allow("dynamodb:PutItem", &sessions),
            vec![
                "two needs dynamodb:PutItem tokens, and may not",
                "two may dynamodb:PutItem sessions, and no test needs it",
            ],
        ),
        (
            json!([one[0], {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "InstancesTable.Arn"}]),
            two.clone(),
            vec![
                "one needs dynamodb:Query instances/index/by-owner, and may not",
                "one may dynamodb:Query instances, and no test needs it",
            ],
        ),
        (
            one.clone(),
            allow("dynamodb:*", &tokens),
            vec![
                "two needs dynamodb:PutItem tokens, and may not",
                "two may dynamodb:* tokens, and no test needs it",
            ],
        ),
        (
            one.clone(),
            allow("dynamodb:PutItem", &json!("*")),
            vec![
                "two needs dynamodb:PutItem tokens, and may not",
                "two may dynamodb:PutItem *, and no test needs it",
            ],
        ),
    ] {
        assert_eq!(differences_of(one, two), expected);
    }
}

#[test]
fn planted_differences_of_secrets_are_found() {
    let secret = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${Key}-??????";
    let batch =
        json!({"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"});
    let read = json!({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": [["HasKey", secret, "AWS::NoValue"]]});
    let differences_of = |statements: Value, variables: Value| {
        let function = function(&statements, &variables);
        let resources = BTreeMap::from([("One".to_owned(), function)]);
        differences(&named(&resources), &elsewhere(&resources))
    };
    let variables = json!({"API_KEY_FROM": "Key", "OTHER": "Key"});
    let good = json!([batch, read]);
    // The same, where it is there on a condition.
    let when = |it: &Value, otherwise: &str| json!(["Wanted", it, otherwise]);
    let conditional = json!([batch, when(&read, "AWS::NoValue")]);
    let key = json!({"API_KEY_FROM": when(&json!("Key"), "")});
    assert_eq!(
        differences_of(conditional, key.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        differences_of(json!([batch]), key),
        ["one needs secretsmanager:GetSecretValue Key, and may not"]
    );
    assert_eq!(
        differences_of(good.clone(), variables.clone()),
        Vec::<String>::new()
    );
    assert_eq!(
        differences_of(json!([batch]), variables),
        ["one needs secretsmanager:GetSecretValue Key, and may not"]
    );
    assert_eq!(
        differences_of(good, json!({})),
        [
            "one may secretsmanager:BatchGetSecretValue *, and no test needs it",
            "one may secretsmanager:GetSecretValue Key, and no test needs it",
        ]
    );
}

#[test]
fn planted_differences_of_queues_are_found() {
    let send = json!({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "WorkQueue.Arn"});
    let differences_of = |recorded: &str, statements: Value| {
        let function = function(&statements, &json!({}));
        let resources = BTreeMap::from([("One".to_owned(), function)]);
        differences(&recorded_privileges(recorded), &recordable(&resources))
    };
    let sent = "one sqs:SendMessage WorkQueue\n";
    assert_eq!(differences_of(sent, json!([send])), Vec::<String>::new());
    assert_eq!(
        differences_of(sent, json!([])),
        ["one needs sqs:SendMessage WorkQueue, and may not"]
    );
    assert_eq!(
        differences_of("", json!([send])),
        ["one may sqs:SendMessage WorkQueue, and no test needs it"]
    );
}

fn table() -> Resource {
    serde_json::from_value(json!({"Type": "AWS::DynamoDB::Table"})).unwrap()
}

fn function(statements: &Value, variables: &Value) -> Resource {
    serde_json::from_value(json!({
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Policies": [{"Statement": statements}],
            "Environment": {"Variables": variables},
        },
    }))
    .unwrap()
}

/// The lines of a recording: `function action resource`.
fn recorded_privileges(lines: &str) -> Privileges {
    let privilege = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [function, action, resource] = words[..] else {
            panic!("no line of a recording: {line:?}");
        };
        (function.to_owned(), action.to_owned(), resource.to_owned())
    };
    lines.lines().map(privilege).collect()
}

/// What policies allow where calls are recorded.
fn recordable(resources: &Resources) -> Privileges {
    let mut granted = granted(resources);
    granted.retain(|(_, action, _)| is_recorded(action));
    granted
}

/// What policies allow anywhere else.
fn elsewhere(resources: &Resources) -> Privileges {
    let mut granted = granted(resources);
    granted.retain(|(_, action, _)| !is_recorded(action));
    granted
}

fn is_recorded(action: &str) -> bool {
    action.starts_with("dynamodb:") || action.starts_with("sqs:")
}

/// What functions need because a variable names a secret.
fn named(resources: &Resources) -> Privileges {
    let mut needed = Privileges::new();
    for (function, properties) in functions(resources) {
        let mut need = |action: &str, resource: &str| {
            needed.insert((function.clone(), action.to_owned(), resource.to_owned()));
        };
        let variables = properties["Environment"]["Variables"].as_object();
        for (variable, value) in variables.into_iter().flatten() {
            let Some(value) = unconditional(value).as_str() else {
                continue;
            };
            if variable.ends_with(FROM_SUFFIX) {
                need("secretsmanager:BatchGetSecretValue", "*");
                need("secretsmanager:GetSecretValue", value);
            }
        }
    }
    needed
}

/// All that policies allow. What is in them on a condition counts.
fn granted(resources: &Resources) -> Privileges {
    let mut granted = Privileges::new();
    for (function, properties) in functions(resources) {
        for policy in texts_or_items(&properties["Policies"]) {
            for statement in texts_or_items(&policy["Statement"]) {
                let statement = unconditional(statement);
                assert_eq!(statement["Effect"], "Allow", "{function}: {statement}");
                for action in texts_or_items(&statement["Action"]) {
                    for resource in texts_or_items(&statement["Resource"]) {
                        let resource = unconditional(resource).as_str().unwrap();
                        granted.insert((
                            function.clone(),
                            action.as_str().unwrap().to_owned(),
                            short(resource),
                        ));
                    }
                }
            }
        }
    }
    granted
}

/// The functions with their properties, by the names that their connections have in
/// the local stack: a program may be deployed twice.
fn functions(resources: &Resources) -> impl Iterator<Item = (String, &Value)> {
    let functions = resources
        .iter()
        .filter(|(_, it)| it.kind == "AWS::Serverless::Function");
    functions.map(|(name, it)| (name.to_lowercase(), &it.properties))
}

/// Many may be written as one.
fn texts_or_items(value: &Value) -> impl Iterator<Item = &Value> {
    let one = (!value.is_array() && !value.is_null()).then_some(value);
    one.into_iter()
        .chain(value.as_array().into_iter().flatten())
}

/// What `!If [SomeCondition, this, !Ref AWS::NoValue]` says, or with an empty text
/// in the place of nothing.
fn unconditional(value: &Value) -> &Value {
    match value.as_array().map(Vec::as_slice) {
        Some([_, then, otherwise]) if otherwise == "AWS::NoValue" || otherwise == "" => then,
        _ => value,
    }
}

/// `sessions` of `SessionsTable.Arn`, and what else is named by an ARN. Whatever
/// is written in another way stays as it is.
fn short(resource: &str) -> String {
    let table = |id: &str| LocalEnvironment(BTreeMap::new()).get(&template::variable(id));
    let secret = |text: &str| {
        let (_, secret) = text.split_once(":secret:${")?;
        secret.strip_suffix("}-??????").map(str::to_owned)
    };
    let attribute = |text: &str| {
        let id = text.strip_suffix(".Arn")?;
        Some(table(id).unwrap_or_else(|| id.to_owned()))
    };
    let index = |text: &str| {
        let (id, index) = text.strip_prefix("${")?.split_once(".Arn}")?;
        Some(table(id)? + index)
    };
    let short = secret(resource).or_else(|| attribute(resource));
    short
        .or_else(|| index(resource))
        .unwrap_or_else(|| resource.to_owned())
}

fn differences(needed: &Privileges, granted: &Privileges) -> Vec<String> {
    let missing = needed
        .difference(granted)
        .map(|(function, action, resource)| {
            format!("{function} needs {action} {resource}, and may not")
        });
    let unused = granted
        .difference(needed)
        .map(|(function, action, resource)| {
            format!("{function} may {action} {resource}, and no test needs it")
        });
    missing.chain(unused).collect()
}
