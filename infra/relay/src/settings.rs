//! What the environment says of the relay.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use common::config::{
    PORT, RELAY_DRAIN, RELAY_MAX_BODY, RELAY_MAX_CONNECTIONS, RELAY_MAX_MESSAGE, RELAY_PATIENCE,
    RELAY_PING, Reader,
};
use common::http::InternalKey;
use proxy::{Limits, SocketLimits};

/// Everything that the relay is told.
pub struct Settings {
    /// The port to listen on.
    pub port: u16,
    /// The most connections at once, WebSockets included.
    pub connections: usize,
    /// How long it may take to end.
    pub drain: Duration,
    /// How long the head of a request may take, and a connection may be idle.
    pub head: Duration,
    /// What one request may cost.
    pub limits: Limits,
    /// Who may read the metrics.
    pub(crate) key: InternalKey,
    pub(crate) proxy: proxy::Settings,
}

impl Settings {
    /// Reads the variables. `None` means that a problem was noted.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let proxy = proxy::Settings::read(reader);
        let server = Limits::of_server();
        let (port, connections, body, message, patience, ping, drain, key) = (
            reader.optional::<u16>(PORT),
            reader.optional::<Amount<1, 1_000_000>>(RELAY_MAX_CONNECTIONS),
            reader.optional::<Amount<0, 0xffff_ffff>>(RELAY_MAX_BODY),
            reader.optional::<Amount<125, 0xffff_ffff>>(RELAY_MAX_MESSAGE),
            reader.optional::<Amount<1, 3_600>>(RELAY_PATIENCE),
            reader.optional::<Amount<1, 3_600>>(RELAY_PING),
            reader.optional::<Amount<1, 3_600>>(RELAY_DRAIN),
            reader.required(common::config::INTERNAL_API_KEY),
        );
        let seconds = |amount: Option<u64>, default| amount.map_or(default, Duration::from_secs);
        let size = |amount: Option<u64>, default| {
            amount.map_or(default, |it| usize::try_from(it).unwrap_or(usize::MAX))
        };
        Some(Self {
            port: port?.unwrap_or(8080),
            connections: size(connections?.map(Amount::get), 10_000),
            drain: seconds(drain?.map(Amount::get), Duration::from_secs(25)),
            head: Duration::from_secs(15),
            limits: Limits {
                body: size(body?.map(Amount::get), server.body),
                patience: seconds(patience?.map(Amount::get), server.patience),
                sockets: SocketLimits {
                    message: message?.map_or(server.sockets.message, Amount::get),
                    ping: seconds(ping?.map(Amount::get), server.sockets.ping),
                    ..server.sockets
                },
                ..server
            },
            key: key?,
            proxy: proxy?,
        })
    }
}

/// A whole number between two others.
#[derive(Clone, Copy)]
struct Amount<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> Amount<LEAST, MOST> {
    fn get(self) -> u64 {
        self.0
    }
}

/// The text is no such number.
struct InvalidAmount {
    least: u64,
    most: u64,
}

impl Display for InvalidAmount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { least, most } = self;
        write!(f, "must be a whole number from {least} to {most}")
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for Amount<LEAST, MOST> {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = (LEAST, MOST);
        match text.parse() {
            Ok(amount) if (LEAST..=MOST).contains(&amount) => Ok(Self(amount)),
            _ => Err(InvalidAmount { least, most }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let environment = BTreeMap::from([
            ("PORT", "70000".to_owned()),
            ("RELAY_MAX_CONNECTIONS", "0".to_owned()),
            ("RELAY_PING", "soon".to_owned()),
            ("PROXY_TARGET", "nowhere".to_owned()),
        ]);
        let mut reader = Reader::new(&environment);
        assert!(Settings::read(&mut reader).is_none());
        let told = reader.into_error().to_string();
        for problem in [
            "INTERNAL_API_KEY is not set",
            "INSTANCES_TABLE is not set",
            "PORT number too large to fit in target type",
            "RELAY_MAX_CONNECTIONS must be a whole number from 1 to 1000000",
            "RELAY_PING must be a whole number from 1 to 3600",
            "PROXY_TARGET must be recorded or private",
        ] {
            assert!(told.contains(problem), "{problem} in {told}");
        }
    }

    #[test]
    fn in_a_private_network_a_key_is_enough() {
        let environment = BTreeMap::from([
            ("INTERNAL_API_KEY", "0123456789abcdef".to_owned()),
            ("PROXY_TARGET", "private".to_owned()),
        ]);
        let settings = Settings::read(&mut Reader::new(&environment)).unwrap();
        assert_eq!((settings.port, settings.connections), (8080, 10_000));
    }
}
