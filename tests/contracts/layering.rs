//! The layers of the house: what each part may not name, and why.

use std::collections::BTreeSet;

use toml::Table;

use crate::files;
use crate::names::names;

/// Something that some files may not name.
struct Rule {
    /// What is broken, and the reason for the rule.
    reason: &'static str,
    /// Whether a file has to keep the rule.
    holds_for: fn(&str) -> bool,
    /// The names, as they are written in code.
    forbidden: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        reason: "what every layer stands on knows none of them: the base imports nothing above \
                 itself",
        holds_for: is_base,
        forbidden: &[
            "alerts", "compat", "control", "http", "identity", "probe", "railway", "store", "watch",
        ],
    },
    Rule {
        reason: "`platform` makes clients of the outside worlds, and knows nothing of what is done \
                 with them",
        holds_for: |path| path == "common/src/platform.rs",
        forbidden: &["alerts", "compat", "control", "http", "identity", "watch"],
    },
    Rule {
        reason: "`net` says which addresses of agents may be asked, and knows `model` alone",
        holds_for: |path| path.starts_with("common/src/net/"),
        forbidden: &["client", "clock", "config"],
    },
    Rule {
        reason: "`probe` knows neither `railway` nor `store`: an outside world can be understood, \
                 replaced and tested alone",
        holds_for: |path| path.starts_with("common/src/probe/"),
        forbidden: &["railway", "store"],
    },
    Rule {
        reason: "`railway` knows neither `probe` nor `store`: an outside world can be understood, \
                 replaced and tested alone",
        holds_for: |path| path.starts_with("common/src/railway/"),
        forbidden: &["probe", "store"],
    },
    Rule {
        reason: "`store` knows neither `probe` nor `railway`: an outside world can be understood, \
                 replaced and tested alone",
        holds_for: |path| path.starts_with("common/src/store/"),
        forbidden: &["probe", "railway"],
    },
    Rule {
        reason: "`alerts` tells what it is told, and knows none of the outside worlds that it is \
                 about",
        holds_for: |path| path.starts_with("common/src/alerts/"),
        forbidden: &["control", "http", "identity", "probe", "railway", "store"],
    },
    Rule {
        reason: "`identity` knows no other outside world: it tells who somebody is from what is \
                 presented, a login's keys and the time alone",
        holds_for: |path| path.starts_with("common/src/identity/"),
        forbidden: &[
            "clock",
            "control",
            "http",
            "probe",
            "railway",
            "store",
            "aws_sdk_dynamodb",
        ],
    },
    Rule {
        reason: "`compat` is rules about `model`, and knows nothing else",
        holds_for: |path| path.starts_with("common/src/compat/"),
        forbidden: &[
            "client", "clock", "config", "control", "http", "probe", "railway", "store",
        ],
    },
    Rule {
        reason: "`watch` is rules about what was seen of agents, and knows `model` alone",
        holds_for: |path| path.starts_with("common/src/watch/"),
        forbidden: &[
            "client", "clock", "compat", "config", "control", "http", "probe", "railway", "store",
        ],
    },
    Rule {
        reason: "`model` is pure data below all other layers",
        holds_for: |path| path.starts_with("common/src/model/"),
        forbidden: &[
            "client", "clock", "compat", "config", "control", "http", "net", "probe", "railway",
            "store", "watch",
        ],
    },
    Rule {
        reason: "`model`, `compat`, `watch` and `probe/classify.rs` do no I/O, so that every rule in them is tested \
                 as a table",
        holds_for: is_pure,
        forbidden: &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net::TcpListener",
            "std::net::TcpStream",
            "std::net::ToSocketAddrs",
            "std::net::UdpSocket",
            "std::process",
            "std::thread",
            "aws_sdk_dynamodb",
            "axum",
            "hyper",
            "reqwest",
            "tokio",
        ],
    },
    Rule {
        reason: "`model`, `compat`, `watch` and `probe/classify.rs` read no clock: the time comes in as an argument",
        holds_for: is_pure,
        forbidden: &[
            "Instant",
            "SystemTime",
            "SystemClock",
            "Timestamp::now",
            "Zoned::now",
            "clock::Clock",
        ],
    },
    Rule {
        reason: "only `common/src/config.rs` reads the environment: what a function needs is \
                 listed where it starts",
        holds_for: |path| path != "common/src/config.rs",
        forbidden: &["std::env", "env::var", "env::vars", "env::var_os"],
    },
    Rule {
        reason: "only `common/src/store` names the DynamoDB SDK: a record's shape is one file's \
                 business",
        holds_for: |path| !path.starts_with("common/src/store/") && is_product(path),
        forbidden: &["aws_sdk_dynamodb", "serde_dynamo"],
    },
    Rule {
        reason: "only `common/src/queue.rs` names the SQS SDK",
        holds_for: |path| path != "common/src/queue.rs",
        forbidden: &["aws_sdk_sqs"],
    },
    Rule {
        reason: "only `client.rs` makes the clients of APIs, and only `probe/connection.rs` the \
                 connections to agents: limits, trust and the list of hosts are kept there",
        holds_for: |path| {
            is_product(path)
                && path != "common/src/client.rs"
                && path != "common/src/probe/connection.rs"
                && path != "common/src/net/resolver.rs"
        },
        forbidden: &[
            "h2::client",
            "hyper::client",
            "hyper_rustls",
            "hyper_util::client",
            "reqwest::Client::builder",
            "reqwest::Client::new",
            "std::net::TcpStream",
            "tokio::net",
        ],
    },
    Rule {
        reason: "in `common` only `http` names axum: causes meet HTTP once",
        holds_for: |path| path.starts_with("common/src/") && !path.starts_with("common/src/http/"),
        forbidden: &["axum"],
    },
    Rule {
        reason: "HTTP's own types are named from `http`: which framework or client hands them on \
                 is no reader's business",
        holds_for: |_| true,
        forbidden: &[
            "axum::http",
            "hyper::header",
            "hyper::http",
            "hyper::HeaderMap",
            "hyper::Method",
            "hyper::Request",
            "hyper::Response",
            "hyper::StatusCode",
            "hyper::Uri",
            "lambda_http::http",
            "reqwest::header",
            "reqwest::Method",
            "reqwest::StatusCode",
        ],
    },
];

/// The files of `common/src` itself, and what they stand on.
fn is_base(path: &str) -> bool {
    let Some(path) = path.strip_prefix("common/src/") else {
        return false;
    };
    let folders = ["aws/", "net/", "telemetry/"];
    let is_of_a_folder = folders.iter().any(|folder| path.starts_with(folder));
    // The platform makes clients of the outside worlds, for `http` and functions.
    let is_above = ["lib.rs", "platform.rs"].contains(&path);
    is_of_a_folder || (!path.contains('/') && !is_above)
}

fn is_pure(path: &str) -> bool {
    path.starts_with("common/src/model/")
        || path.starts_with("common/src/compat/")
        || path.starts_with("common/src/watch/")
        || path == "common/src/probe/classify.rs"
}

/// The simulators of the local stack may do more.
fn is_product(path: &str) -> bool {
    path.starts_with("common/") || path.starts_with("functions/")
}

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
