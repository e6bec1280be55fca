//! Raw items in DynamoDB, for records that no API would write.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use common::aws::SdkClient;
use common::store::Tables;
use serde_json::{Value, json};

/// The items of the tables, written and read as JSON.
#[derive(Clone, Debug)]
pub struct Records {
    client: Client,
    tables: Tables,
}

impl Records {
    pub(crate) fn open(url: &str, tables: Tables) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(SdkClient::default())
            .endpoint_url(url)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .build();
        Self {
            client: Client::from_conf(config),
            tables,
        }
    }

    /// Replaces the record of an instance.
    pub async fn put_instance(&self, item: &Value) {
        self.put(&self.tables.instances, item).await;
    }

    /// Replaces the record of a session.
    pub async fn put_session(&self, item: &Value) {
        self.put(&self.tables.sessions, item).await;
    }

    /// Replaces the record of an agent's setup.
    pub async fn put_configuration(&self, item: &Value) {
        self.put(&self.tables.configurations, item).await;
    }

    /// The record of an instance, null if there is none.
    pub async fn instance(&self, id: &str) -> Value {
        self.get(&self.tables.instances, id).await
    }

    /// The record of an agent's setup, null if there is none.
    pub async fn configuration(&self, id: &str) -> Value {
        self.get(&self.tables.configurations, id).await
    }

    /// Stores a memory of an owner's agent.
    pub async fn put_memory(&self, owner: &str, id: &str) {
        let item = json!({"ownerId": owner, "memoryId": id, "text": "something to remember"});
        self.put(&self.tables.memories, &item).await;
    }

    /// How many memories of an owner there are.
    pub async fn count_memories(&self, owner: &str) -> i32 {
        let query = self
            .client
            .query()
            .table_name(&self.tables.memories)
            .key_condition_expression("ownerId = :owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()));
        query.send().await.expect("DynamoDB answers").count()
    }

    /// Replaces the record of a gateway token.
    pub async fn put_token(&self, item: &Value) {
        self.put(&self.tables.tokens, item).await;
    }

    /// Deletes the record of a gateway token.
    pub async fn delete_token(&self, id: &str) {
        let request = self.client.delete_item().table_name(&self.tables.tokens);
        let request = request.key("instanceId", AttributeValue::S(id.to_owned()));
        request.send().await.expect("DynamoDB deletes the item");
    }

    /// The record of an instance's gateway token, null if there is none.
    pub async fn token(&self, id: &str) -> Value {
        self.get(&self.tables.tokens, id).await
    }

    /// Replaces the record of an operation, a lease or an idempotency key.
    pub async fn put_operation(&self, item: &Value) {
        self.put(&self.tables.operations, item).await;
    }

    /// The items of an instance in the table of operations whose sort keys
    /// begin so: `op#`, `key#`, `lease`, or with anything.
    pub async fn operations(&self, id: &str, kind: &str) -> Vec<Value> {
        self.items(&self.tables.operations, id, kind).await
    }

    async fn items(&self, table: &str, id: &str, kind: &str) -> Vec<Value> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let query = self
            .client
            .query()
            .table_name(table)
            .expression_attribute_values(":instance", text(id));
        // DynamoDB takes no empty text for a key.
        let query = match kind {
            "" => query.key_condition_expression("instanceId = :instance"),
            _ => query
                .key_condition_expression("instanceId = :instance AND begins_with(sortKey, :kind)")
                .expression_attribute_values(":kind", text(kind)),
        };
        let answer = query.send().await.expect("DynamoDB answers");
        let items = answer.items.unwrap_or_default();
        serde_dynamo::from_items(items).expect("items are JSON")
    }

    /// How many sessions and instances there are.
    pub async fn count_instances(&self) -> i32 {
        let scan = self.client.scan().table_name(&self.tables.instances);
        scan.send().await.expect("DynamoDB answers").count()
    }

    /// Makes every request to the table of instances fail.
    pub async fn lose_instances(&self) {
        self.lose(&self.tables.instances).await;
    }

    /// Makes every request to the table of sessions fail.
    pub async fn lose_sessions(&self) {
        self.lose(&self.tables.sessions).await;
    }

    /// Makes every request to the table of gateway tokens fail.
    pub async fn lose_tokens(&self) {
        self.lose(&self.tables.tokens).await;
    }

    /// Makes every request to the table of agents' setups fail.
    pub async fn lose_configurations(&self) {
        self.lose(&self.tables.configurations).await;
    }

    /// Makes every request to the table of operations fail.
    pub async fn lose_operations(&self) {
        self.lose(&self.tables.operations).await;
    }

    /// Makes every request to the table of history fail.
    pub async fn lose_history(&self) {
        self.lose(&self.tables.history).await;
    }

    /// The items of an instance in the table of history whose sort keys begin
    /// so: `transition#`, `gap#`, `hour#`.
    pub async fn history(&self, id: &str, kind: &str) -> Vec<Value> {
        self.items(&self.tables.history, id, kind).await
    }

    /// Makes every request to the table of memories fail.
    pub async fn lose_memories(&self) {
        self.lose(&self.tables.memories).await;
    }

    async fn lose(&self, table: &str) {
        let request = self.client.delete_table().table_name(table);
        request.send().await.expect("DynamoDB deletes the table");
    }

    async fn get(&self, table: &str, instance_id: &str) -> Value {
        let answer = self
            .client
            .get_item()
            .table_name(table)
            .key("instanceId", AttributeValue::S(instance_id.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .expect("DynamoDB answers");
        answer.item.map_or(Value::Null, |item| {
            serde_dynamo::from_item(item).expect("an item is JSON")
        })
    }

    async fn put(&self, table: &str, item: &Value) {
        self.client
            .put_item()
            .table_name(table)
            .set_item(Some(serde_dynamo::to_item(item).expect("an item")))
            .send()
            .await
            .expect("DynamoDB stores the item");
    }
}
