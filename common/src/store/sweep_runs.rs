//! What sweeps share, in the table of history: the newest sweep, the number of
//! segments of the next one, and the last listing of Railway's services, which
//! is made once for all segments.
//!
//! The partition key of these items cannot be an instance's id.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::connection::Item;
use super::{History, StoreError, corrupt, parse};
use crate::watch::HostedService;

/// Ids of instances contain no `#`.
const PARTITION: &str = "#sweeps";

/// The largest part of a listing, in bytes: below the 400 KB of an item.
const PART: usize = 300 * 1024;

/// How long the parts of a listing are kept.
const KEPT: SignedDuration = SignedDuration::from_hours(2);

/// The records of sweeps.
#[derive(Clone, Debug)]
pub struct SweepRuns {
    history: History,
}

/// Whether a sweep is the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginOutcome {
    /// It is, or it is the newest one again. An earlier sweep may have divided
    /// it into this many segments.
    Newest(Option<u32>),
    /// This newer one has begun.
    Outdated(Timestamp),
}

/// The services that were not simply up at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub taken_at: Timestamp,
    pub services: Vec<HostedService>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    taken_at: String,
    parts: usize,
}

#[derive(Deserialize)]
struct ListingPart {
    services: String,
}

impl SweepRuns {
    pub fn new(history: History) -> Self {
        Self { history }
    }

    /// Records that a sweep begins, unless a newer one has.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin(&self, sweep: Timestamp) -> Result<BeginOutcome, StoreError> {
        let answer = self
            .update_newest(sweep)
            .condition_expression("attribute_not_exists(sweep) OR sweep <= :sweep")
            .update_expression("SET sweep = :sweep")
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let item = answer.attributes.unwrap_or_default();
                let segments = item.get("nextSegments").and_then(|it| it.as_n().ok());
                let segments = segments.map(|text| {
                    let number = text.parse();
                    number.map_err(|_| self.damaged("newest", format!("{text} segments")))
                });
                Ok(BeginOutcome::Newest(segments.transpose()?))
            }
            Err(error) => {
                StoreError::refused_item(error)?;
                let newest = self.newest().await?;
                Ok(newest.map_or(BeginOutcome::Newest(None), BeginOutcome::Outdated))
            }
        }
    }

    /// Records into how many segments to divide the next sweep, unless that has
    /// begun.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn divide(&self, sweep: Timestamp, segments: u32) -> Result<(), StoreError> {
        let answer = self
            .update_newest(sweep)
            .condition_expression("sweep = :sweep")
            .update_expression("SET nextSegments = :segments")
            .expression_attribute_values(":segments", AttributeValue::N(segments.to_string()))
            .send()
            .await;
        if let Err(error) = answer {
            StoreError::refused_item(error)?;
        }
        Ok(())
    }

    /// An update of the newest sweep's record, with `:sweep` as this one.
    fn update_newest(&self, sweep: Timestamp) -> UpdateItemFluentBuilder {
        self.history
            .connection
            .client
            .update_item()
            .table_name(&self.history.table)
            .set_key(Some(key("newest")))
            .expression_attribute_values(":sweep", AttributeValue::S(sweep.to_string()))
    }

    /// The newest sweep that has begun.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn newest(&self) -> Result<Option<Timestamp>, StoreError> {
        let item = self.item("newest").await?;
        match item.as_ref().and_then(|item| item.get("sweep")) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => parse("sweep", text)
                .map(Some)
                .map_err(|reason| self.damaged("newest", reason)),
            Some(_) => Err(self.damaged("newest", "sweep is no text".to_owned())),
        }
    }

    /// Stores a listing: its parts first, so that a reader who finds the header
    /// finds them all.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn store(&self, listing: &Listing) -> Result<(), StoreError> {
        let parts = parts(&listing.services)?;
        let expires = listing.taken_at.as_second().saturating_add(KEPT.as_secs());
        for (number, services) in parts.iter().enumerate() {
            self.put(
                &part_key(listing.taken_at, number),
                [
                    ("services", AttributeValue::S(services.clone())),
                    ("expiresAt", AttributeValue::N(expires.to_string())),
                ],
            )
            .await?;
        }
        self.put(
            "listing",
            [
                ("takenAt", AttributeValue::S(listing.taken_at.to_string())),
                ("parts", AttributeValue::N(parts.len().to_string())),
            ],
        )
        .await
    }

    /// When the last listing was made.
    ///
    /// # Errors
    /// When DynamoDB fails, or the record is damaged.
    pub async fn listed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(header) = self.header().await? else {
            return Ok(None);
        };
        let taken_at = parse("takenAt", &header.taken_at);
        taken_at
            .map(Some)
            .map_err(|reason| self.damaged("listing", reason))
    }

    /// The last listing; `None` before the first one, and if a part of it has
    /// expired.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn listing(&self) -> Result<Option<Listing>, StoreError> {
        let Some(header) = self.header().await? else {
            return Ok(None);
        };
        let taken_at =
            parse("takenAt", &header.taken_at).map_err(|reason| self.damaged("listing", reason))?;
        let mut services = Vec::new();
        for number in 0..header.parts {
            let key = part_key(taken_at, number);
            let Some(item) = self.item(&key).await? else {
                return Ok(None);
            };
            let part: ListingPart = serde_dynamo::from_item(item)
                .map_err(|error| self.damaged(&key, error.to_string()))?;
            let part: Vec<HostedService> = serde_json::from_str(&part.services)
                .map_err(|error| self.damaged(&key, error.to_string()))?;
            services.extend(part);
        }
        Ok(Some(Listing { taken_at, services }))
    }

    async fn header(&self) -> Result<Option<Header>, StoreError> {
        let Some(item) = self.item("listing").await? else {
            return Ok(None);
        };
        let header = serde_dynamo::from_item(item);
        header
            .map(Some)
            .map_err(|error| self.damaged("listing", error.to_string()))
    }

    async fn item(&self, sort_key: &str) -> Result<Option<Item>, StoreError> {
        let key = [
            (super::history_keys::KEY, PARTITION),
            (super::history_keys::SORT_KEY, sort_key),
        ];
        self.history
            .connection
            .item(&self.history.table, &key)
            .await
    }

    async fn put<const N: usize>(
        &self,
        sort_key: &str,
        attributes: [(&str, AttributeValue); N],
    ) -> Result<(), StoreError> {
        let mut item = key(sort_key);
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        self.history
            .connection
            .client
            .put_item()
            .table_name(&self.history.table)
            .set_item(Some(item))
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok(())
    }

    fn damaged(&self, key: &str, reason: String) -> StoreError {
        corrupt(&self.history.table, &format!("{PARTITION} {key}"), reason)
    }
}

