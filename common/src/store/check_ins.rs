//! Check-ins of agents (`POST /api/heartbeat`).

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Instances, StoreError};
use crate::clock::iso8601;
use crate::model::{InstanceId, OpenclawVersion};

/// What an agent reported. Fields that it leaves out stay as they are.
#[derive(Clone, Debug, Default)]
pub struct CheckIn {
    /// The status of its gateway process.
    pub gateway_process_status: Option<String>,
    pub version: Option<OpenclawVersion>,
}

impl Instances {
    /// Records a check-in, unless the instance is gone or has one later than
    /// `before`. Returns whether it was recorded: of concurrent check-ins, one
    /// is.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn check_in(
        &self,
        id: &InstanceId,
        said: CheckIn,
        now: Timestamp,
        before: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut set = "SET lastSeenAt = :now".to_owned();
        let mut request = self
            .update(id)
            // Times of one length sort as texts do.
            .condition_expression(
                "attribute_exists(instanceId) \
                 AND (attribute_not_exists(lastSeenAt) OR lastSeenAt <= :before)",
            )
            .expression_attribute_values(":now", AttributeValue::S(iso8601(now)))
            .expression_attribute_values(":before", AttributeValue::S(iso8601(before)));
        let version = said.version.map(|version| version.to_string());
        for (name, value) in [
            ("gatewayProcessStatus", said.gateway_process_status),
            ("reportedVersion", version),
        ] {
            if let Some(value) = value {
                set.push_str(&format!(", {name} = :{name}"));
                request = request
                    .expression_attribute_values(format!(":{name}"), AttributeValue::S(value));
            }
        }
        match request.update_expression(set).send().await {
            Ok(_) => Ok(true),
            Err(error) => StoreError::refused_item(error).map(|_| false),
        }
    }
}
