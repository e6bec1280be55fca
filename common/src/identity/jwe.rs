//! Opening JWEs (RFC 7516) in the two shapes that NextAuth and Auth.js make:
//! compact, `dir`, with AES-GCM or AES-CBC and HMAC (RFC 7518).
//!
//! The primitives are ring's and RustCrypto's; this file only puts the parts
//! into their places. `docs/decisions/identity.md` says why no JOSE crate does.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::ConstantTimeEq;

use super::claims::object;

/// The longest JWE that is looked at, in bytes. API Gateway takes 10 KiB of
/// headers.
pub(super) const MAX_LEN: usize = 16 * 1024;

/// The length of the tags of both encryptions, as they are sent.
const GCM_TAG_LEN: usize = 16;
const CBC_TAG_LEN: usize = 32;

/// A key for the content, bound to its one encryption: what a JWE says of
/// itself chooses nothing.
pub(super) enum ContentKey {
    /// A256GCM.
    Gcm(Box<LessSafeKey>),
    /// A256CBC-HS512.
    CbcHmac { mac: hmac::Key, cipher: [u8; 32] },
}

/// The protected header. `zip` and `crit` ask for what is not done here.
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    zip: Option<IgnoredAny>,
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

/// A compact JWE, taken apart.
pub(super) struct Jwe<'t> {
    /// The header as it was sent, which is authenticated too.
    protected: &'t str,
    header: Header,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl ContentKey {
    pub(super) fn gcm(key: &[u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&aead::AES_256_GCM, key).ok()?;
        Some(Self::Gcm(Box::new(LessSafeKey::new(key))))
    }

    /// The first half authenticates, the second one encrypts.
    pub(super) fn cbc_hmac(key: &[u8; 64]) -> Option<Self> {
        let (mac, cipher) = key.split_at_checked(32)?;
        Some(Self::CbcHmac {
            mac: hmac::Key::new(hmac::HMAC_SHA512, mac),
            cipher: cipher.try_into().ok()?,
        })
    }

    /// Its name in headers.
    fn encryption(&self) -> &'static str {
        match self {
            Self::Gcm(_) => "A256GCM",
            Self::CbcHmac { .. } => "A256CBC-HS512",
        }
    }
}

impl<'t> Jwe<'t> {
    /// Takes a text apart, if it is a JWE of a shape that is known here.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let mut parts = text.split('.');
        let protected = parts.next()?;
        // With `dir` there is no encrypted key.
        parts.next().filter(|key| key.is_empty())?;
        let mut decoded = || URL_SAFE_NO_PAD.decode(parts.next()?).ok();
        let (iv, ciphertext, tag) = (decoded()?, decoded()?, decoded()?);
        if parts.next().is_some() {
            return None;
        }
        let header: Header = object(&URL_SAFE_NO_PAD.decode(protected).ok()?)?;
        let plain = header.alg == "dir" && header.zip.is_none() && header.crit.is_none();
        plain.then_some(Self {
            protected,
            header,
            iv,
            ciphertext,
            tag,
        })
    }

    /// Which key it says that it was made with.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The content, if it was encrypted with this key and nothing was changed
    /// since.
    pub(super) fn open(&self, key: &ContentKey) -> Option<Vec<u8>> {
        if self.header.enc != key.encryption() {
            return None;
        }
        match key {
            ContentKey::Gcm(key) => self.open_gcm(key),
            ContentKey::CbcHmac { mac, cipher } => self.open_cbc_hmac(mac, cipher),
        }
    }

    fn open_gcm(&self, key: &LessSafeKey) -> Option<Vec<u8>> {
        let nonce = Nonce::try_assume_unique_for_key(&self.iv).ok()?;
        // Not every length: what is cut here must not be sewn on there.
        if self.tag.len() != GCM_TAG_LEN {
            return None;
        }
        let mut sealed = [self.ciphertext.as_slice(), &self.tag].concat();
        let aad = Aad::from(self.protected.as_bytes());
        let content = key.open_in_place(nonce, aad, &mut sealed).ok()?;
        Some(content.to_vec())
    }

    /// Authenticates before it decrypts, so that there is no padding oracle.
    fn open_cbc_hmac(&self, mac: &hmac::Key, cipher: &[u8; 32]) -> Option<Vec<u8>> {
        let mut authenticated = hmac::Context::with_key(mac);
        let aad = self.protected.as_bytes();
        let aad_bits = u64::try_from(aad.len()).ok()?.checked_mul(8)?;
        for part in [aad, &self.iv, &self.ciphertext, &aad_bits.to_be_bytes()] {
            authenticated.update(part);
        }
        let tag = authenticated.sign();
        let tag = tag.as_ref().get(..CBC_TAG_LEN)?;
        if !bool::from(tag.ct_eq(&self.tag)) {
            return None;
        }
        let mut content = self.ciphertext.clone();
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(cipher, &self.iv).ok()?;
        let content = decryptor.decrypt_padded::<Pkcs7>(&mut content).ok()?;
        Some(content.to_vec())
    }
}
