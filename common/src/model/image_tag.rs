//! What the tag of an image says of the release in it.

use std::fmt;

use super::OpenclawVersion;

/// The release in an image, as far as its tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageVersion {
    /// A concrete release; the managed baseline for a floating tag.
    Release(OpenclawVersion),
    /// A tag that names no release, such as `sha-1a2b3c4`. It is shown as it is.
    Tag(String),
}

impl ImageVersion {
    /// Makes a reported text what the contract's "Version normalization" asks:
    /// floating, empty and missing ones become the baseline. What cannot be a
    /// tag counts as missing.
    pub fn normalize(reported: Option<&str>) -> Self {
        let reported = reported.map(str::trim);
        match reported.and_then(|text| text.parse().ok()) {
            Some(version) => Self::Release(version),
            None => Self::of_tag(reported.filter(|text| is_valid(text))),
        }
    }

    /// What a valid tag says; without one a registry takes `latest`.
    pub(super) fn of_tag(tag: Option<&str>) -> Self {
        match tag.map(Tag::of) {
            Some(Tag::Release(version)) => Self::Release(version),
            None | Some(Tag::Floating { .. }) => Self::Release(OpenclawVersion::BASELINE),
            Some(Tag::Shortened | Tag::Other) => Self::Tag(tag.unwrap_or_default().to_owned()),
        }
    }

    /// The release, where the tag names one.
    pub fn release(&self) -> Option<&OpenclawVersion> {
        match self {
            Self::Release(version) => Some(version),
            Self::Tag(_) => None,
        }
    }
}

impl From<OpenclawVersion> for ImageVersion {
    fn from(version: OpenclawVersion) -> Self {
        Self::Release(version)
    }
}

impl fmt::Display for ImageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(version) => version.fmt(f),
            Self::Tag(tag) => tag.fmt(f),
        }
    }
}

/// Kinds of tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag<'a> {
    /// It names one build.
    Release(OpenclawVersion),
    /// It moves with a channel: `latest`, `main-slim`. The variant is what
    /// follows the channel's name (`slim`), or empty.
    Floating { variant: &'a str },
    /// It moves with the releases of a month or a year: `2026.5`.
    Shortened,
    /// It is whatever its publisher means by it: a commit, a date, a build.
    Other,
}

/// Names of channels, of OpenClaw's own images and of npm, and common ones.
const CHANNELS: [&str; 14] = [
    "latest",
    "stable",
    "extended-stable",
    "main",
    "master",
    "edge",
    "nightly",
    "canary",
    "next",
    "dev",
    "alpha",
    "beta",
    "rc",
    "release",
];

/// Variants of one release. OpenClaw publishes `slim` and `browser` as channels
/// too, and images for one architecture.
const VARIANTS: [&str; 12] = [
    "slim", "browser", "full", "linux", "amd64", "arm64", "arm", "x86_64", "aarch64", "alpine",
    "debian", "bookworm",
];

impl<'a> Tag<'a> {
    pub(super) fn of(tag: &'a str) -> Self {
        if let Ok(version) = tag.parse() {
            Self::Release(version)
        } else if let Some(variant) = variant_of_channel(tag) {
            Self::Floating { variant }
        } else if is_shortened(tag) {
            Self::Shortened
        } else {
            Self::Other
        }
    }
}

/// What follows the name of a channel, if nothing but variants does: `main-1a2b3c4`
/// is a commit.
fn variant_of_channel(tag: &str) -> Option<&str> {
    let rests = CHANNELS.iter().filter_map(|channel| {
        let (name, rest) = tag.split_at_checked(channel.len())?;
        let rest = rest.strip_prefix('-').or(rest.is_empty().then_some(rest))?;
        name.eq_ignore_ascii_case(channel).then_some(rest)
    });
    // A bare variant is one of `latest`.
    let mut candidates = rests.chain([tag]);
    candidates.find(|variant| variant.is_empty() || are_variants(variant))
}

fn are_variants(text: &str) -> bool {
    text.split('-')
        .all(|part| VARIANTS.iter().any(|it| part.eq_ignore_ascii_case(it)))
}

