//! Which hosts agents may live on, and how their names are resolved.
//!
//! The prober asks agents and the proxy forwards to them; both connect through
//! [`GuardedResolver`], so that an address that somebody registered is no way
//! into a private network.

mod confidential;
mod hosts;
mod resolver;

pub use confidential::{NotConfidential, check_confidential};
pub use hosts::{AllowedHosts, HostRefused, InvalidHosts};
pub use resolver::{GuardedResolver, NameNotFound};
