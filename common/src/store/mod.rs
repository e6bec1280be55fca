//! What the platform remembers, in DynamoDB: one file for each kind of record.
//!
//! No other module names the DynamoDB SDK. Writes set the attributes that they
//! mean and leave all others alone, so that attributes which this version does
//! not know survive.

mod all_instances;
mod configurations;
mod connection;
mod error;
mod instances;
mod leases;
mod memories;
mod mending;
mod operations;
mod sessions;
mod tables;
mod tickets;
mod tokens;

pub use all_instances::AllInstances;
pub use configurations::{Configurations, StoredSetup};
pub use connection::Connection;
pub use error::StoreError;
pub use instances::{Change, Instances, Registration, Saved};
pub use leases::{Holder, LEASE, Lease};
pub use memories::Memories;
pub use mending::TokenState;
pub use operations::{OperationPage, Operations, UsedKey};
pub use sessions::{SessionKey, Sessions};
pub use tables::{Definition, Tables, create_missing_tables};
pub use tickets::{NotIssued, Ticket, Tickets};
pub use tokens::Tokens;

use error::{corrupt, parse};
