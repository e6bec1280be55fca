//! What self-healing knows about an agent: an attribute of the instance's own
//! item, so that a sweep reads it together with the state.
//!
//! Every write increments a revision and is conditional on the revision that was
//! read: of two runs that reach the same conclusion, one writes it.
//!
//! The attribute and the fields in it keep their historic names: `healing`, with
//! `tries`, `end`, `why` and `owed`.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::connection::Item;
use super::{AgentStates, StoreError, corrupt, parse};
use crate::model::InstanceId;
use crate::watch::{Attempt, GiveUpReason, GivenUp, RemediationState, Step};

const HEALING: &str = "healing";

/// The attribute as stored, not yet validated. Times are strings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemediationRecord {
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    crashes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(rename = "tries", default, skip_serializing_if = "Vec::is_empty")]
    attempts: Vec<AttemptRecord>,
    #[serde(rename = "end", skip_serializing_if = "Option::is_none")]
    given_up: Option<GivenUpRecord>,
}

#[derive(Serialize, Deserialize)]
struct AttemptRecord {
    step: Step,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct GivenUpRecord {
    #[serde(rename = "why")]
    reason: GiveUpReason,
    at: String,
    #[serde(rename = "owed", skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
}

impl From<&RemediationState> for RemediationRecord {
    fn from(remediation: &RemediationState) -> Self {
        let text = |at: &Timestamp| at.to_string();
        let attempts = remediation.attempts.iter().map(|attempt| AttemptRecord {
            step: attempt.step,
            at: text(&attempt.at),
            failure: attempt.failure.clone(),
        });
        Self {
            revision: remediation.revision,
            process: remediation.process.as_ref().map(text),
            crashes: remediation.crashes.iter().map(text).collect(),
            since: remediation.since.as_ref().map(text),
            attempts: attempts.collect(),
            given_up: remediation.given_up.as_ref().map(|end| GivenUpRecord {
                reason: end.reason,
                at: text(&end.at),
                pending: end.pending.as_ref().map(text),
            }),
        }
    }
}

impl TryFrom<RemediationRecord> for RemediationState {
    /// The error names the attribute and the rule that it breaks.
    type Error = String;

    fn try_from(record: RemediationRecord) -> Result<Self, Self::Error> {
        let optional = |name: &str, text: Option<String>| {
            let time = text.map(|text| parse(name, &text));
            time.transpose()
        };
        let attempts = record.attempts.into_iter().map(|attempt| {
            Ok::<_, String>(Attempt {
                step: attempt.step,
                at: parse("healing.tries.at", &attempt.at)?,
                failure: attempt.failure,
            })
        });
        let crashes = record.crashes.iter();
        let crashes = crashes.map(|at| parse("healing.crashes", at));
        let given_up = record.given_up.map(|end| {
            Ok::<_, String>(GivenUp {
                reason: end.reason,
                at: parse("healing.end.at", &end.at)?,
                pending: optional("healing.end.owed", end.pending)?,
            })
        });
        Ok(Self {
            revision: record.revision,
            process: optional("healing.process", record.process)?,
            crashes: crashes.collect::<Result<_, _>>()?,
            since: optional("healing.since", record.since)?,
            attempts: attempts.collect::<Result<_, _>>()?,
            given_up: given_up.transpose()?,
        })
    }
}

impl AgentStates {
    /// Writes what self-healing knows about an agent and returns the record as it
    /// is then; `None` if the record has another revision by now, or the instance is
    /// gone.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn save_remediation(
        &self,
        id: &InstanceId,
        remediation: &RemediationState,
    ) -> Result<Option<RemediationState>, StoreError> {
        let read = remediation.revision;
        let next = RemediationState {
            revision: read.saturating_add(1),
            ..remediation.clone()
        };
        let record = serde_dynamo::to_attribute_value(RemediationRecord::from(&next));
        let record = record.map_err(|error| StoreError::Failed {
            operation: "writing what self-healing knows",
            cause: error.to_string(),
        })?;
        let mut request = self
            .instances
            .update(id)
            .update_expression("SET healing = :next")
            .expression_attribute_values(":next", record);
        request = if read == 0 {
            request.condition_expression(
                "attribute_exists(instanceId) AND attribute_not_exists(healing)",
            )
        } else {
            request
                .condition_expression("healing.#revision = :read")
                .expression_attribute_names("#revision", "revision")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string()))
        };
        match request.send().await {
            Ok(_) => Ok(Some(next)),
            Err(error) => StoreError::refused_item(error).map(|_| None),
        }
    }

    pub(super) fn remediation(
        &self,
        key: &str,
        item: &mut Item,
    ) -> Result<RemediationState, StoreError> {
        let Some(value) = item.remove(HEALING) else {
            return Ok(RemediationState::default());
        };
        let corrupt = |reason: String| corrupt(&self.instances.table, key, reason);
        let record: RemediationRecord = serde_dynamo::from_attribute_value(value)
            .map_err(|error| corrupt(format!("{HEALING}: {error}")))?;
        RemediationState::try_from(record).map_err(corrupt)
    }
}
