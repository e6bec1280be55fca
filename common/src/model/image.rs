//! References to container images.

use std::fmt;
use std::str::FromStr;

use super::OpenclawVersion;
use super::image_tag::{self, ImageVersion, Tag};

/// A reference to a container image: `[registry[:port]/]name[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    reference: String,
    tag: Option<String>,
    has_digest: bool,
}

impl Image {
    /// The repository of the image that new agents run unless `OPENCLAW_IMAGE`
    /// names another one.
    const DEFAULT_NAME: &'static str = "ghcr.io/openclaw/openclaw";

    /// The whole reference as it was given.
    pub fn as_str(&self) -> &str {
        &self.reference
    }

    /// The release that this image carries, by its tag. An image without a tag,
    /// with a floating one, or known by digest alone says nothing of its
    /// release, and the contract's managed baseline stands in.
    pub fn version(&self) -> ImageVersion {
        ImageVersion::of_tag(self.tag.as_deref())
    }

    /// What the tag itself says, with nothing standing in for it; none where
    /// there is no tag or a floating one.
    pub fn tagged_version(&self) -> Option<ImageVersion> {
        match self.kind()? {
            Tag::Floating { .. } => None,
            Tag::Release(_) | Tag::Shortened | Tag::Other => Some(self.version()),
        }
    }

    /// Whether the tag moves with each release of a month or a year. A digest
    /// beside it keeps the image in its place.
    pub(super) fn is_shortened(&self) -> bool {
        !self.has_digest && self.kind() == Some(Tag::Shortened)
    }

    /// The image of the same name at the managed baseline, where this one has no
    /// digest and no tag, or a floating one. Its variant is kept.
    pub(super) fn floating_at_baseline(&self) -> Option<Self> {
        if self.has_digest {
            return None;
        }
        let variant = match self.kind() {
            None => "",
            Some(Tag::Floating { variant }) => variant,
            Some(Tag::Release(_) | Tag::Shortened | Tag::Other) => return None,
        };
        let name = self.tag.as_ref().map_or(self.as_str(), |tag| {
            self.reference
                .strip_suffix(tag.as_str())
                .and_then(|rest| rest.strip_suffix(':'))
                .unwrap_or(&self.reference)
        });
        let mut tag = OpenclawVersion::BASELINE.to_string();
        if !variant.is_empty() {
            tag = format!("{tag}-{variant}");
        }
        Some(Self {
            reference: format!("{name}:{tag}"),
            tag: Some(tag),
            has_digest: false,
        })
    }

    fn kind(&self) -> Option<Tag<'_>> {
        self.tag.as_deref().map(Tag::of)
    }
}

impl Default for Image {
    /// OpenClaw's own image at the managed baseline.
    fn default() -> Self {
        let tag = OpenclawVersion::BASELINE.to_string();
        Self {
            reference: format!("{}:{tag}", Self::DEFAULT_NAME),
            tag: Some(tag),
            has_digest: false,
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an image reference such as ghcr.io/openclaw/openclaw:2026.4.11")]
pub struct InvalidImage;

impl FromStr for Image {
    type Err = InvalidImage;

    fn from_str(reference: &str) -> Result<Self, Self::Err> {
        if reference.len() > 512 {
            return Err(InvalidImage);
        }
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        // Only a colon behind the last slash starts a tag: one before it
        // belongs to the registry's port.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (directories, last) = rest.split_at_checked(last).ok_or(InvalidImage)?;
        let (last, tag) = match last.split_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (last, None),
        };
        let name_is_valid =
            directories.strip_suffix('/').is_none_or(valid_directories) && valid_component(last);
        if name_is_valid && tag.is_none_or(image_tag::is_valid) && digest.is_none_or(valid_digest) {
            Ok(Self {
                reference: reference.to_owned(),
                tag: tag.map(str::to_owned),
                has_digest: digest.is_some(),
            })
        } else {
            Err(InvalidImage)
        }
    }
}

fn valid_directories(directories: &str) -> bool {
    let mut components = directories.split('/');
    components.next().is_some_and(valid_registry_or_component) && components.all(valid_component)
}

fn valid_registry_or_component(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !host.is_empty()
        && host.bytes().all(host_byte)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn valid_component(text: &str) -> bool {
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| edge(&byte) || b"._-".contains(&byte);
    text.as_bytes().first().is_some_and(edge)
        && text.as_bytes().last().is_some_and(edge)
        && text.bytes().all(inner)
}

fn valid_digest(text: &str) -> bool {
    let algorithm_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte);
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(algorithm_byte)
            && hex.len() >= 32
            && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn the_version_is_read_from_the_tag_alone() {
        let rows = [
            ("ghcr.io/openclaw/openclaw:2026.4.12", "2026.4.12"),
            ("ghcr.io/openclaw/openclaw:v2026.4.12", "2026.4.12"),
            ("openclaw:2026.4.12", "2026.4.12"),
            ("openclaw", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:latest", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:stable", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:main", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:edge", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:beta", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:latest-slim", "2026.4.11"),
            ("ghcr.io/openclaw/openclaw:2026.4", "2026.4"),
            ("ghcr.io/openclaw/openclaw:v2026.9.2.0", "v2026.9.2.0"),
            ("ghcr.io/openclaw/openclaw:sha-1a2b3c4", "sha-1a2b3c4"),
            (
                "ghcr.io/openclaw/openclaw:2026.6.1-beta.3-amd64",
                "2026.6.1-beta.3",
            ),
            (
                "registry.example:5000/a/openclaw:2026.2.3-1-arm64",
                "2026.2.3-1",
            ),
            ("localhost:5000/openclaw", "2026.4.11"),
            ("registry.example:5000/a/openclaw:2026.4.12", "2026.4.12"),
            (
                "registry.example:5000/a/openclaw:2026.4.12-slim",
                "2026.4.12",
            ),
        ];
        for (reference, version) in rows {
            let image: Image = reference.parse().unwrap();
            assert_eq!(image.version().to_string(), version, "{reference}");
            assert_eq!(image.as_str(), reference);
        }
    }

    #[test]
    fn a_digest_says_nothing_of_the_version_but_a_tag_beside_it_does() {
        let rows = [
            (format!("ghcr.io/openclaw/openclaw@{DIGEST}"), "2026.4.11"),
            (format!("localhost:5000/openclaw@{DIGEST}"), "2026.4.11"),
            (
                format!("ghcr.io/openclaw/openclaw:2026.4.12@{DIGEST}"),
                "2026.4.12",
            ),
            (
                format!("localhost:5000/openclaw:2026.4.12@{DIGEST}"),
                "2026.4.12",
            ),
        ];
        for (reference, version) in rows {
            let image: Image = reference.parse().unwrap();
            assert_eq!(image.version().to_string(), version, "{reference}");
        }
    }

    #[test]
    fn texts_that_are_no_reference_are_refused() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a b",
            "a:",
            "a:b:c",
            "a@",
            "a@sha256:12",
            "a@b@c",
            "host:port/a",
            "A",
            "a:-x",
            "https://ghcr.io/openclaw/openclaw",
        ] {
            assert_eq!(text.parse::<Image>(), Err(InvalidImage), "{text:?}");
        }
    }

    #[test]
    fn the_default_image_is_the_one_of_the_spec() {
        let image = Image::default();
        assert_eq!(image.as_str(), "ghcr.io/openclaw/openclaw:2026.4.11");
        assert_eq!(image.as_str().parse(), Ok(image));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<Image>();
        }
    }
}
