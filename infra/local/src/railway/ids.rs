//! The simulated project, and the keys to it.

/// The one project.
pub const PROJECT_ID: &str = "simulated-project";
/// Its one environment.
pub const ENVIRONMENT_ID: &str = "simulated-environment";
/// A person's key, which travels as `Authorization: Bearer`.
pub const ACCOUNT_KEY: &str = "simulated-account-key";
/// The environment's key, which travels as `Project-Access-Token`.
pub const PROJECT_KEY: &str = "simulated-project-key";
