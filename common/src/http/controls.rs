//! The switch for controls, and their idempotency keys.

use std::str::FromStr;

use ::http::HeaderMap;

use super::ApiError;
use crate::config::{ENABLE_CONTROLS, PUBLIC_ENABLE_CONTROLS, Reader};
use crate::model::{IdempotencyKey, UserId};

/// The switch for everything that changes an agent, from the contract's
/// "Controls disabled". Handlers check it before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlsSwitch {
    On,
    /// Controls are refused with 503.
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be true or false")]
pub struct InvalidSwitch;

impl FromStr for ControlsSwitch {
    type Err = InvalidSwitch;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "true" => Ok(Self::On),
            "false" => Ok(Self::Off),
            _ => Err(InvalidSwitch),
        }
    }
}

impl ControlsSwitch {
    /// Reads both variables. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let switches = (
            reader.optional(ENABLE_CONTROLS)?,
            reader.optional(PUBLIC_ENABLE_CONTROLS)?,
        );
        Some(match switches {
            (Some(Self::Off), _) | (_, Some(Self::Off)) => Self::Off,
            _ => Self::On,
        })
    }

    /// Refuses while controls are off.
    ///
    /// # Errors
    /// The contract's 503.
    pub fn check(self) -> Result<(), ApiError> {
        match self {
            Self::On => Ok(()),
            Self::Off => Err(ApiError::ControlsDisabled),
        }
    }
}

/// The caller's `Idempotency-Key`, if there is one.
///
/// # Errors
/// The 400 for a malformed key.
pub fn idempotency_key(
    headers: &HeaderMap,
    user: &UserId,
) -> Result<Option<IdempotencyKey>, ApiError> {
    headers
        .get("idempotency-key")
        // A value that is not text is refused like any other disallowed
        // character.
        .map(|key| IdempotencyKey::new(user, key.to_str().unwrap_or_default()))
        .transpose()
        .map_err(|error| ApiError::BadRequest(format!("Idempotency-Key {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn controls_are_off_when_either_variable_is_false() {
        let rows = [
            (None, None, ControlsSwitch::On),
            (Some("true"), None, ControlsSwitch::On),
            (Some("false"), None, ControlsSwitch::Off),
            (None, Some("false"), ControlsSwitch::Off),
            (Some("true"), Some("false"), ControlsSwitch::Off),
            (Some("false"), Some("true"), ControlsSwitch::Off),
            (Some("true"), Some("true"), ControlsSwitch::On),
        ];
        for (plain, public, expected) in rows {
            let set = |name, value: Option<&str>| Some((name, value?.to_owned()));
            let variables = [
                set(ENABLE_CONTROLS, plain),
                set(PUBLIC_ENABLE_CONTROLS, public),
            ];
            let environment: BTreeMap<&str, String> = variables.into_iter().flatten().collect();
            let mut reader = Reader::new(&environment);
            assert_eq!(ControlsSwitch::read(&mut reader), Some(expected));
        }
    }

    #[test]
    fn a_switch_that_is_neither_true_nor_false_stops_the_start() {
        let environment = BTreeMap::from([(ENABLE_CONTROLS, "no".to_owned())]);
        let mut reader = Reader::new(&environment);
        assert_eq!(ControlsSwitch::read(&mut reader), None);
        assert_eq!(
            reader.into_error().to_string(),
            "bad configuration: ENABLE_OPENCLAW_CONTROLS must be true or false"
        );
    }
}
