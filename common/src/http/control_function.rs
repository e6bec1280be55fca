//! The state that the functions `lifecycle` and `maintenance` share.

use axum::extract::FromRef;

use super::{Authenticator, ControlsSwitch, SessionSettings};
use crate::client::ClientError;
use crate::clock::SharedClock;
use crate::config::Reader;
use crate::control::{ControlSettings, Controls};
use crate::platform::Platform;
use crate::store::Instances;

/// The state of a function that controls agents.
#[derive(Clone, FromRef)]
pub struct ControlFunction {
    /// Whether controls are enabled.
    pub switch: ControlsSwitch,
    pub clock: SharedClock,
    pub authenticator: Authenticator,
    pub controls: Controls,
}

impl FromRef<ControlFunction> for Instances {
    fn from_ref(function: &ControlFunction) -> Self {
        function.controls.instances.clone()
    }
}

/// The settings that it is built from.
pub struct ControlFunctionSettings {
    switch: ControlsSwitch,
    sessions: SessionSettings,
    controls: ControlSettings,
}

impl ControlFunctionSettings {
    /// Reads the variables. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let switch = ControlsSwitch::read(reader);
        let sessions = SessionSettings::read(reader);
        let controls = ControlSettings::read(reader);
        Some(Self {
            switch: switch?,
            sessions: sessions?,
            controls: controls?,
        })
    }

    /// Builds the clients and stores, once per process.
    ///
    /// # Errors
    /// When an HTTP client cannot be made.
    pub fn build(self, platform: &Platform) -> Result<ControlFunction, ClientError> {
        let connection = platform.dynamodb();
        Ok(ControlFunction {
            switch: self.switch,
            clock: platform.clock.clone(),
            authenticator: self.sessions.open(&connection)?,
            controls: self.controls.build(&connection, platform)?,
        })
    }
}
