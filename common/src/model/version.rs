//! OpenClaw's release numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A concrete OpenClaw release, `2026.4.11`, optionally with the number of a
/// correction (`2026.4.11-1`, after the release) or the name of a pre-release
/// (`2026.4.11-beta.2`, before it).
///
/// It cannot hold a floating tag: `latest`, `stable`, `main`, `edge`, `beta`
/// and shortened numbers (`2026.4`) name no release. Versions compare by
/// number, so `2026.4.2 < 2026.4.11`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenclawVersion {
    numbers: [u32; 3],
    stage: Stage,
}

/// Where a build stands beside the release of the same number. The order of
/// the variants is the order of the builds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    PreRelease(PreRelease, u32),
    Release,
    Correction(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum PreRelease {
    Alpha,
    Beta,
    Rc,
}

impl OpenclawVersion {
    /// The spec's managed baseline, which stands in wherever no concrete
    /// version is known.
    pub const BASELINE: Self = Self {
        numbers: [2026, 4, 11],
        stage: Stage::Release,
    };

    /// Makes any reported text a concrete version, as the spec's "Version
    /// normalization" asks: floating, empty and missing ones become the
    /// baseline.
    pub fn normalize(reported: Option<&str>) -> Self {
        reported
            .and_then(|text| text.parse().ok())
            .unwrap_or(Self::BASELINE)
    }
}

impl PartialOrd for OpenclawVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OpenclawVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numbers, &self.stage).cmp(&(other.numbers, &other.stage))
    }
}

impl fmt::Display for OpenclawVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, release] = self.numbers;
        write!(f, "{year}.{month}.{release}")?;
        match self.stage {
            Stage::Release => Ok(()),
            Stage::Correction(number) => write!(f, "-{number}"),
            Stage::PreRelease(stage, number) => write!(f, "-{}.{number}", stage.name()),
        }
    }
}

impl PreRelease {
    fn name(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Rc => "rc",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Alpha, Self::Beta, Self::Rc]
            .into_iter()
            .find(|stage| stage.name() == name)
    }
}

/// The text names no concrete release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a concrete release number such as 2026.4.11")]
pub struct InvalidVersion;

impl FromStr for OpenclawVersion {
    type Err = InvalidVersion;

    /// Reads `2026.4.11`, with an optional leading `v`. A suffix that is
    /// neither a correction nor a pre-release is a variant of the same release
    /// (`-slim`, `-amd64`) and is dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, suffix) = match text.split_once('-') {
            Some((numbers, suffix)) => (numbers, Some(suffix)),
            None => (text, None),
        };
        let mut parts = numbers.split('.').map(number);
        let (Some(Some(year)), Some(Some(month)), Some(Some(release)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidVersion);
        };
        Ok(Self {
            numbers: [year, month, release],
            stage: suffix.map_or(Ok(Stage::Release), stage)?,
        })
    }
}

fn stage(suffix: &str) -> Result<Stage, InvalidVersion> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if suffix.is_empty() || suffix.len() > 64 || !suffix.bytes().all(allowed) {
        return Err(InvalidVersion);
    }
    if let Some(correction) = number(suffix) {
        return Ok(Stage::Correction(correction));
    }
    let (name, count) = suffix.split_once('.').unwrap_or((suffix, "0"));
    Ok(match (PreRelease::from_name(name), number(count)) {
        (Some(name), Some(count)) => Stage::PreRelease(name, count),
        _ => Stage::Release,
    })
}

/// Digits only: `u32::from_str` alone would also take a sign.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> OpenclawVersion {
        text.parse()
            .unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    #[test]
    fn the_spec_table_of_normalization_holds() {
        let rows = [
            (Some("2026.4.11"), "2026.4.11"),
            (Some("latest"), "2026.4.11"),
            (Some(""), "2026.4.11"),
            (None, "2026.4.11"),
        ];
        for (reported, returned) in rows {
            assert_eq!(
                OpenclawVersion::normalize(reported).to_string(),
                returned,
                "{reported:?}"
            );
        }
    }

    #[test]
    fn concrete_versions_keep_their_number() {
        let rows = [
            ("2026.5.2", "2026.5.2"),
            ("v2026.5.2", "2026.5.2"),
            (" 2026.5.2\n", "2026.5.2"),
            ("2026.5.2-1", "2026.5.2-1"),
            ("2026.5.2-beta.3", "2026.5.2-beta.3"),
            ("2026.5.2-slim", "2026.5.2"),
            ("2026.5.2-linux-amd64", "2026.5.2"),
        ];
        for (reported, returned) in rows {
            assert_eq!(version(reported).to_string(), returned, "{reported:?}");
        }
    }

    #[test]
    fn texts_that_name_no_release_are_refused() {
        for text in [
            "",
            "v",
            "latest",
            "stable",
            "main",
            "edge",
            "beta",
            "2026",
            "2026.4",
            "2026.4.11.1",
            "2026.4.x",
            "2026..11",
            "2026.4.11-",
            "2026.4.11- 1",
            "+2026.4.11",
            "-1.2.3",
            "vv2026.4.11",
            "99999999999.1.1",
            "<b>2026.4.11</b>",
        ] {
            assert_eq!(
                text.parse::<OpenclawVersion>(),
                Err(InvalidVersion),
                "{text:?}"
            );
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_text() {
        let ascending = [
            "2025.12.31",
            "2026.4.1",
            "2026.4.2",
            "2026.4.11-alpha.1",
            "2026.4.11-beta",
            "2026.4.11-beta.2",
            "2026.4.11-beta.10",
            "2026.4.11-rc.1",
            "2026.4.11",
            "2026.4.11-1",
            "2026.4.11-2",
            "2026.4.12",
            "2026.10.1",
        ]
        .map(version);
        assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
    }

    proptest! {
        #[test]
        fn any_text_normalizes_to_something_that_parses_to_itself(text in ".{0,40}") {
            let normalized = OpenclawVersion::normalize(Some(&text));
            prop_assert_eq!(normalized.to_string().parse(), Ok(normalized));
        }
    }
}
