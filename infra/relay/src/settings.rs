//! The relay's configuration.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use common::config::{
    ALLOWED_ORIGINS, PORT, RELAY_DRAIN, RELAY_MAX_BODY, RELAY_MAX_CONNECTIONS, RELAY_MAX_MESSAGE,
    RELAY_PATIENCE, RELAY_PING, Reader, TICKETS_TABLE,
};
use common::http::InternalKey;
use proxy::{Limits, SocketLimits};

pub struct Settings {
    pub port: u16,
    /// The limit on concurrent connections, WebSockets included.
    pub connections: usize,
    /// How long shutting down may take.
    pub drain: Duration,
    /// For the head of a request, and for an idle connection.
    pub head_timeout: Duration,
    pub limits: Limits,
    /// Opens `/metrics`.
    pub(crate) key: InternalKey,
    pub(crate) proxy: proxy::Settings,
}

impl Settings {
    /// `None` means that the reader has noted a problem.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let proxy = proxy::Settings::read(reader);
        let server = Limits::of_server();
        let (port, connections, body, message, patience, ping, drain, key) = (
            reader.optional::<u16>(PORT),
            reader.optional::<BoundedInteger<1, 1_000_000>>(RELAY_MAX_CONNECTIONS),
            reader.optional::<BoundedInteger<0, 0xffff_ffff>>(RELAY_MAX_BODY),
            reader.optional::<BoundedInteger<125, 0xffff_ffff>>(RELAY_MAX_MESSAGE),
            reader.optional::<BoundedInteger<1, 3_600>>(RELAY_PATIENCE),
            reader.optional::<BoundedInteger<1, 3_600>>(RELAY_PING),
            reader.optional::<BoundedInteger<1, 3_600>>(RELAY_DRAIN),
            reader.required(common::config::INTERNAL_API_KEY),
        );
        if reader.optional::<String>(TICKETS_TABLE) == Some(None) {
            reader.without_effect(&[(ALLOWED_ORIGINS, "")], "TICKETS_TABLE is not set");
        }
        let seconds = |amount: Option<u64>, default| amount.map_or(default, Duration::from_secs);
        let size = |amount: Option<u64>, default| {
            amount.map_or(default, |it| usize::try_from(it).unwrap_or(usize::MAX))
        };
        Some(Self {
            port: port?.unwrap_or(8080),
            connections: size(connections?.map(BoundedInteger::get), 10_000),
            drain: seconds(drain?.map(BoundedInteger::get), Duration::from_secs(25)),
            head_timeout: Duration::from_secs(15),
            limits: Limits {
                max_body: size(body?.map(BoundedInteger::get), server.max_body),
                response_timeout: seconds(
                    patience?.map(BoundedInteger::get),
                    server.response_timeout,
                ),
                sockets: SocketLimits {
                    max_message: message?.map_or(server.sockets.max_message, BoundedInteger::get),
                    ping_interval: seconds(
                        ping?.map(BoundedInteger::get),
                        server.sockets.ping_interval,
                    ),
                    ..server.sockets
                },
                ..server
            },
            key: key?,
            proxy: proxy?,
        })
    }
}

/// An integer from `LEAST` to `MOST`.
#[derive(Clone, Copy)]
struct BoundedInteger<const LEAST: u64, const MOST: u64>(u64);

impl<const LEAST: u64, const MOST: u64> BoundedInteger<LEAST, MOST> {
    fn get(self) -> u64 {
        self.0
    }
}

struct OutOfBounds {
    least: u64,
    most: u64,
}

impl Display for OutOfBounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { least, most } = self;
        write!(f, "must be a whole number from {least} to {most}")
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for BoundedInteger<LEAST, MOST> {
    type Err = OutOfBounds;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = (LEAST, MOST);
        match text.parse() {
            Ok(amount) if (LEAST..=MOST).contains(&amount) => Ok(Self(amount)),
            _ => Err(OutOfBounds { least, most }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_problem_is_reported_at_once() {
        let environment = BTreeMap::from([
            ("PORT", "70000".to_owned()),
            ("RELAY_MAX_CONNECTIONS", "0".to_owned()),
            ("RELAY_PING", "soon".to_owned()),
            ("PROXY_TARGET", "nowhere".to_owned()),
        ]);
        let mut reader = Reader::new(&environment);
        assert!(Settings::read(&mut reader).is_none());
        let message = reader.into_error().to_string();
        for problem in [
            "INTERNAL_API_KEY is not set",
            "INSTANCES_TABLE is not set",
            "PORT number too large to fit in target type",
            "RELAY_MAX_CONNECTIONS must be a whole number from 1 to 1000000",
            "RELAY_PING must be a whole number from 1 to 3600",
            "PROXY_TARGET must be recorded or private",
        ] {
            assert!(message.contains(problem), "{problem} in {message}");
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
