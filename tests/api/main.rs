//! The API over HTTP: a folder for each function, with a file for each of its
//! endpoints, and a folder for each thing that functions share.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod compatibility {
    mod configure;
    mod edge;
    mod ensure;
}

mod fleet {
    mod list;
    mod maintenance_windows;
    mod metrics;
    mod register;
    mod stats;
}

mod instance {
    mod history;
    mod show;
    mod stats;
}

mod lifecycle {
    mod controls;
    mod operations;
    mod repair;
    mod reset_memory;
    mod restart;
    mod start_stop;
    mod update;
}

mod maintenance {
    mod act;
    mod health;
}

mod sweep {
    mod alerts;
    mod degraded;
    mod draining;
    mod dynamodb_faults;
    mod hosting;
    mod hourly_figures;
    mod order;
    pub(crate) mod self_healing;
    mod self_healing_withheld;
    mod transitions;
}

mod token {
    mod handshake;
    mod heal;
    mod heartbeat;
    mod proof;
    mod rotate;
    mod show;
    mod support_alert;
}

mod version {
    mod current;
    mod proxied;
}

/// Agents, which are other people's code: how they are asked and what they may answer.
mod agents {
    mod hostile;
    mod probing;
}

/// What holds for everything that is done to an agent, whichever endpoint orders it.
mod controls {
    mod idempotency;
    mod leases;
    mod railway_keys;
    mod railway_outage;
    mod refused;
    mod settling;
}

/// What holds for every request.
mod http {
    mod browsers;
    mod every_function;
    mod queries;
}

/// Who is asking.
mod identity {
    mod encrypted_cookies;
    mod origins;
    mod sessions;
    mod signed_tokens;
}

/// What the local stack brings beside the functions.
mod local {
    mod data;
    mod guard;
    mod import;
}

/// What a function needs before it answers.
mod startup {
    mod logins;
    mod secrets_manager;
    mod without_effect;
}

/// No tests: what several of them need.
mod support {
    pub(crate) mod controls;
    pub(crate) mod logins;
    pub(crate) mod people;
    pub(crate) mod setups;
    pub(crate) mod states;
}
