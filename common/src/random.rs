//! The one place that takes randomness from the operating system.

use crate::model::GatewayToken;

/// A gateway token that nobody has.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn gateway_token() -> Result<GatewayToken, RandomError> {
    bytes().map(GatewayToken::from_random)
}

/// 32 bytes that nobody can guess.
///
/// # Errors
/// When the operating system has none to give; nothing secret may be made then.
pub fn bytes() -> Result<[u8; 32], RandomError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// The operating system's random source failed.
#[derive(Debug, thiserror::Error)]
#[error("the system's random source failed: {0}")]
pub struct RandomError(getrandom::Error);
