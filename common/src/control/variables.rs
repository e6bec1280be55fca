//! The variables of an agent's service.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{ControlError, Controls};
use crate::model::Instance;
use crate::railway::Variables;
use crate::random;

/// The port on which an agent listens, from the contract's "OpenClaw proxy".
const PORT: &str = "18789";

/// The variable from which an agent reads its gateway token.
pub(super) const GATEWAY_TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN";

/// The variables that every agent of the platform has, `AGENT_VARIABLES`: a
/// JSON object of strings. An agent's own, such as its token, are added to
/// them. The platform's secrets must not be among them, for agents run other
/// people's code.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgentVariables(BTreeMap<String, String>);

impl fmt::Debug for AgentVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a JSON object with names of letters, digits and underscores, and texts as values")]
pub struct InvalidAgentVariables;

impl FromStr for AgentVariables {
    type Err = InvalidAgentVariables;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let variables: BTreeMap<String, String> =
            serde_json::from_str(text).map_err(|_| InvalidAgentVariables)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let valid = |name: &String| !name.is_empty() && name.bytes().all(allowed);
        if variables.keys().all(valid) {
            Ok(Self(variables))
        } else {
            Err(InvalidAgentVariables)
        }
    }
}

impl Controls {
    /// All variables that there are values for. If the agent has no token, one
    /// is generated and stored first: a token that is only on Railway would be
    /// lost. A pending token is withdrawn, since these variables replace it.
    pub(super) async fn variables_of(
        &self,
        instance: &Instance,
    ) -> Result<Variables, ControlError> {
        self.tokens.withdraw_all(&instance.id).await?;
        let token = match self.tokens.get(&instance.id).await? {
            Some(token) => token,
            None => {
                let new = random::gateway_token()?;
                self.tokens.get_or_store(&instance.id, new).await?
            }
        };
        let of_platform = self.variables.0.iter();
        let variables = of_platform.fold(Variables::default(), |variables, (name, value)| {
            variables.with(name, Some(value))
        });
        Ok(variables
            .with("PORT", Some(PORT))
            .with(GATEWAY_TOKEN, Some(token.reveal())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_from_json_and_show_their_names_only() {
        let variables: AgentVariables = r#"{"AI_KEY": "secret", "TZ": "UTC"}"#.parse().unwrap();
        assert_eq!(format!("{variables:?}"), r#"{"AI_KEY", "TZ"}"#);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "[]", r#"{"A": 1}"#, r#"{"A-B": "x"}"#, r#"{"": "x"}"#] {
            assert_eq!(
                text.parse::<AgentVariables>(),
                Err(InvalidAgentVariables),
                "{text}"
            );
        }
    }
}
