//! The root certificates that all clients of a process trust.

use std::sync::{Arc, LazyLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Environment, ProcessEnvironment, SSL_CERT_DIR, SSL_CERT_FILE};

/// The root certificates that this program was built with, which are Mozilla's;
/// or those that `SSL_CERT_FILE` or `SSL_CERT_DIR` names, if set.
///
/// Reading the system's takes longer than everything else that a function does
/// before its first request, and every client would read them again.
pub fn roots() -> Arc<RootCertStore> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        Arc::new(trusted(&ProcessEnvironment, || {
            rustls_native_certs::load_native_certs().certs
        }))
    });
    ROOTS.clone()
}

/// A configuration that trusts these, with ring as the only provider: the other
/// one adds tens of milliseconds to a cold start.
pub fn config(roots: Arc<RootCertStore>) -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn trusted(
    environment: &dyn Environment,
    read: impl FnOnce() -> Vec<CertificateDer<'static>>,
) -> RootCertStore {
    let named = [SSL_CERT_FILE, SSL_CERT_DIR]
        .into_iter()
        .find(|name| environment.get(name).is_some());
    let Some(named) = named else {
        return webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read());
    if roots.is_empty() {
        tracing::error!("{named} names no certificate: no server is trusted");
    }
    roots
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate(name: &str) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn subjects(roots: &RootCertStore) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        roots.roots.iter().map(|it| text(&it.subject)).collect()
    }

    #[test]
    fn mozillas_certificates_are_trusted_and_none_is_read() {
        let nothing: BTreeMap<&str, String> = BTreeMap::new();
        let roots = trusted(&nothing, || panic!("certificates were read"));
        assert_eq!(roots.len(), webpki_roots::TLS_SERVER_ROOTS.len());
        let amazon = |it: &String| it.contains("Amazon Root CA 1");
        assert!(subjects(&roots).iter().any(amazon));
    }

    #[test]
    fn certificates_that_are_named_replace_all_others() {
        for name in [SSL_CERT_FILE, SSL_CERT_DIR] {
            let named = BTreeMap::from([(name, "/somewhere".to_owned())]);
            let roots = trusted(&named, || vec![certificate("our own")]);
            let [only] = subjects(&roots).try_into().unwrap();
            assert!(only.contains("our own"), "{only}");
            assert!(trusted(&named, Vec::new).is_empty());
        }
    }
}
