//! The events that invoke the sweep.
//!
//! Two fields of each kind are read, with types of our own: those of
//! `aws_lambda_events` bring a second date and time library.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) enum Event {
    /// From EventBridge: the scheduled time.
    Schedule(Timestamp),
    /// From SQS: segments.
    Queue(Vec<Message>),
}

pub(crate) struct Message {
    /// SQS's message id.
    pub(crate) id: String,
    pub(crate) segment: Result<SegmentMessage, BadEvent>,
}

/// A segment of a run, as it is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentMessage {
    #[serde(rename = "sweep")]
    pub(crate) scheduled_at: Timestamp,
    /// Counts from 0.
    pub(crate) segment: u32,
    /// How many segments the run has.
    pub(crate) of: u32,
}

/// The event does not ask for a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// It comes from neither EventBridge nor SQS.
    #[error(
        "the event must be a scheduled one of EventBridge, an object with an ISO 8601 `time`, \
         or one of SQS, an object with `Records`"
    )]
    Unknown,
    /// A message of the queue is not a segment.
    #[error(
        "the message must be an object with the ISO 8601 time of a `sweep`, the number of a \
         `segment` and how many there are `of`, which is above that number"
    )]
    NoSegment,
}

/// As EventBridge's rules send it; its scheduler sends whatever payload it is
/// given.
#[derive(Deserialize)]
struct ScheduledEvent {
    time: Timestamp,
}

#[derive(Deserialize)]
struct QueueEvent {
    #[serde(rename = "Records")]
    records: Vec<QueueRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueRecord {
    message_id: String,
    body: String,
}

impl TryFrom<Value> for Event {
    type Error = BadEvent;

    fn try_from(event: Value) -> Result<Self, Self::Error> {
        if event.get("Records").is_some() {
            let event: QueueEvent = serde_json::from_value(event).map_err(|_| BadEvent::Unknown)?;
            Ok(Self::Queue(
                event.records.into_iter().map(Message::from).collect(),
            ))
        } else {
            let event: ScheduledEvent =
                serde_json::from_value(event).map_err(|_| BadEvent::Unknown)?;
            Ok(Self::Schedule(event.time))
        }
    }
}

impl From<QueueRecord> for Message {
    fn from(record: QueueRecord) -> Self {
        let segment = serde_json::from_str::<SegmentMessage>(&record.body)
            .ok()
            .filter(|message| message.segment < message.of);
        Self {
            id: record.message_id,
            segment: segment.ok_or(BadEvent::NoSegment),
        }
    }
}

impl SegmentMessage {
    pub(crate) fn new(scheduled_at: Timestamp, segment: u32, of: u32) -> Self {
        Self {
            scheduled_at,
            segment,
            of,
        }
    }
}

impl fmt::Display for SegmentMessage {
    /// The body of its message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scheduled_at,
            segment,
            of,
        } = self;
        write!(
            f,
            r#"{{"sweep":"{scheduled_at}","segment":{segment},"of":{of}}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_events_are_refused_with_what_is_allowed() {
        for event in [
            json!(null),
            json!([]),
            json!({}),
            json!({"time": "yesterday"}),
            json!({"Records": null}),
            json!({"Records": [{"body": "{}"}]}),
            json!({"rawPath": "/api/openclaw/version"}),
        ] {
            let refused = Event::try_from(event.clone()).err();
            assert_eq!(refused, Some(BadEvent::Unknown), "{event}");
        }
    }

    #[test]
    fn a_message_is_read_as_it_is_written_and_a_bad_one_spoils_no_other() {
        let sweep = "2026-04-04T03:10:00Z".parse().unwrap();
        let written = SegmentMessage::new(sweep, 2, 3);
        let record = |body: String| json!({"messageId": "m", "body": body});
        let event = json!({"Records": [
            record(written.to_string()),
            record("{}".to_owned()),
            record(SegmentMessage::new(sweep, 3, 3).to_string()),
        ]});
        let Ok(Event::Queue(messages)) = Event::try_from(event) else {
            panic!("an event of SQS");
        };
        let read: Vec<_> = messages
            .into_iter()
            .map(|message| message.segment)
            .collect();
        let bad = Err(BadEvent::NoSegment);
        assert_eq!(read, [Ok(written), bad.clone(), bad]);
    }
}
