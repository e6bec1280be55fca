//! Agents' pages that their owners open: links that open one once, and the sessions
//! that follow. They are in the table of tickets, under attributes of their own, so
//! that none of the three is ever taken for another.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::tickets::{EXPIRES_AT, KEY, LIFETIME, seconds};
use super::{Connection, NotIssued, StoreError, Ticket, corrupt, parse};
use crate::model::{InstanceId, UserId};

/// How long a page stays open.
pub const PAGE_SESSION: SignedDuration = SignedDuration::from_hours(1);

/// An agent's page, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPage {
    pub instance: InstanceId,
    /// Who has opened it.
    pub user: UserId,
    /// The first label of its host name.
    pub label: String,
}

/// The links and sessions in the table of tickets.
#[derive(Clone, Debug)]
pub struct AgentPages {
    connection: Connection,
    table: String,
}

/// A link or a session. `issuedAt` is in milliseconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageRecord {
    page_instance_id: String,
    user_id: String,
    issued_at: i64,
    expires_at: i64,
}

/// The record that all pages of an agent were closed. In milliseconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClosedRecord {
    closed_at: i64,
}

impl AgentPages {
    pub fn new(connection: Connection, table: String) -> Self {
        Self { connection, table }
    }

    /// Issues a link to a page, and returns it with its expiry.
    ///
    /// # Errors
    /// When DynamoDB fails, or there is no randomness.
    pub async fn issue_link(
        &self,
        page: &AgentPage,
        now: Timestamp,
    ) -> Result<(Ticket, Timestamp), NotIssued> {
        let expires_at = now + LIFETIME;
        let link = self.put("linkLabel", page, now, expires_at).await?;
        Ok((link, expires_at))
    }

    /// Redeems a link at the host of this label, and begins a session. Of any number
    /// of concurrent callers one gets it. A link for another host, or an expired one,
    /// is left to expire.
    ///
    /// # Errors
    /// When DynamoDB fails, a record is damaged, or there is no randomness.
    pub async fn open(
        &self,
        link: &Ticket,
        label: &str,
        now: Timestamp,
    ) -> Result<Option<Ticket>, NotIssued> {
        let answer = self
            .connection
            .client
            .delete_item()
            .table_name(&self.table)
            .key(KEY, link.key())
            .condition_expression("linkLabel = :label AND expiresAt > :now")
            .expression_attribute_values(":label", AttributeValue::S(label.to_owned()))
            .expression_attribute_values(":now", seconds(now))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        let item = match answer {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::failed("DeleteItem")(error).into()),
        };
        let (page, issued_at, _) = self.page(item, label)?;
        if self.is_closed(&page.instance, issued_at).await? {
            return Ok(None);
        }
        let session = self.put("sessionLabel", &page, now, now + PAGE_SESSION);
        Ok(Some(session.await?))
    }

    /// The page that a session at the host of this label shows, and when it ends.
    ///
    /// # Errors
    /// When DynamoDB fails, or a record is damaged.
    pub async fn find(
        &self,
        session: &Ticket,
        label: &str,
        now: Timestamp,
    ) -> Result<Option<(AgentPage, Timestamp)>, StoreError> {
        let Some(item) = self.get(session.key()).await? else {
            return Ok(None);
        };
        if !matches!(item.get("sessionLabel"), Some(AttributeValue::S(of)) if of == label) {
            return Ok(None);
        }
        let (page, issued_at, expires_at) = self.page(item, label)?;
        if expires_at <= now || self.is_closed(&page.instance, issued_at).await? {
            return Ok(None);
        }
        Ok(Some((page, expires_at)))
    }

    /// Ends all links and sessions of an agent that were issued until now.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn close(&self, instance: &InstanceId, now: Timestamp) -> Result<(), StoreError> {
        self.connection
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, closed_key(instance))
            .item("closedAt", milliseconds(now))
            // When the last of them has ended by itself.
            .item(EXPIRES_AT, seconds(now + PAGE_SESSION + LIFETIME))
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok(())
    }

    async fn put(
        &self,
        kind: &str,
        page: &AgentPage,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Ticket, NotIssued> {
        let ticket = Ticket::new()?;
        let text = |text: &str| AttributeValue::S(text.to_owned());
        self.connection
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, ticket.key())
            .item(kind, text(&page.label))
            .item("pageInstanceId", text(page.instance.as_str()))
            .item("userId", text(page.user.as_str()))
            .item("issuedAt", milliseconds(now))
            .item(EXPIRES_AT, seconds(expires_at))
            .send()
            .await
            .map_err(StoreError::failed("PutItem"))?;
        Ok(ticket)
    }

    async fn is_closed(&self, instance: &InstanceId, issued_at: i64) -> Result<bool, StoreError> {
        let Some(item) = self.get(closed_key(instance)).await? else {
            return Ok(false);
        };
        let record: ClosedRecord = serde_dynamo::from_item(item)
            .map_err(|error| corrupt(&self.table, instance.as_str(), error.to_string()))?;
        Ok(record.closed_at >= issued_at)
    }

    /// Reads what was just written, too.
    async fn get(
        &self,
        key: AttributeValue,
    ) -> Result<Option<HashMap<String, AttributeValue>>, StoreError> {
        let answer = self
            .connection
            .client
            .get_item()
            .table_name(&self.table)
            .key(KEY, key)
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::failed("GetItem"))?;
        Ok(answer.item)
    }

    fn page(
        &self,
        item: HashMap<String, AttributeValue>,
        label: &str,
    ) -> Result<(AgentPage, i64, Timestamp), StoreError> {
        // The key is a secret's hash, and of no use in a message.
        let corrupt = |reason: String| corrupt(&self.table, label, reason);
        let record: PageRecord =
            serde_dynamo::from_item(item).map_err(|error| corrupt(error.to_string()))?;
        let page = AgentPage {
            instance: parse("pageInstanceId", &record.page_instance_id).map_err(corrupt)?,
            user: parse("userId", &record.user_id).map_err(corrupt)?,
            label: label.to_owned(),
        };
        let expires_at = Timestamp::from_second(record.expires_at);
        let expires_at = expires_at.map_err(|error| corrupt(error.to_string()))?;
        Ok((page, record.issued_at, expires_at))
    }
}

/// No hash: it has characters that are no hexadecimal digits.
fn closed_key(instance: &InstanceId) -> AttributeValue {
    AttributeValue::S(format!("closed:{instance}"))
}

fn milliseconds(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.as_millisecond().to_string())
}
