//! A login: cookies as NextAuth and Auth.js make them, and signed tokens.
//!
//! It is written apart from what reads them, from the same documents.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use ring::{digest, hkdf, hmac};
use serde_json::{Value, json};

/// A key of two thousand bits that signs nothing but tests.
const RSA: &str = include_str!("login_rsa.b64");

/// A cookie of NextAuth v4.
pub fn next_auth_cookie(secret: &str, claims: &Value) -> String {
    let header = json!({"alg": "dir", "enc": "A256GCM"});
    next_auth_jwe(secret, &header, claims.to_string().as_bytes())
}

/// A cookie of Auth.js v5 for one name.
pub fn auth_js_cookie(secret: &str, name: &str, claims: &Value) -> String {
    let key = auth_js_key(secret, name);
    let jwk = format!(r#"{{"k":"{}","kty":"oct"}}"#, encode(&key));
    let thumbprint = encode(digest::digest(&digest::SHA512, jwk.as_bytes()).as_ref());
    let header = json!({"alg": "dir", "enc": "A256CBC-HS512", "kid": thumbprint});
    auth_js_jwe(secret, name, &header, claims.to_string().as_bytes())
}

/// Any header and content with NextAuth's key and encryption.
pub fn next_auth_jwe(secret: &str, header: &Value, content: &[u8]) -> String {
    let mut key = [0; 32];
    derive(secret, "", "NextAuth.js Generated Encryption Key", &mut key);
    let iv: [u8; 12] = random();
    let protected = encode(header.to_string().as_bytes());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("a key"));
    let mut sealed = content.to_vec();
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(protected.as_bytes()),
            &mut sealed,
        )
        .expect("it is short enough");
    let tag = tag.as_ref();
    format!(
        "{protected}..{}.{}.{}",
        encode(&iv),
        encode(&sealed),
        encode(tag)
    )
}

/// Any header and content with Auth.js's key and encryption.
pub fn auth_js_jwe(secret: &str, name: &str, header: &Value, content: &[u8]) -> String {
    let key = auth_js_key(secret, name);
    let (mac, cipher) = key.split_at(32);
    let iv: [u8; 16] = random();
    let protected = encode(header.to_string().as_bytes());
    let mut sealed = content.to_vec();
    sealed.resize(content.len() + 16, 0);
    let sealed = cbc::Encryptor::<Aes256>::new_from_slices(cipher, &iv)
        .expect("a key")
        .encrypt_padded::<Pkcs7>(&mut sealed, content.len())
        .expect("room for the padding");
    let bits = u64::try_from(protected.len() * 8).expect("a length");
    let signed = [protected.as_bytes(), &iv, sealed, &bits.to_be_bytes()].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, mac), &signed);
    let (tag, _) = tag.as_ref().split_at(32);
    format!(
        "{protected}..{}.{}.{}",
        encode(&iv),
        encode(sealed),
        encode(tag)
    )
}

fn auth_js_key(secret: &str, name: &str) -> [u8; 64] {
    let mut key = [0; 64];
    let info = format!("Auth.js Generated Encryption Key ({name})");
    derive(secret, name, &info, &mut key);
    key
}

fn derive(secret: &str, salt: &str, info: &str, key: &mut [u8]) {
    let filled = hkdf::Salt::new(hkdf::HKDF_SHA256, salt.as_bytes())
        .extract(secret.as_bytes())
        .expand(&[info.as_bytes()], Length(key.len()))
        .expect("a length")
        .fill(key);
    filled.expect("the same length");
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// What a login signs tokens with.
pub struct Signer {
    /// The key's name.
    pub id: &'static str,
    /// The algorithm's name.
    pub algorithm: &'static str,
    key: Key,
}

enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    /// RS256. It is always the same key: generating one takes long.
    pub fn rsa(id: &'static str) -> Self {
        let der = STANDARD.decode(RSA.replace('\n', "")).expect("base64");
        Self {
            id,
            algorithm: "RS256",
            key: Key::Rsa(RsaKeyPair::from_pkcs8(&der).expect("a key")),
        }
    }

    /// ES256, a new key.
    pub fn ec(id: &'static str) -> Self {
        let (curve, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(curve, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(curve, der.as_ref(), &random);
        Self {
            id,
            algorithm: "ES256",
            key: Key::Ec(key.expect("a key")),
        }
    }

    /// EdDSA, a new key.
    pub fn ed(id: &'static str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self {
            id,
            algorithm: "EdDSA",
            key: Key::Ed(Ed25519KeyPair::from_pkcs8(der.as_ref()).expect("a key")),
        }
    }

    /// The public key as the login publishes it.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.key {
            Key::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                let (n, e) = (&public.n, &public.e);
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
            Key::Ec(key) => {
                let (_, point) = key.public_key().as_ref().split_at(1);
                let (x, y) = point.split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Key::Ed(key) => {
                let x = key.public_key().as_ref();
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(x)})
            }
        };
        let about = [("kid", self.id), ("alg", self.algorithm), ("use", "sig")];
        let jwk_object = jwk.as_object_mut().expect("an object");
        jwk_object.extend(about.map(|(name, value)| (name.to_owned(), json!(value))));
        jwk
    }

    /// A token.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"});
        self.sign(&header, claims)
    }

    /// Signs any header and claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let (header, claims) = (header.to_string(), claims.to_string());
        let message = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let bytes = message.as_bytes();
        let random = SystemRandom::new();
        let signature = match &self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                let signed = key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature);
                signed.expect("a signature");
                signature
            }
            Key::Ec(key) => {
                let signature = key.sign(&random, bytes).expect("a signature");
                signature.as_ref().to_vec()
            }
            Key::Ed(key) => key.sign(bytes).as_ref().to_vec(),
        };
        format!("{message}.{}", encode(&signature))
    }
}

/// The set of public keys of a login.
pub fn jwks(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}

/// Base64 as tokens have it.
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn random<const LEN: usize>() -> [u8; LEN] {
    let random = ring::rand::generate::<[u8; LEN]>(&SystemRandom::new());
    random.expect("the system's randomness").expose()
}