/// A year, or a year and a month, with variants or without.
fn is_shortened(tag: &str) -> bool {
    let (numbers, variant) = match tag.split_once('-') {
        Some((numbers, variant)) => (numbers, Some(variant)),
        None => (tag, None),
    };
    let numbers = numbers.strip_prefix(['v', 'V']).unwrap_or(numbers);
    let (year, rest) = match numbers.split_once('.') {
        Some((year, rest)) => (year, Some(rest)),
        None => (numbers, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_part = |part: &str| part == "x" || (matches!(part.len(), 1 | 2) && digits(part));
    let is_rest = |rest: &str| match rest.split_once('.') {
        Some((month, release)) => is_part(month) && release == "x",
        None => is_part(rest),
    };
    year.len() == 4
        && year.starts_with("20")
        && digits(year)
        && rest.is_none_or(is_rest)
        && variant.is_none_or(are_variants)
}

/// Whether a registry takes this for a tag.
pub(super) fn is_valid(text: &str) -> bool {
    let first = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let inner = |byte: u8| first(&byte) || b".-".contains(&byte);
    text.len() <= 128 && text.as_bytes().first().is_some_and(first) && text.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_contracts_table_of_normalization_holds() {
        for (reported, returned) in [
            (Some("2026.4.11"), "2026.4.11"),
            (Some("latest"), "2026.4.11"),
            (Some(""), "2026.4.11"),
            (None, "2026.4.11"),
        ] {
            let normalized = ImageVersion::normalize(reported);
            assert_eq!(normalized.to_string(), returned, "{reported:?}");
        }
    }

    #[test]
    fn only_what_names_no_build_at_all_is_normalized() {
        for (reported, returned) in [
            ("2026.6.1-beta.3-amd64", "2026.6.1-beta.3"),
            ("OpenClaw 2026.5.6 (c97b9f7)", "2026.5.6"),
            (" latest ", "2026.4.11"),
            ("extended-stable-slim", "2026.4.11"),
            ("v2026.9.2.0", "v2026.9.2.0"),
            ("sha-1a2b3c4", "sha-1a2b3c4"),
            ("2026.5", "2026.5"),
            ("20261125", "20261125"),
            ("<b>2026.4.11</b>", "2026.4.11"),
        ] {
            let normalized = ImageVersion::normalize(Some(reported));
            assert_eq!(normalized.to_string(), returned, "{reported:?}");
        }
    }

    #[test]
    fn channels_float_with_their_variants_and_in_any_case() {
        for (tag, variant) in [
            ("latest", ""),
            ("Latest", ""),
            ("stable", ""),
            ("main", ""),
            ("edge", ""),
            ("beta", ""),
            ("nightly", ""),
            ("main-slim", "slim"),
            ("latest-browser", "browser"),
            ("latest-linux-arm64", "linux-arm64"),
            ("extended-stable", ""),
            ("extended-stable-browser", "browser"),
            ("slim", "slim"),
            ("slim-amd64", "slim-amd64"),
        ] {
            assert_eq!(Tag::of(tag), Tag::Floating { variant }, "{tag}");
        }
    }

    #[test]
    fn a_year_or_a_month_is_a_shortened_number() {
        for tag in [
            "2026",
            "v2026",
            "2026.5",
            "v2026.5",
            "2026.05",
            "2026.5-slim",
            "2026.x",
            "2026.5.x",
        ] {
            assert_eq!(Tag::of(tag), Tag::Shortened, "{tag}");
        }
    }

    #[test]
    fn other_tags_mean_what_their_publisher_means() {
        for tag in [
            "v2026.9.2.0",
            "sha-1a2b3c4",
            "1a2b3c4",
            "20261125",
            "2026-11-25",
            "2026.04.11",
            "20261125.1",
            "main-1a2b3c4",
            "nightly-20261125",
            "edge-417",
            "pr-42",
            "417",
            "v1",
            "1.4",
            "latest-2026.5",
            "mainline",
            "v2026.6.1-14-g1a2b3c4d",
            "production",
        ] {
            assert_eq!(Tag::of(tag), Tag::Other, "{tag}");
        }
    }

    proptest! {
        #[test]
        fn any_text_normalizes_to_something_that_stays(text in ".{0,40}") {
            let normalized = ImageVersion::normalize(Some(&text));
            prop_assert_eq!(ImageVersion::normalize(Some(&normalized.to_string())), normalized);
        }

        #[test]
        fn no_tag_but_a_floating_one_becomes_the_baseline(tag in "[a-z0-9_][a-zA-Z0-9._-]{0,20}") {
            let is_baseline = ImageVersion::of_tag(Some(&tag)).to_string() == "2026.4.11";
            let floats = matches!(Tag::of(&tag), Tag::Floating { .. });
            prop_assert!(!is_baseline || floats || tag.contains("2026.4.11"), "{}", tag);
        }
    }
}