fn key(sort_key: &str) -> Item {
    Item::from([
        (
            super::history_keys::KEY.to_owned(),
            AttributeValue::S(PARTITION.to_owned()),
        ),
        (
            super::history_keys::SORT_KEY.to_owned(),
            AttributeValue::S(sort_key.to_owned()),
        ),
    ])
}

fn part_key(taken_at: Timestamp, number: usize) -> String {
    format!("listing#{taken_at}#{number}")
}

/// JSON lists of services, none larger than [`PART`].
fn parts(services: &[HostedService]) -> Result<Vec<String>, StoreError> {
    let mut parts: Vec<String> = Vec::new();
    for service in services {
        let text = serde_json::to_string(service).map_err(|error| StoreError::Failed {
            operation: "writing a listing",
            cause: error.to_string(),
        })?;
        match parts
            .last_mut()
            .filter(|part| part.len() + text.len() + 2 <= PART)
        {
            Some(part) => {
                part.push(',');
                part.push_str(&text);
            }
            None => parts.push(format!("[{text}")),
        }
    }
    for part in &mut parts {
        part.push(']');
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Hosting;

    #[test]
    fn a_listing_is_cut_into_parts_that_fit_into_an_item() {
        let services: Vec<_> = (0..10_000)
            .map(|number| HostedService {
                id: format!("service-{number:036}"),
                name: format!("agentbot-agent-{number}"),
                hosting: Hosting::Sleeping,
                deployed_at: Timestamp::UNIX_EPOCH,
                crashed_at: None,
            })
            .collect();
        let parts = parts(&services).unwrap();
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.len() <= PART));
        let read: Vec<HostedService> = parts
            .iter()
            .flat_map(|part| serde_json::from_str::<Vec<HostedService>>(part).unwrap())
            .collect();
        assert_eq!(read, services);
    }
}
