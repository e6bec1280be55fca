//! Why a request to an agent failed, in a few words.

use std::error::Error;
use std::io;

use ::http::uri::InvalidUri;
use rustls::CertificateError;

use crate::net::{HostRefused, NameNotFound};

/// A request that got no status.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The address has characters that no request can carry.
    #[error("no address of a request")]
    Address(#[from] InvalidUri),
    /// There is no connection: name, TCP or TLS.
    #[error("no connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection broke, or what came over it is no HTTP/1.
    #[error("no answer over HTTP/1")]
    Http1(#[from] hyper::Error),
    /// The connection broke, or what came over it is no HTTP/2.
    #[error("no answer over HTTP/2")]
    Http2(#[from] h2::Error),
}

impl Failure {
    /// What a check's `reason` says of it. The libraries' own texts name
    /// addresses, and change between releases.
    pub(super) fn reason(&self) -> String {
        let known = match self {
            // Its source is hidden in it.
            Self::Http2(error) => error.get_io().and_then(of_io),
            other => of_chain(other),
        };
        known.unwrap_or_else(|| {
            match self {
                Self::Address(_) => "the address is malformed",
                Self::Connect(_) => "no connection",
                Self::Http1(_) | Self::Http2(_) => "connection closed or broken answer",
            }
            .to_owned()
        })
    }
}

fn of_chain(error: &(dyn Error + 'static)) -> Option<String> {
    let mut source = Some(error);
    while let Some(error) = source {
        let known = if let Some(refused) = error.downcast_ref::<HostRefused>() {
            Some(refused.to_string())
        } else if error.is::<NameNotFound>() {
            Some("host name not found".to_owned())
        } else if let Some(tls) = error.downcast_ref() {
            Some(of_tls(tls))
        } else {
            error.downcast_ref().and_then(of_io)
        };
        if known.is_some() {
            return known;
        }
        source = error.source();
    }
    None
}

fn of_io(error: &io::Error) -> Option<String> {
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "host unreachable",
        // rustls' errors travel inside of these, which have no other source.
        _ => {
            let inner = error.get_ref()?;
            let tls = inner.downcast_ref().map(of_tls);
            return tls.or_else(|| inner.downcast_ref().and_then(of_io));
        }
    };
    Some(text.to_owned())
}

fn of_tls(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(error) = error else {
        return "TLS handshake failed".to_owned();
    };
    let what = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another host"
        }
        CertificateError::UnknownIssuer => "has an unknown issuer",
        CertificateError::Revoked => "is revoked",
        _ => "is not valid",
    };
    format!("TLS certificate {what}")
}
