//! An agent's state, as its item has it.

use serde::{Deserialize, Serialize};

use super::{history, parse};
use crate::watch::{AgentState, CauseStreak, Condition, Degraded, Streak, StreakOf, Symptom};

/// The attribute as stored, not yet validated. Times are strings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StateRecord {
    condition: Condition,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    symptom: Option<Symptom>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streak: Option<StreakRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    degraded_streaks: Vec<CauseStreakRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draining_since: Option<String>,
    sweep: String,
    seen_at: String,
    expected_by: String,
}

#[derive(Serialize, Deserialize)]
struct StreakRecord {
    of: StreakOf,
    count: u32,
    since: String,
}

#[derive(Serialize, Deserialize)]
struct CauseStreakRecord {
    cause: String,
    count: u32,
    since: String,
}

impl From<&AgentState> for StateRecord {
    fn from(state: &AgentState) -> Self {
        let trouble = state.trouble.as_ref();
        Self {
            condition: state.condition,
            since: state.since.to_string(),
            symptom: trouble.map(|trouble| trouble.symptom),
            reason: trouble.map(|trouble| trouble.reason.clone()),
            streak: state.streak.map(|streak| StreakRecord {
                of: streak.of,
                count: streak.count,
                since: streak.since.to_string(),
            }),
            degraded: state.degraded.causes.clone(),
            degraded_streaks: state.degraded.streaks.iter().map(Into::into).collect(),
            draining_since: state.draining_since.map(|at| at.to_string()),
            sweep: state.scheduled_at.to_string(),
            seen_at: state.seen_at.to_string(),
            expected_by: state.expected_by.to_string(),
        }
    }
}

impl From<&CauseStreak> for CauseStreakRecord {
    fn from(streak: &CauseStreak) -> Self {
        Self {
            cause: streak.cause.clone(),
            count: streak.count,
            since: streak.since.to_string(),
        }
    }
}

impl TryFrom<CauseStreakRecord> for CauseStreak {
    type Error = String;

    fn try_from(record: CauseStreakRecord) -> Result<Self, Self::Error> {
        Ok(Self {
            since: parse("degradedStreaks.since", &record.since)?,
            cause: record.cause,
            count: record.count,
        })
    }
}

impl TryFrom<StateRecord> for AgentState {
    /// The error names the attribute and the rule that it breaks.
    type Error = String;

    fn try_from(record: StateRecord) -> Result<Self, Self::Error> {
        Ok(Self {
            condition: record.condition,
            since: parse("since", &record.since)?,
            trouble: history::trouble(record.symptom, record.reason),
            streak: record
                .streak
                .map(|streak| {
                    Ok::<_, String>(Streak {
                        of: streak.of,
                        count: streak.count,
                        since: parse("streak.since", &streak.since)?,
                    })
                })
                .transpose()?,
            degraded: Degraded {
                causes: record.degraded,
                streaks: record
                    .degraded_streaks
                    .into_iter()
                    .map(CauseStreak::try_from)
                    .collect::<Result<_, _>>()?,
            },
            draining_since: record
                .draining_since
                .map(|at| parse("drainingSince", &at))
                .transpose()?,
            scheduled_at: parse("sweep", &record.sweep)?,
            seen_at: parse("seenAt", &record.seen_at)?,
            expected_by: parse("expectedBy", &record.expected_by)?,
        })
    }
}
