//! The layers of the house: what each part may not name, and why.

use std::collections::BTreeSet;

use toml::Table;

use crate::files;
use crate::layers::RULES;
use crate::names::names;

#[test]
fn no_file_names_what_its_layer_may_not_know() {
    let files: Vec<(String, String)> = ["common/src", "functions", "infra/local/src"]
        .into_iter()
        .flat_map(|folder| files::below(folder, ".rs"))
        .map(|path| {
            let text = files::read(&path);
            (path, text)
        })
        .collect();
    assert!(files.len() > 40, "only {} files were read", files.len());
    let found: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| violations(path, text))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn no_function_depends_on_another_function() {
    let manifests: Vec<String> = files::below("functions", "/Cargo.toml")
        .iter()
        .map(|path| files::read(path))
        .collect();
    let found = dependencies_between(&manifests);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn planted_violations_are_found() {
    for (path, text, name) in [
        ("common/src/client.rs", "use crate::probe::Prober;", "probe"),
        (
            "common/src/net/hosts.rs",
            "use crate::client::USER_AGENT;",
            "client",
        ),
        (
            "common/src/probe/prober.rs",
            "use crate::store::Instances;",
            "store",
        ),
        (
            "common/src/probe/prober.rs",
            "use crate::{model::Image, store};",
            "store",
        ),
        (
            "common/src/probe/prober.rs",
            "use crate::{\n  model,\n  railway::{a, b},\n};",
            "railway",
        ),
        (
            "common/src/probe/prober.rs",
            "super::super::railway::go()",
            "railway",
        ),
        (
            "common/src/railway/resolve.rs",
            "use crate::probe;",
            "probe",
        ),
        (
            "common/src/store/x/y.rs",
            "use crate :: probe :: Status;",
            "probe",
        ),
        (
            "common/src/model/image.rs",
            "use crate::clock::Clock;",
            "clock",
        ),
        (
            "common/src/model/image.rs",
            "use std::{fmt, fs};",
            "std::fs",
        ),
        (
            "common/src/model/image.rs",
            "std::net::TcpStream::connect(x)",
            "std::net::TcpStream",
        ),
        (
            "common/src/probe/classify.rs",
            "let now = Timestamp::now();",
            "Timestamp::now",
        ),
        (
            "common/src/probe/classify.rs",
            "use std::time::{Duration, Instant};",
            "Instant",
        ),
        (
            "common/src/probe/classify.rs",
            "tokio::join!(a, b)",
            "tokio",
        ),
        (
            "functions/fleet/src/lib.rs",
            "std::env::var(\"X\")",
            "std::env",
        ),
        ("infra/local/src/main.rs", "use std::env;", "std::env"),
        (
            "functions/fleet/src/lib.rs",
            "aws_sdk_dynamodb::Client",
            "aws_sdk_dynamodb",
        ),
        ("common/src/probe/report.rs", "/* */ axum::Json(1)", "axum"),
        (
            "common/src/probe/prober.rs",
            "use hyper::client::conn::http1;",
            "hyper::client",
        ),
        (
            "functions/fleet/src/lib.rs",
            "use axum::{Router, http::StatusCode};",
            "axum::http",
        ),
        (
            "functions/fleet/src/lib.rs",
            "tokio::net::TcpStream::connect(x)",
            "tokio::net",
        ),
    ] {
        let found = violations(path, text);
        assert!(
            found
                .iter()
                .any(|it| it.contains(&format!(" names {name}: "))),
            "{path}: {text}: {found:?}"
        );
    }
    let manifests = [
        "[package]\nname = \"one\"\n[dependencies]\nserde = \"1\"\ntwo.workspace = true",
        "[package]\nname = \"two\"\n[dev-dependencies.alias]\npackage = \"one\"\npath = \"../one\"",
    ];
    assert_eq!(dependencies_between(&manifests.map(str::to_owned)).len(), 2);
}

#[test]
fn what_is_allowed_is_no_violation() {
    for (path, text) in [
        (
            "common/src/probe/prober.rs",
            "use crate::client; use super::classify;",
        ),
        (
            "common/src/probe/prober.rs",
            "/// See [`Instances`](crate::store::Instances).\nfn a() {}",
        ),
        (
            "common/src/probe/prober.rs",
            "let store = 1; stored(store, self.railway);",
        ),
        (
            "common/src/probe/prober.rs",
            r#"f("\"crate::store::X", '"', "crate::store")"#,
        ),
        (
            "common/src/model/agent_url.rs",
            "let x = \"//\"; use std::net::IpAddr;",
        ),
        ("common/src/model/uptime.rs", "use std::time::Duration;"),
        ("common/src/config.rs", "std::env::var(name)"),
        ("common/src/client.rs", "env!(\"CARGO_PKG_VERSION\")"),
        ("common/src/client.rs", "use crate::net::GuardedResolver;"),
        ("common/src/store/mod.rs", "use aws_sdk_dynamodb::Client;"),
        ("common/src/http/mod.rs", "use axum::Json;"),
        ("common/src/probe/proof.rs", "use ::http::StatusCode;"),
        (
            "common/src/probe/connection.rs",
            "use hyper::client::conn::http1;",
        ),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{text}");
    }
    let alone = "[package]\nname = \"one\"\n[dependencies]\ncommon.workspace = true".to_owned();
    assert_eq!(dependencies_between(&[alone]), Vec::<String>::new());
}

/// Every rule that a file breaks, with its reason.
fn violations(path: &str, text: &str) -> Vec<String> {
    let names = names(text);
    RULES
        .iter()
        .filter(|rule| (rule.holds_for)(path))
        .flat_map(|rule| rule.forbidden.iter().map(move |name| (rule.reason, *name)))
        .filter(|(_, name)| names.iter().any(|found| is_below(found, name)))
        .map(|(reason, name)| format!("{path} names {name}: {reason}"))
        .collect()
}

/// Whether a path of code is the forbidden one, something in it, or ends with
/// it. A bare word is a name of the crate's own modules or of another crate, so
/// it counts only where a path begins.
fn is_below(found: &str, forbidden: &str) -> bool {
    let found = format!("{found}::");
    let forbidden = format!("{forbidden}::");
    let is_type = forbidden.starts_with(char::is_uppercase);
    found.starts_with(&forbidden)
        || ((is_type || forbidden.matches("::").count() > 1)
            && found.contains(&format!("::{forbidden}")))
}

/// Every dependency of one function on another.
fn dependencies_between(manifests: &[String]) -> Vec<String> {
    let manifests: Vec<Table> = manifests.iter().map(|text| text.parse().unwrap()).collect();
    let name_of = |manifest: &Table| manifest["package"]["name"].as_str().unwrap().to_owned();
    let functions: BTreeSet<String> = manifests.iter().map(name_of).collect();
    let mut found = Vec::new();
    for manifest in &manifests {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for (alias, dependency) in dependencies {
                let package = dependency.get("package").and_then(toml::Value::as_str);
                let package = package.unwrap_or(alias);
                if functions.contains(package) {
                    let name = name_of(manifest);
                    found.push(format!(
                        "functions/{name} depends on {package}: a function is one privilege, and \
                         never imports another one; what two need belongs into common"
                    ));
                }
            }
        }
    }
    found
}
