//! The platform's records in DynamoDB: one file for each kind.
//!
//! No other module names the DynamoDB SDK. Writes set only the attributes that
//! they are about, so attributes which this version does not know survive.

mod agent_pages;
mod agent_states;
mod all_instances;
mod check_ins;
mod configurations;
mod connection;
mod error;
mod figures;
mod history;
mod history_keys;
mod incidents;
mod instances;
mod leases;
mod maintenance_windows;
mod memories;
mod operations;
mod outbox;
mod pending_alert;
mod remediations;
mod rotations;
mod sessions;
mod state_record;
mod sweep_runs;
mod tables;
mod tickets;
mod token_repair;
mod tokens;

pub use agent_pages::{AgentPage, AgentPages, PAGE_SESSION};
pub use agent_states::{AgentStates, Cursor, Page, Segment, Stored, Watched};
pub use all_instances::AllInstances;
pub use check_ins::CheckIn;
pub use configurations::{Configurations, StoredSetup};
pub use connection::{BATCH, Connection};
pub use error::StoreError;
pub use figures::{Bucket, PartialBucket};
pub use history::{History, Record};
pub use history_keys::HISTORY_KEPT;
pub use incidents::{IncidentRecord, Incidents};
pub use instances::{Change, Instances, Registration, Saved};
pub use leases::{Holder, LEASE, Lease};
pub use maintenance_windows::MaintenanceWindows;
pub use memories::Memories;
pub use operations::{OperationPage, Operations, UsedKey};
pub use rotations::Rotation;
pub use sessions::{SessionKey, Sessions};
pub use sweep_runs::{BeginOutcome, Listing, SweepRuns};
pub use tables::{Definition, Index, Tables, create_missing_tables};
pub use tickets::{NotIssued, Ticket, Tickets};
pub use token_repair::{RepairedToken, TokenState};
pub use tokens::Tokens;

use error::{corrupt, parse};
