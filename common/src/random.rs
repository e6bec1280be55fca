//! The one place that takes randomness from the operating system.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::{Builder, Uuid};

use crate::model::GatewayToken;

/// A new random gateway token.
///
/// # Errors
/// When the operating system's random source fails.
pub fn gateway_token() -> Result<GatewayToken, RandomError> {
    bytes().map(GatewayToken::from_random)
}

/// 32 unpredictable bytes.
///
/// # Errors
/// When the operating system's random source fails; no secret may be made then.
pub fn bytes() -> Result<[u8; 32], RandomError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// An id that is unique across processes. It may be guessed, and grants
/// nothing: the system's random source is read once, and then ids are counted.
pub fn unique_id() -> Uuid {
    static PROCESS: OnceLock<[u8; 32]> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Without randomness the ids of one process can still be told apart.
    let process = PROCESS.get_or_init(|| bytes().unwrap_or_default());
    let count = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let mut id = [0; 16];
    for (byte, value) in id.iter_mut().zip(process.iter().take(8).chain(&count)) {
        *byte = *value;
    }
    Builder::from_custom_bytes(id).into_uuid()
}

/// The operating system's random source failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's random source failed: {0}")]
pub struct RandomError(getrandom::Error);
