//! The rules of the layers, each with its reason.

/// Something that some files may not name.
pub(crate) struct Rule {
    /// What is broken, and the reason for the rule.
    pub(crate) reason: &'static str,
    /// Whether a file has to keep the rule.
    pub(crate) holds_for: fn(&str) -> bool,
    /// The names, as they are written in code.
    pub(crate) forbidden: &'static [&'static str],
}

pub(crate) const RULES: &[Rule] = &[
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
        reason: "only `client` makes the clients of APIs, and only `probe/connection.rs` the \
                 connections to agents: limits, trust and the list of hosts are kept there",
        holds_for: |path| {
            is_product(path)
                && path != "common/src/client.rs"
                && !path.starts_with("common/src/client/")
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
