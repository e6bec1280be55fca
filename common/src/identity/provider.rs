//! The signatures of tokens, by ring: the crate that reads tokens leaves the
//! cryptography to others, and its own choices are aws-lc-rs, which must not be
//! in the tree, and a second set of primitives beside ring's.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use signature::Verifier;

/// Verifies three algorithms and signs nothing.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
    // They derive public keys from private ones: there are none here.
    key_utils: KeyUtils::new_unimplemented(),
};

/// To be called before a token is verified.
pub(super) fn install() {
    // An error means that it is installed already, which is the aim.
    let _ = RING.install_default();
}

struct RingVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    Other(UnparsedPublicKey<Vec<u8>>),
}

impl RingVerifier {
    /// Refuses an algorithm that is not the key's.
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, Error> {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};

        let key = match (algorithm, key.family(), key.kind()) {
            (Algorithm::RS256, AlgorithmFamily::Rsa, RsaModulusExponent { n, e }) => {
                PublicKey::Rsa(RsaPublicKeyComponents {
                    n: n.clone(),
                    e: e.clone(),
                })
            }
            (Algorithm::ES256, AlgorithmFamily::Ec, SecretOrDer(point)) => PublicKey::Other(
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.clone()),
            ),
            (Algorithm::EdDSA, AlgorithmFamily::Ed, SecretOrDer(point)) => {
                PublicKey::Other(UnparsedPublicKey::new(&ED25519, point.clone()))
            }
            _ => return Err(ErrorKind::InvalidAlgorithm.into()),
        };
        Ok(Self { algorithm, key })
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match &self.key {
            PublicKey::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            PublicKey::Other(key) => key.verify(message, signature),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
