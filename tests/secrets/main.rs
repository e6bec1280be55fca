//! No secret reaches a log line, at any level, nor an error.
//!
//! A process of its own: what logs is one for a process, and this one logs as the
//! product does at its most verbose, while every operation is driven by all kinds
//! of callers, with and without everything behind it failing.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::clock::Clock;
use common::config::{
    AGENT_VARIABLES, INTERNAL_API_KEY, JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, NEXTAUTH_SECRET,
    SUPPORT_WEBHOOK_URL,
};
use common::telemetry;
use http::Method;
use local::agents::Behaviour;
use local::railway::{ACCOUNT_KEY, Fault};
use serde_json::{Value, json};
use tests::login::{Signer, next_auth_cookie};
use tests::{Caller, Reply, ScriptedServer, World};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ID: &str = "demo-running";
const OWNER: &str = "owner-running";
const COOKIE: &str = "an-opaque-cookie-that-nobody-may-see";
const LOGIN: &str = "a-secret-of-the-login-that-nobody-may-see";
const KEY: &str = "an-internal-key-that-nobody-may-see";
const HOOK: &str = "a-webhook-path-that-nobody-may-see";
const VARIABLE: &str = "a-variable-that-nobody-may-see";
const SETTING: &str = "a-setting-that-nobody-may-see";

/// Log lines, kept in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything that must not be told, and what was told.
#[derive(Default)]
struct Told {
    secrets: BTreeSet<String>,
    /// The secrets that the token endpoints hand to owners.
    tokens: BTreeSet<String>,
    errors: Vec<String>,
    operations: BTreeSet<String>,
}

impl Told {
    /// Adds the tokens that are on record now.
    async fn note_tokens(&mut self, world: &World) {
        for agent in &world.stack.agents {
            let record = world.records.token(&agent.instance_id).await;
            for name in ["token", "pendingToken"] {
                if let Some(token) = record[name].as_str() {
                    self.tokens.insert(token.to_owned());
                }
            }
        }
    }

    /// Has everything done, and notes what tokens there are then.
    async fn drive(&mut self, world: &World, callers: &[Caller]) {
        self.send_all(callers).await;
        self.note_tokens(world).await;
    }

    /// Sends every operation of the document, in the name of every caller.
    async fn send_all(&mut self, callers: &[Caller]) {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.json");
        let document = std::fs::read_to_string(document).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        for (path, operations) in document["paths"].as_object().unwrap() {
            let concrete = path
                .replace("{userId}", ID)
                .replace("{id}", ID)
                .replace("{operationId}", "01961d2c-7b00-7000-8000-000000000000");
            for (method, operation) in operations.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                self.operations.insert(name.to_owned());
                let method: Method = method.to_uppercase().parse().unwrap();
                for body in [good_body(name), json!({"token": VARIABLE, "x": [SETTING]})] {
                    for caller in callers {
                        let answer = caller
                            .send(method.clone(), &concrete, body.to_string())
                            .await;
                        let text = format!("{method} {path}: {}", answer.body);
                        if answer.status >= 400 {
                            self.errors.push(text);
                        }
                    }
                }
            }
        }
    }

    /// Adds what was told elsewhere.
    fn add(&mut self, other: Self) {
        self.secrets.extend(other.secrets);
        self.tokens.extend(other.tokens);
        self.errors.extend(other.errors);
        self.operations.extend(other.operations);
    }

    fn found_in(&self, text: &str) -> Vec<&String> {
        let all = self.secrets.iter().chain(&self.tokens);
        all.filter(|secret| text.contains(secret.as_str()))
            .collect()
    }
}

/// Something that an operation takes, with a secret in it where there may be one.
fn good_body(operation: &str) -> Value {
    match operation {
        "registerInstance" => json!({"ownerId": OWNER, "metadata": {"note": SETTING}}),
        "maintainAgent" => json!({"action": "factory-reset"}),
        "storeConfiguration" => json!({
            "configuration": {"tools": {"web": {"x_search": {"apiKey": SETTING}}}},
            "device": {"token": SETTING},
        }),
        "setMaintenanceWindow" => {
            json!({"from": "2026-04-04T03:00:00Z", "until": "2026-04-04T05:00:00Z"})
        }
        "checkIn" => json!({"instanceId": ID, "gatewayProcessStatus": "active"}),
        _ => Value::Null,
    }
}

