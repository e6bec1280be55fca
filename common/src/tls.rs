//! What all clients of a process trust.

use std::sync::{Arc, LazyLock};

use rustls::{ClientConfig, RootCertStore};

use crate::config::{Environment, ProcessEnvironment, SSL_CERT_DIR, SSL_CERT_FILE};

/// The root certificates that this program was built with, which are Mozilla's;
/// or, where `SSL_CERT_FILE` or `SSL_CERT_DIR` is set, those that it names.
///
/// Reading the system's takes longer than all else that a function does before
/// its first request, and every client would read them anew.
pub fn roots() -> Arc<RootCertStore> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| Arc::new(read()));
    ROOTS.clone()
}

/// A configuration that trusts these, with ring: the only provider in the tree,
/// for the other one adds tens of milliseconds to a cold start.
pub fn config(roots: Arc<RootCertStore>) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn read() -> RootCertStore {
    let named = [SSL_CERT_FILE, SSL_CERT_DIR]
        .into_iter()
        .find(|name| ProcessEnvironment.get(name).is_some());
    let Some(named) = named else {
        return webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        tracing::error!("{named} names no certificate: no server is trusted");
    }
    roots
}
