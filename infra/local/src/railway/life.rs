//! The course that deployments take over time.

use std::sync::{Mutex, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::lock;
use super::world::{World, behave};
use crate::agents::Behaviour;

/// Scenes, a stage apart.
#[derive(Clone, Copy)]
pub(super) struct Script(&'static [Scene]);

/// What changes at one moment.
#[derive(Clone, Copy)]
struct Scene {
    status: Option<&'static str>,
    instance: Option<&'static str>,
    agent: Option<Behaviour>,
}

const NOTHING: Scene = Scene {
    status: None,
    instance: None,
    agent: None,
};

const fn status(status: &'static str) -> Scene {
    Scene {
        status: Some(status),
        ..NOTHING
    }
}

impl Script {
    /// The agents have a volume, which one container at a time can hold: the
    /// old one goes before the new one comes. Railway's success is that the
    /// container runs; the agent in it gets ready a little later.
    pub(super) const DEPLOY: Self = Self(&[
        status("INITIALIZING"),
        Scene {
            instance: Some("CREATED"),
            agent: Some(Behaviour::Unreachable),
            ..status("DEPLOYING")
        },
        Scene {
            instance: Some("RUNNING"),
            agent: Some(Behaviour::Starting),
            ..status("SUCCESS")
        },
        Scene {
            agent: Some(Behaviour::Running),
            ..NOTHING
        },
    ]);

    /// The image cannot be had: what runs goes on running.
    pub(super) const FAIL: Self = Self(&[status("INITIALIZING"), status("FAILED")]);

    pub(super) const STOP: Self = Self(&[Scene {
        instance: Some("EXITED"),
        ..NOTHING
    }]);

    pub(super) const RESTART: Self = Self(&[
        Scene {
            instance: Some("RUNNING"),
            agent: Some(Behaviour::Starting),
            ..NOTHING
        },
        Scene {
            agent: Some(Behaviour::Running),
            ..NOTHING
        },
    ]);
}

/// Has a deployment follow a script, instead of the one that it followed.
pub(super) fn play(world: &mut World, deployment: &str, script: Script) {
    let (myself, stage) = (world.myself.clone(), world.stage);
    let Ok((_, found)) = world.find(deployment) else {
        return;
    };
    found.script += 1;
    let number = found.script;
    tokio::spawn(follow(myself, deployment.to_owned(), number, stage, script));
}

async fn follow(
    world: Weak<Mutex<World>>,
    deployment: String,
    number: u64,
    stage: Duration,
    script: Script,
) {
    for scene in script.0 {
        sleep(stage).await;
        let Some(world) = world.upgrade() else { return };
        let mut world = lock(&world);
        let now = world.clock.now();
        let Ok((agent, found)) = world.find(&deployment) else {
            return;
        };
        if found.script != number {
            return;
        }
        if let Some(status) = scene.status {
            found.status = status;
            found.status_updated_at = now;
        }
        if scene.instance.is_some() {
            found.instance = scene.instance;
        }
        if let Some(behaviour) = scene.agent {
            behave(agent, behaviour);
        }
        if scene.status == Some("SUCCESS") {
            world.succeeded(&deployment);
        }
    }
}