/// A world with secrets of all kinds, and those who call it.
struct Scene {
    world: World,
    callers: [Caller; 12],
    told: Told,
    /// Whose keys sign tokens, and who is alerted.
    _servers: [ScriptedServer; 2],
}

impl Scene {
    async fn start() -> Self {
        let signer = Signer::ed("key");
        let keys = Reply::json(&json!({"keys": [signer.jwk()]}));
        let keys = ScriptedServer::always(keys).await;
        let support = ScriptedServer::always(Reply::http(400, "text/plain", HOOK)).await;
        let world = World::with(INTERNAL_API_KEY, KEY)
            .with(NEXTAUTH_SECRET, LOGIN)
            .with(SUPPORT_WEBHOOK_URL, format!("{}/{HOOK}", support.url()))
            .with(AGENT_VARIABLES, json!({"AI_KEY": VARIABLE}).to_string())
            .with(JWT_JWKS_URL, keys.url())
            .with(JWT_ISSUER, "https://login.example/")
            .with(JWT_AUDIENCE, "maintenance")
            .hasty()
            .start()
            .await;
        world.store_session(COOKIE, OWNER).await;
        let mut told = Told::default();
        told.note_tokens(&world).await;
        let callers = callers(&world, &signer, &mut told).await;
        Self {
            world,
            callers,
            told,
            _servers: [keys, support],
        }
    }

    /// Everything is well, and then Railway fails with what it was told.
    async fn well(mut self) -> Told {
        let (world, told) = (&self.world, &mut self.told);
        told.drive(world, &self.callers).await;
        let echo = Fault::Errors(format!("a variable may not be {VARIABLE}"));
        world.railway().inject_into("FactoryReset", vec![echo; 30]);
        told.drive(world, &self.callers).await;
        self.world.stack.stop().await;
        self.told
    }

    /// Everything fails, one after the other.
    async fn ill(mut self) -> Told {
        let (world, told) = (&self.world, &mut self.told);
        let few = [&self.callers[1], &self.callers[9]].map(Clone::clone);
        for fault in [
            Fault::Errors(format!("the key {ACCOUNT_KEY} may not do this")),
            Fault::Errors("Not Authorized".to_owned()),
            Fault::RateLimited(Some(60)),
        ] {
            world.railway().inject(vec![fault; 30]);
            told.drive(world, &few).await;
            world.railway().clear_faults();
        }
        // An agent that is not well, and one that is down.
        for behaviour in [Behaviour::Starting, Behaviour::Unreachable] {
            let agent = world.stack.simulated(ID).unwrap();
            agent.set(behaviour).unwrap();
            told.drive(world, &few).await;
        }
        // Damaged records, and then tables that are not there.
        let damaged = json!({"instanceId": ID, "token": [SETTING], "pendingToken": SETTING});
        world.records.put_token(&damaged).await;
        told.drive(world, &few).await;
        world.records.lose_configurations().await;
        world.records.lose_memories().await;
        world.records.lose_operations().await;
        told.drive(world, &few).await;
        world.records.lose_tokens().await;
        told.send_all(&few).await;
        world.records.lose_instances().await;
        told.send_all(&few).await;
        world.records.lose_sessions().await;
        told.send_all(&self.callers).await;
        self.world.stack.stop().await;
        self.told
    }
}

