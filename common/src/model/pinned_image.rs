//! Images that stay what they are.

use std::fmt;

use super::{Image, OpenclawVersion};

/// An image with a concrete version tag or a digest: the only kind that is ever
/// deployed. A floating tag (`latest`, `stable`, `main`) is another image
/// tomorrow, and nobody could say what an agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedImage(Image);

impl PinnedImage {
    /// The image itself where it is pinned; else the one of the same name at
    /// the managed baseline, which is the release that the spec takes a
    /// floating tag for.
    pub fn of(image: Image) -> Self {
        let baseline = image.at_baseline();
        Self::try_from(image).unwrap_or(Self(baseline))
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.0
    }

    /// The whole reference.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The release that it carries, by its tag; see [`Image::version`].
    pub fn version(&self) -> OpenclawVersion {
        self.0.version()
    }
}

impl Default for PinnedImage {
    /// OpenClaw's own image at the managed baseline.
    fn default() -> Self {
        Self(Image::default())
    }
}

impl fmt::Display for PinnedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The image has neither a concrete version tag nor a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have a concrete version tag such as 2026.4.11, or a digest")]
pub struct FloatingImage;

impl TryFrom<Image> for PinnedImage {
    type Error = FloatingImage;

    fn try_from(image: Image) -> Result<Self, Self::Error> {
        if image.is_pinned() {
            Ok(Self(image))
        } else {
            Err(FloatingImage)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(reference: &str) -> Result<String, FloatingImage> {
        let image: Image = reference.parse().unwrap();
        PinnedImage::try_from(image).map(|image| image.to_string())
    }

    #[test]
    fn version_tags_and_digests_pin_an_image() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for reference in [
            "ghcr.io/openclaw/openclaw:2026.4.11",
            "ghcr.io/openclaw/openclaw:v2026.4.11-slim",
            &format!("ghcr.io/openclaw/openclaw@{digest}"),
            &format!("ghcr.io/openclaw/openclaw:latest@{digest}"),
        ] {
            assert_eq!(pinned(reference).as_deref(), Ok(reference));
        }
        assert_eq!(
            PinnedImage::try_from(Image::default()),
            Ok(PinnedImage::default())
        );
    }

    #[test]
    fn a_floating_image_is_pinned_to_the_baseline_of_its_name() {
        let of = |reference: &str| PinnedImage::of(reference.parse().unwrap()).to_string();
        let rows = [
            ("ghcr.io/acme/agent:latest", "ghcr.io/acme/agent:2026.4.11"),
            ("localhost:5000/agent", "localhost:5000/agent:2026.4.11"),
            (
                "localhost:5000/agent:main",
                "localhost:5000/agent:2026.4.11",
            ),
            ("ghcr.io/acme/agent:2026.5.1", "ghcr.io/acme/agent:2026.5.1"),
        ];
        for (floating, pinned) in rows {
            assert_eq!(of(floating), pinned);
        }
    }

    #[test]
    fn floating_images_are_refused() {
        for reference in [
            "ghcr.io/openclaw/openclaw",
            "ghcr.io/openclaw/openclaw:latest",
            "ghcr.io/openclaw/openclaw:stable",
            "ghcr.io/openclaw/openclaw:main",
            "ghcr.io/openclaw/openclaw:2026.4",
            "localhost:5000/openclaw",
        ] {
            assert_eq!(pinned(reference), Err(FloatingImage), "{reference}");
        }
    }
}
