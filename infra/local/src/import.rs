//! Imports instances from a file, for platforms that kept them elsewhere.
//!
//! Each line is a JSON object: what `PUT /api/openclaw/instances/{id}` takes,
//! and beside it `instanceId` and, where there is one, `gatewayToken`. All
//! lines are read before the first one is written. Importing again does no
//! harm.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::str::FromStr;

use common::aws::Aws;
use common::clock::Clock;
use common::config::{
    AGENT_HOSTS, ConfigError, Environment, INSTANCES_TABLE, Reader, TOKENS_TABLE,
};
use common::model::{GatewayToken, InstanceId};
use common::net::AllowedHosts;
use common::store::{Connection, Instances, Registration, StoreError, Tokens};
use serde_json::{Map, Value};

/// Why nothing, or not everything, was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A variable is missing or malformed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Unreadable(#[from] io::Error),
    /// Some lines are wrong, and nothing was written.
    #[error("nothing was imported:\n{}", .0.join("\n"))]
    Malformed(Vec<String>),
    /// DynamoDB failed on the way.
    #[error("line {line} could not be stored, nor were those after it; import again: {cause}")]
    Store {
        /// The line, counted from 1.
        line: usize,
        /// How DynamoDB failed.
        cause: StoreError,
    },
}

/// What an import did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Instances that were not on record before.
    pub created: usize,
    /// Instances that were.
    pub updated: usize,
    /// Gateway tokens that are stored now, or were already.
    pub tokens: usize,
    /// The instances whose stored token is another one than the file's. It was
    /// left alone: the agent may run with it.
    pub other_token: Vec<InstanceId>,
}

/// The stores that agents are imported into.
pub struct Importer {
    instances: Instances,
    tokens: Tokens,
    hosts: AllowedHosts,
}

struct Line {
    number: usize,
    id: InstanceId,
    registration: Registration,
    token: Option<GatewayToken>,
}

impl Importer {
    /// The stores that the environment names.
    ///
    /// # Errors
    /// When a variable is missing or malformed.
    pub fn open(environment: &dyn Environment, aws: &Aws) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let (Some(instances), Some(tokens), Some(hosts)) = (
            reader.required(INSTANCES_TABLE),
            reader.required(TOKENS_TABLE),
            reader.optional(AGENT_HOSTS),
        ) else {
            return Err(reader.into_error());
        };
        let connection = Connection::open(aws);
        Ok(Self {
            instances: Instances::new(connection.clone(), instances),
            tokens: Tokens::new(connection, tokens),
            hosts: hosts.unwrap_or_default(),
        })
    }

    /// Imports all lines, or none if one of them is wrong.
    ///
    /// # Errors
    /// When a line is wrong, or DynamoDB fails.
    pub async fn import(
        &self,
        file: impl BufRead,
        clock: &dyn Clock,
    ) -> Result<Imported, ImportError> {
        let mut imported = Imported::default();
        for line in self.read(file)? {
            let number = line.number;
            self.store(line, clock, &mut imported)
                .await
                .map_err(|cause| ImportError::Store {
                    line: number,
                    cause,
                })?;
        }
        Ok(imported)
    }

    fn read(&self, file: impl BufRead) -> Result<Vec<Line>, ImportError> {
        let mut lines: Vec<Line> = Vec::new();
        let mut first = BTreeMap::new();
        let mut problems = Vec::new();
        for (index, text) in file.lines().enumerate() {
            let number = index + 1;
            let text = text?;
            if text.trim().is_empty() {
                continue;
            }
            match self.line(number, &text) {
                Ok(line) => {
                    if let Some(first) = first.insert(line.id.to_string(), number) {
                        problems.push(format!("line {number}: {} is in line {first} too", line.id));
                    }
                    lines.push(line);
                }
                Err(problem) => problems.push(format!("line {number}: {problem}")),
            }
        }
        if problems.is_empty() {
            Ok(lines)
        } else {
            Err(ImportError::Malformed(problems))
        }
    }

    fn line(&self, number: usize, text: &str) -> Result<Line, String> {
        // The cause is left out: it could repeat a part of a token.
        let mut fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| "is not a JSON object".to_owned())?;
        let id = field(&mut fields, "instanceId")?.ok_or("instanceId is required")?;
        let token = field(&mut fields, "gatewayToken")?;
        let registration =
            fleet::registration(fields, &self.hosts).map_err(|error| error.to_string())?;
        Ok(Line {
            number,
            id,
            registration,
            token,
        })
    }

    async fn store(
        &self,
        line: Line,
        clock: &dyn Clock,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let saved = self
            .instances
            .register(&line.id, line.registration, clock.now())
            .await?;
        if saved.created {
            imported.created += 1;
        } else {
            imported.updated += 1;
        }
        if let Some(token) = line.token {
            let stored = self.tokens.get_or_store(&line.id, token.clone()).await?;
            if stored == token {
                imported.tokens += 1;
            } else {
                imported.other_token.push(line.id);
            }
        }
        Ok(())
    }
}

/// A text that only an import has. Null counts as missing.
fn field<T>(fields: &mut Map<String, Value>, name: &str) -> Result<Option<T>, String>
where
    T: FromStr<Err: std::fmt::Display>,
{
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(format!("{name} {error}")),
        },
        Some(_) => Err(format!("{name} must be a string")),
    }
}
