//! Images that are deployed.

use std::fmt;
use std::str::FromStr;

use super::{Image, ImageVersion, InvalidImage};

/// An image that may be deployed: it has a digest, or a tag that is not known to
/// move. A floating tag (`latest`, `main-slim`) or a shortened number (`2026.5`)
/// is another image tomorrow, and nobody could say what an agent runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedImage(Image);

impl PinnedImage {
    /// The image.
    pub fn image(&self) -> &Image {
        &self.0
    }

    /// The whole reference.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The release that it carries, by its tag; see [`Image::version`].
    pub fn version(&self) -> ImageVersion {
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

/// The image has no digest, and a tag that moves or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have a tag that does not move, such as 2026.4.11, or a digest")]
pub struct MovingImage;

impl TryFrom<Image> for PinnedImage {
    type Error = MovingImage;

    fn try_from(image: Image) -> Result<Self, Self::Error> {
        if image.is_shortened() || image.floating_at_baseline().is_some() {
            Err(MovingImage)
        } else {
            Ok(Self(image))
        }
    }
}

/// The image that the platform is configured with for its agents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredImage {
    configured: Image,
    deployed: PinnedImage,
}

impl ConfiguredImage {
    /// The image as it is configured, which is how the API shows it.
    pub fn into_image(self) -> Image {
        self.configured
    }

    /// The image that is deployed: the configured one, or the one of the same
    /// name at the managed baseline where its tag floats.
    pub fn into_pinned(self) -> PinnedImage {
        self.deployed
    }
}

/// The text names no image that can be deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConfiguredImage {
    /// It is no image reference.
    #[error(transparent)]
    NoImage(#[from] InvalidImage),
    /// It names many releases.
    #[error(
        "has a shortened version for its tag, which moves with every release; name one release \
         such as 2026.4.11, or a digest"
    )]
    Shortened,
}

impl FromStr for ConfiguredImage {
    type Err = InvalidConfiguredImage;

    fn from_str(reference: &str) -> Result<Self, Self::Err> {
        let configured: Image = reference.parse()?;
        let deployed = match configured.floating_at_baseline() {
            Some(baseline) => PinnedImage(baseline),
            None => PinnedImage::try_from(configured.clone())
                .map_err(|MovingImage| InvalidConfiguredImage::Shortened)?,
        };
        Ok(Self {
            configured,
            deployed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(reference: &str) -> Result<String, MovingImage> {
        let image: Image = reference.parse().unwrap();
        PinnedImage::try_from(image).map(|image| image.to_string())
    }

    #[test]
    fn digests_and_tags_that_do_not_move_pin_an_image() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for reference in [
            "ghcr.io/openclaw/openclaw:2026.4.11",
            "ghcr.io/openclaw/openclaw:v2026.4.11-slim",
            "ghcr.io/openclaw/openclaw:sha-1a2b3c4",
            &format!("ghcr.io/openclaw/openclaw@{digest}"),
            &format!("ghcr.io/openclaw/openclaw:latest@{digest}"),
            &format!("ghcr.io/openclaw/openclaw:2026.5@{digest}"),
        ] {
            assert_eq!(pinned(reference).as_deref(), Ok(reference));
        }
        assert_eq!(
            PinnedImage::try_from(Image::default()),
            Ok(PinnedImage::default())
        );
    }

    #[test]
    fn images_that_move_are_refused() {
        for reference in [
            "ghcr.io/openclaw/openclaw",
            "ghcr.io/openclaw/openclaw:latest",
            "ghcr.io/openclaw/openclaw:stable",
            "ghcr.io/openclaw/openclaw:main-slim",
            "ghcr.io/openclaw/openclaw:2026.4",
            "localhost:5000/openclaw",
        ] {
            assert_eq!(pinned(reference), Err(MovingImage), "{reference}");
        }
    }

    #[test]
    fn a_configured_image_is_deployed_as_it_is_unless_its_tag_floats() {
        let digest = format!("ghcr.io/acme/agent@sha256:{}", "0f".repeat(32));
        for (configured, deployed) in [
            ("ghcr.io/acme/agent:latest", "ghcr.io/acme/agent:2026.4.11"),
            ("localhost:5000/agent", "localhost:5000/agent:2026.4.11"),
            (
                "localhost:5000/agent:main",
                "localhost:5000/agent:2026.4.11",
            ),
            (
                "ghcr.io/acme/agent:main-slim",
                "ghcr.io/acme/agent:2026.4.11-slim",
            ),
            (
                "ghcr.io/acme/agent:slim",
                "ghcr.io/acme/agent:2026.4.11-slim",
            ),
            ("ghcr.io/acme/agent:2026.5.1", "ghcr.io/acme/agent:2026.5.1"),
            (
                "ghcr.io/acme/agent:2026.6.1-beta.3-amd64",
                "ghcr.io/acme/agent:2026.6.1-beta.3-amd64",
            ),
            (
                "ghcr.io/acme/agent:v2026.9.2.0",
                "ghcr.io/acme/agent:v2026.9.2.0",
            ),
            (
                "registry.example:5000/agent:sha-1a2b3c4",
                "registry.example:5000/agent:sha-1a2b3c4",
            ),
            ("ghcr.io/acme/agent:20261125", "ghcr.io/acme/agent:20261125"),
            (digest.as_str(), digest.as_str()),
        ] {
            let image: ConfiguredImage = configured.parse().unwrap();
            assert_eq!(image.clone().into_image().as_str(), configured);
            assert_eq!(image.into_pinned().as_str(), deployed, "{configured}");
        }
    }

    #[test]
    fn a_shortened_number_is_refused_with_the_reason() {
        for tag in ["2026", "2026.5", "v2026.5", "2026.5-slim"] {
            let refused = format!("ghcr.io/acme/agent:{tag}").parse::<ConfiguredImage>();
            assert_eq!(refused, Err(InvalidConfiguredImage::Shortened), "{tag}");
        }
        assert_eq!(
            "no image".parse::<ConfiguredImage>(),
            Err(InvalidConfiguredImage::NoImage(InvalidImage))
        );
    }
}
