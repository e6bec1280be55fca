//! Sessions of the logins that exist.

use std::sync::{Arc, Mutex};

use common::clock::Clock;
use common::config::{JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::login::{self, Signer};
use tests::{Caller, Reply, ScriptedServer, World};

pub(crate) const HEALTH: &str = "/api/openclaw/maintenance";
pub(crate) const SECRET: &str = "a secret of the login that is long enough";
pub(crate) const V5: &str = "authjs.session-token";
pub(crate) const ISSUER: &str = "https://login.example/";
pub(crate) const AUDIENCE: &str = "maintenance";

pub(crate) async fn is_logged_in(caller: &Caller) -> bool {
    let answer = caller.get(HEALTH).await;
    if answer.status == 401 {
        answer.is(401, json!({"error": "Unauthorized"}));
        return false;
    }
    answer.is(
        200,
        json!({"status": "no_agent", "healthy": false, "ready": false}),
    );
    true
}

/// What a login says of a user for the next hour.
pub(crate) fn claims(world: &World, user: &str) -> Value {
    let now = world.clock.now().as_second();
    json!({"sub": user, "name": "A Person", "iat": now, "exp": now + 3600, "jti": "1"})
}

pub(crate) fn with_cookie(world: &World, name: &str, value: &str) -> Caller {
    world.anonymous().with("cookie", format!("{name}={value}"))
}

/// A login that publishes what a test puts there.
pub(crate) struct Login {
    keys: Arc<Mutex<Reply>>,
    server: ScriptedServer,
    pub(crate) world: World,
}

impl Login {
    pub(crate) async fn start(keys: &[&Signer]) -> Self {
        let keys = Arc::new(Mutex::new(Reply::json(&login::jwks(keys))));
        let published = keys.clone();
        let server = ScriptedServer::start(move |_| published.lock().unwrap().clone()).await;
        let world = World::with(JWT_JWKS_URL, format!("{}/keys?secret=1", server.url()))
            .with(JWT_ISSUER, ISSUER)
            .with(JWT_AUDIENCE, AUDIENCE)
            .start()
            .await;
        Self {
            keys,
            server,
            world,
        }
    }

    pub(crate) fn publish(&self, reply: Reply) {
        *self.keys.lock().unwrap() = reply;
    }

    pub(crate) fn claims(&self, user: &str) -> Value {
        let mut claims = claims(&self.world, user);
        claims["iss"] = json!(ISSUER);
        claims["aud"] = json!(AUDIENCE);
        claims
    }

    pub(crate) fn caller(&self, token: &str) -> Caller {
        let bearer = format!("Bearer {token}");
        self.world.anonymous().with("authorization", bearer)
    }

    pub(crate) async fn takes(&self, token: &str) -> bool {
        is_logged_in(&self.caller(token)).await
    }

    pub(crate) fn asked(&self) -> usize {
        self.server.requests().len()
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.world.clock.advance(SignedDuration::from_secs(seconds));
    }
}
