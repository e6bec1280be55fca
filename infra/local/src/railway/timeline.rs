//! How deployments change over time.

use std::sync::{Mutex, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::lock::lock;
use super::model::{Project, behave};
use crate::agents::Behaviour;

/// The steps of a deployment, one `stage` apart.
#[derive(Clone, Copy)]
pub(super) struct Timeline(&'static [Step]);

/// What changes at one step.
#[derive(Clone, Copy)]
struct Step {
    status: Option<&'static str>,
    instance: Option<&'static str>,
    agent: Option<Behaviour>,
}

const NO_CHANGE: Step = Step {
    status: None,
    instance: None,
    agent: None,
};

const fn status(status: &'static str) -> Step {
    Step {
        status: Some(status),
        ..NO_CHANGE
    }
}

impl Timeline {
    /// Agents have a volume, which only one container can mount: the old one stops
    /// before the new one starts. Railway reports success when the container runs;
    /// the agent in it becomes ready a little later.
    pub(super) const DEPLOY: Self = Self(&[
        status("INITIALIZING"),
        Step {
            instance: Some("CREATED"),
            agent: Some(Behaviour::Unreachable),
            ..status("DEPLOYING")
        },
        Step {
            instance: Some("RUNNING"),
            agent: Some(Behaviour::Starting),
            ..status("SUCCESS")
        },
        Step {
            agent: Some(Behaviour::Running),
            ..NO_CHANGE
        },
    ]);

    /// The image cannot be pulled: what runs keeps running.
    pub(super) const FAIL: Self = Self(&[status("INITIALIZING"), status("FAILED")]);

    pub(super) const STOP: Self = Self(&[Step {
        instance: Some("EXITED"),
        ..NO_CHANGE
    }]);

    pub(super) const RESTART: Self = Self(&[
        Step {
            instance: Some("RUNNING"),
            agent: Some(Behaviour::Starting),
            ..NO_CHANGE
        },
        Step {
            agent: Some(Behaviour::Running),
            ..NO_CHANGE
        },
    ]);
}

/// Starts a deployment on a timeline, which replaces the one that it was on.
pub(super) fn start(project: &mut Project, deployment: &str, timeline: Timeline) {
    let (weak, stage) = (project.weak.clone(), project.stage);
    let Ok((_, found)) = project.find(deployment) else {
        return;
    };
    found.timeline += 1;
    let number = found.timeline;
    tokio::spawn(run(weak, deployment.to_owned(), number, stage, timeline));
}

async fn run(
    project: Weak<Mutex<Project>>,
    deployment: String,
    number: u64,
    stage: Duration,
    timeline: Timeline,
) {
    for step in timeline.0 {
        sleep(stage).await;
        let Some(project) = project.upgrade() else {
            return;
        };
        let mut project = lock(&project);
        let now = project.clock.now();
        let Ok((agent, found)) = project.find(&deployment) else {
            return;
        };
        if found.timeline != number {
            return;
        }
        if let Some(status) = step.status {
            found.status = status;
            found.status_updated_at = now;
        }
        if step.instance.is_some() {
            found.instance = step.instance;
        }
        if let Some(behaviour) = step.agent {
            behave(agent, behaviour);
        }
        if step.status == Some("SUCCESS") {
            project.succeeded(&deployment);
        }
    }
}
