//! The handlers' descriptions are the one table of routes; all others follow.

use std::collections::BTreeMap;

use local::template::Resource;
use serde_json::{Value, json};
use toml::Table;

use crate::files;

/// Method and path, and the function that serves them.
type Routes = BTreeMap<(String, String), String>;

#[test]
fn the_committed_document_is_what_the_handlers_describe() {
    let described = local::openapi::json().unwrap();
    assert!(
        files::read("openapi.json") == described,
        "openapi.json is not what the handlers describe: run `cargo run -p local -- openapi > \
         openapi.json` and commit it"
    );
}

#[test]
fn cargo_lambda_watch_has_exactly_the_routes_of_the_handlers() {
    let differences = differences(&described(), &watched(&files::read("Cargo.toml")));
    assert!(
        differences.is_empty(),
        "[workspace.metadata.lambda.watch.router] in Cargo.toml: {differences:#?}"
    );
}

#[test]
fn the_committed_document_has_the_routes_of_all_functions() {
    let mut committed: Vec<_> = operations(&files::openapi());
    committed.sort();
    let mut described: Vec<_> = local::openapi::functions()
        .into_iter()
        .flat_map(|(_, document)| operations(&serde_json::to_value(document).unwrap()))
        .collect();
    described.sort();
    assert_eq!(committed, described);
}

#[test]
fn every_function_is_a_package_below_functions() {
    let mut names: Vec<&str> = local::openapi::functions()
        .into_iter()
        .map(|(name, _)| name)
        .chain(files::FUNCTIONS_WITHOUT_ROUTES)
        .collect();
    names.sort_unstable();
    let packages: Vec<String> = files::below("functions", "/Cargo.toml")
        .iter()
        .map(|path| {
            let manifest: Table = files::read(path).parse().unwrap();
            let name = manifest["package"]["name"].as_str().unwrap().to_owned();
            assert_eq!(*path, format!("functions/{name}/Cargo.toml"));
            name
        })
        .collect();
    assert_eq!(
        packages, names,
        "a package below functions/ that local::openapi::functions does not list, or the reverse"
    );
}

#[test]
fn every_function_is_ours_to_the_log() {
    let functions = files::below("functions", "/Cargo.toml");
    let names = functions.iter().filter_map(|path| path.split('/').nth(1));
    let mut ours: Vec<&str> = names.chain(["common", "local", "relay"]).collect();
    ours.sort_unstable();
    assert_eq!(
        common::telemetry::OURS.to_vec(),
        ours,
        "common::telemetry::OURS, whose logs are more than warnings"
    );
}

#[tokio::test]
async fn the_local_stack_serves_every_function() {
    let world = tests::World::start().await;
    let mut served: Vec<&str> = world
        .stack
        .functions
        .iter()
        .map(|(name, _)| *name)
        .collect();
    served.sort_unstable();
    let mut described: Vec<&str> = local::openapi::functions()
        .into_iter()
        .map(|(name, _)| name)
        .chain(["health", "operations"])
        .collect();
    described.sort_unstable();
    assert_eq!(served, described);
}

#[test]
fn the_template_has_exactly_the_routes_of_the_handlers() {
    let differences = differences(
        &described(),
        &deployed(local::template::resources().unwrap()),
    );
    assert!(
        differences.is_empty(),
        "infra/template.yaml: {differences:#?}"
    );
}