/// All kinds of callers, of whom what they present is noted.
async fn callers(world: &World, signer: &Signer, told: &mut Told) -> [Caller; 12] {
    let now = world.clock.now().as_second();
    let claims = |user: &str| {
        json!({
            "sub": user, "iat": now, "exp": now + 3600,
            "iss": "https://login.example/", "aud": "maintenance",
        })
    };
    let sealed = next_auth_cookie(LOGIN, &claims(OWNER));
    let foreign = next_auth_cookie("another-secret-that-is-long-enough", &claims(OWNER));
    let signed = signer.token(&claims(OWNER));
    let forged = Signer::ed("key").token(&claims(OWNER));
    let token = world.records.token(ID).await["token"].clone();
    let token = token.as_str().unwrap().to_owned();
    let wrong_token = "c".repeat(64);
    for secret in [
        COOKIE,
        LOGIN,
        KEY,
        HOOK,
        VARIABLE,
        SETTING,
        ACCOUNT_KEY,
        &sealed,
        &foreign,
        &signed,
        &forged,
        &wrong_token,
    ] {
        told.secrets.insert(secret.to_owned());
    }
    let cookie = |name: &str, value: &str| {
        let header = format!("{name}={value}");
        world.anonymous().with("cookie", header)
    };
    let bearer = |value: &str| {
        let header = format!("Bearer {value}");
        world.anonymous().with("authorization", header)
    };
    [
        world.anonymous(),
        cookie("agentbot-session", COOKIE),
        cookie("next-auth.session-token", &sealed),
        cookie("next-auth.session-token", &foreign),
        cookie("agentbot-session", COOKIE).with("origin", "https://elsewhere.example"),
        bearer(&signed),
        bearer(&forged),
        bearer(KEY),
        bearer(&format!("{KEY}x")),
        bearer(&token),
        bearer(&wrong_token),
        world.stranger(),
    ]
}

/// The spans of the requests that were answered.
fn answered(lines: &str) -> Vec<Value> {
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let answers = lines.filter(|line: &Value| line["message"] == "answered");
    answers.map(|mut line| line["span"].take()).collect()
}

/// Two scenes, for this takes all the time of a processor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_logged_at_any_level_or_told_in_an_error() {
    let (ours, everything) = (Lines::default(), Lines::default());
    telemetry::json("trace".parse().unwrap(), ours.clone())
        // What would be logged if other people's crates had their way.
        .with(
            fmt::layer()
                .with_writer(everything.clone())
                .with_filter(LevelFilter::TRACE),
        )
        .init();

    let (well, ill) = (Scene::start().await, Scene::start().await);
    let shown = format!("{:?}", (&well.world.stack.bearer, &well.world.stack.tables));
    let ill = tokio::spawn(ill.ill());
    let mut told = tokio::spawn(well.well()).await.unwrap();
    told.add(ill.await.unwrap());

    let (ours, everything) = (ours.text(), everything.text());
    let errors = told.errors.join("\n");
    assert_eq!(told.found_in(&ours), Vec::<&String>::new(), "in a log line");
    assert_eq!(told.found_in(&errors), Vec::<&String>::new(), "in an error");
    assert_eq!(told.found_in(&shown), Vec::<&String>::new(), "in Debug");
    // This test would find them: they pass by, where nothing holds them back.
    assert!(told.found_in(&everything).len() > 5, "nothing to hold back");
    for line in [
        "answered",
        "alert: ",
        "an alert was not delivered",
        "store",
        "control",
        "probed",
        "asked Railway",
    ] {
        assert!(ours.contains(line), "{line:?} is not logged");
    }
    let answered = answered(&ours);
    for (route, user) in [
        ("/api/instance/{userId}", true),
        ("/api/instance/{userId}/operations", true),
        ("/api/openclaw/maintenance", true),
        ("/api/support/heal-token", true),
        ("/api/openclaw/instances/{id}", false),
        ("/api/heartbeat", false),
    ] {
        let user = if user { json!(OWNER) } else { Value::Null };
        let names = |span: &&Value| span["route"] == route && span["instance"] == ID;
        let found = answered.iter().find(names);
        let found = found.unwrap_or_else(|| panic!("no line of {route} names the agent"));
        assert_eq!(found["user"], user, "{route}");
    }
    assert!(told.operations.len() > 15, "{:?}", told.operations);
    assert!(told.errors.len() > 100, "{}", told.errors.len());
}