#[test]
fn planted_differences_are_found() {
    let route = |method: &str, path: &str, function: &str| {
        ((method.to_owned(), path.to_owned()), function.to_owned())
    };
    let described = Routes::from([
        route("GET", "/a", "one"),
        route("GET", "/b", "one"),
        route("PUT", "/b", "two"),
    ]);
    assert_eq!(differences(&described, &described), Vec::<String>::new());
    let differing = [
        "GET /a is described by one, and missing",
        "GET /b is described by one, and sent to two",
        "PUT /b is described by two, and missing",
        "ANY /a is routed to one, and described by nobody",
        "POST /b is routed to two, and described by nobody",
    ];
    let watched = watched(
        r#"
        [workspace.metadata.lambda.watch.router]
        "/a" = "one"
        "/b" = [{ method = "GET", function = "two" }, { method = "POST", function = "two" }]
        "#,
    );
    assert_eq!(differences(&described, &watched), differing);

    let event = |method: &str, path: &str| json!({"Type": "HttpApi", "Properties": {"Method": method, "Path": path}});
    let function = |binary: &str, events: Value| {
        serde_json::from_value(json!({
            "Type": "AWS::Serverless::Function",
            "Metadata": {"BuildProperties": {"Binary": binary}},
            "Properties": {"Events": events},
        }))
    };
    let deployed = deployed(&BTreeMap::from([
        (
            "One".to_owned(),
            function("one", json!({"A": event("ANY", "/a")})).unwrap(),
        ),
        (
            "Two".to_owned(),
            function(
                "two",
                json!({"B": event("GET", "/b"), "C": event("POST", "/b"), "D": {"Type": "Schedule"}}),
            )
            .unwrap(),
        ),
    ]));
    assert_eq!(differences(&described, &deployed), differing);
}

/// What every function describes of itself. A path that goes on is described
/// with each method by itself, and routed with all.
fn described() -> Routes {
    local::openapi::functions()
        .into_iter()
        .flat_map(|(function, document)| {
            let document = serde_json::to_value(document).unwrap();
            let routes = operations(&document).into_iter();
            routes.map(move |(method, path)| {
                let method = if path.ends_with("/{path}") {
                    "ANY".to_owned()
                } else {
                    method
                };
                ((method, path), function.to_owned())
            })
        })
        .collect()
}

/// A path as OpenAPI has it, where parameters that go on over slashes are not
/// marked as such.
fn as_described(path: &str) -> String {
    path.replace("{*path}", "{path}")
        .replace("{path+}", "{path}")
}

/// The methods and paths of a document.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| (method.to_uppercase(), path.clone()))
        })
        .collect()
}

/// The routes of `cargo lambda watch` in a manifest. A function without a
/// method gets them all.
fn watched(manifest: &str) -> Routes {
    let manifest: Table = manifest.parse().unwrap();
    let router = manifest["workspace"]["metadata"]["lambda"]["watch"]["router"].as_table();
    let mut routes = Routes::new();
    for (path, functions) in router.unwrap() {
        let mut add = |method: &str, function: &toml::Value| {
            let function = function.as_str().unwrap().to_owned();
            routes.insert((method.to_owned(), as_described(path)), function);
        };
        match functions.as_array() {
            None => add("ANY", functions),
            Some(functions) => functions
                .iter()
                .for_each(|it| add(it["method"].as_str().unwrap(), &it["function"])),
        }
    }
    routes
}

/// The events of the HTTP API in the template.
fn deployed(resources: &BTreeMap<String, Resource>) -> Routes {
    let mut routes = Routes::new();
    for resource in resources.values() {
        let function = &resource.metadata["BuildProperties"]["Binary"];
        let events = resource.properties["Events"].as_object();
        for event in events.into_iter().flat_map(|events| events.values()) {
            if event["Type"] == "HttpApi" {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let properties = &event["Properties"];
                let route = (
                    text(&properties["Method"]),
                    as_described(&text(&properties["Path"])),
                );
                let twice = routes.insert(route, text(function));
                assert_eq!(twice, None, "{properties}");
            }
        }
    }
    routes
}

/// How two tables of routes differ: the first one is right.
fn differences(described: &Routes, routed: &Routes) -> Vec<String> {
    let missing = described.iter().filter_map(|(route, function)| {
        let (method, path) = route;
        let what = format!("{method} {path} is described by {function}, and");
        match routed.get(route) {
            None => Some(format!("{what} missing")),
            Some(other) if other != function => Some(format!("{what} sent to {other}")),
            Some(_) => None,
        }
    });
    let unknown = routed
        .iter()
        .filter(|(route, _)| !described.contains_key(route))
        .map(|((method, path), function)| {
            format!("{method} {path} is routed to {function}, and described by nobody")
        });
    missing.chain(unknown).collect()
}
