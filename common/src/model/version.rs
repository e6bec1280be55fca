//! OpenClaw's release numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A concrete OpenClaw build: a release (`2026.4.11`), a correction of it, which
/// comes after it (`2026.4.11-1`), or a pre-release, which comes before it
/// (`2026.4.11-beta.2`).
///
/// It cannot hold a floating tag: `latest`, `stable`, `main`, `edge`, `beta`
/// and shortened numbers (`2026.4`) name no release. Versions compare by
/// number, so `2026.4.2 < 2026.4.11`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenclawVersion {
    numbers: [u32; 3],
    correction: Option<u64>,
    pre_release: Option<PreRelease>,
}

/// A build before the release or correction of its number. Fields are in the
/// order in which they decide.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PreRelease {
    stage: Stage,
    number: Option<u64>,
    correction: Option<u64>,
    /// What stands before the number. It is kept because a version is shown as
    /// it was written.
    separator: Separator,
}

/// What a pre-release is called. The order of the variants is the order of the
/// builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    Dev,
    Snapshot,
    Nightly,
    Canary,
    Next,
    Alpha,
    Beta,
    Pre,
    Preview,
    Rc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Separator {
    Dot,
    Hyphen,
    Nothing,
}

impl OpenclawVersion {
    /// The managed baseline of the API's contract, which stands in wherever no
    /// version is known.
    pub const BASELINE: Self = Self {
        numbers: [2026, 4, 11],
        correction: None,
        pre_release: None,
    };

    /// The longest text that is read: the length of an image's tag.
    const MAX_LENGTH: usize = 128;
}

impl PartialOrd for OpenclawVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OpenclawVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let number = |it: &Self| (it.numbers, it.correction);
        number(self).cmp(&number(other)).then_with(|| {
            match (&self.pre_release, &other.pre_release) {
                (Some(one), Some(other)) => one.cmp(other),
                (one, other) => one.is_none().cmp(&other.is_none()),
            }
        })
    }
}

impl fmt::Display for OpenclawVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [year, month, release] = self.numbers;
        write!(f, "{year}.{month}.{release}")?;
        if let Some(correction) = self.correction {
            write!(f, "-{correction}")?;
        }
        self.pre_release.as_ref().map_or(Ok(()), |it| it.fmt(f))
    }
}

impl fmt::Display for PreRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", self.stage.name())?;
        if let Some(number) = self.number {
            write!(f, "{}{number}", self.separator.text())?;
        }
        self.correction.map_or(Ok(()), |it| write!(f, "-{it}"))
    }
}

impl Stage {
    const ALL: [Self; 10] = [
        Self::Dev,
        Self::Snapshot,
        Self::Nightly,
        Self::Canary,
        Self::Next,
        Self::Alpha,
        Self::Beta,
        Self::Pre,
        Self::Preview,
        Self::Rc,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Snapshot => "snapshot",
            Self::Nightly => "nightly",
            Self::Canary => "canary",
            Self::Next => "next",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Pre => "pre",
            Self::Preview => "preview",
            Self::Rc => "rc",
        }
    }
}

impl Separator {
    fn text(self) -> &'static str {
        match self {
            Self::Dot => ".",
            Self::Hyphen => "-",
            Self::Nothing => "",
        }
    }
}

/// The text names no concrete release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a concrete release number such as 2026.4.11")]
pub struct InvalidVersion;

impl FromStr for OpenclawVersion {
    type Err = InvalidVersion;

    /// Reads what OpenClaw prints (`OpenClaw 2026.5.6 (c97b9f7)`), what it tags
    /// (`v2026.5.6`), and what images are tagged with. A part of the suffix that
    /// names no build is a variant of the same one (`-slim`, `-amd64`) and is
    /// dropped, as is the metadata behind a plus.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::MAX_LENGTH {
            return Err(InvalidVersion);
        }
        let text = without_name_and_commit(text.trim());
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (text, metadata) = match text.split_once('+') {
            Some((text, metadata)) => (text, Some(metadata)),
            None => (text, None),
        };
        if metadata.is_some_and(|it| !is_suffix(it)) {
            return Err(InvalidVersion);
        }
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
        let mut version = Self {
            numbers: [year, month, release],
            correction: None,
            pre_release: None,
        };
        if let Some(suffix) = suffix {
            version.read_suffix(suffix)?;
        }
        Ok(version)
    }
}

impl OpenclawVersion {
    /// Reads the parts of a suffix from left to right. A number counts only next
    /// to what it counts: `-debian-12` is a variant and no twelfth correction.
    fn read_suffix(&mut self, suffix: &str) -> Result<(), InvalidVersion> {
        if !is_suffix(suffix) {
            return Err(InvalidVersion);
        }
        let mut parts = suffix.split('-').peekable();
        let mut may_count = true;
        while let Some(part) = parts.next() {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                if !may_count {
                    continue;
                }
                // Commits since a release, and the last one's name, as `git
                // describe` prints them: what was built is not that release.
                if parts.peek().is_some_and(|next| is_described_commit(next)) {
                    return Err(InvalidVersion);
                }
                may_count = self.count(number(part).ok_or(InvalidVersion)?);
            } else if let Some(pre_release) = PreRelease::read(part)? {
                if self.pre_release.is_some() {
                    return Err(InvalidVersion);
                }
                self.pre_release = Some(pre_release);
                may_count = true;
            } else {
                may_count = false;
            }
        }
        Ok(())
    }

    /// Takes a number of its own part, and returns whether another one may follow.
    fn count(&mut self, number: u64) -> bool {
        match &mut self.pre_release {
            None => {
                self.correction = Some(number);
                false
            }
            Some(pre_release) if pre_release.number.is_none() => {
                pre_release.number = Some(number);
                pre_release.separator = Separator::Hyphen;
                true
            }
            Some(pre_release) => {
                pre_release.correction = Some(number);
                false
            }
        }
    }
}

impl PreRelease {
    /// Reads `beta`, `beta.3` and `beta3`; none where the part names a variant.
    /// What begins as a pre-release and goes on otherwise is neither.
    fn read(part: &str) -> Result<Option<Self>, InvalidVersion> {
        let end = part.find(|it: char| !it.is_ascii_alphabetic());
        let (name, rest) = part.split_at(end.unwrap_or(part.len()));
        let named = |stage: &Stage| name.eq_ignore_ascii_case(stage.name());
        let Some(stage) = Stage::ALL.into_iter().find(named) else {
            return Ok(None);
        };
        let (separator, digits) = match rest.strip_prefix('.') {
            Some(digits) => (Separator::Dot, digits),
            None => (Separator::Nothing, rest),
        };
        let number = if rest.is_empty() {
            None
        } else {
            Some(number(digits).ok_or(InvalidVersion)?)
        };
        Ok(Some(Self {
            stage,
            number,
            correction: None,
            separator,
        }))
    }
}

/// Without the name and the commit that `openclaw --version` prints.
fn without_name_and_commit(text: &str) -> &str {
    const NAME: &str = "openclaw ";
    let text = match text.split_at_checked(NAME.len()) {
        Some((name, rest)) if name.eq_ignore_ascii_case(NAME) => rest.trim_start(),
        _ => text,
    };
    let commit = |commit: &str| commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match text
        .strip_suffix(')')
        .and_then(|text| text.split_once(" ("))
    {
        Some((version, inside)) if commit(inside) => version,
        _ => text,
    }
}

fn is_suffix(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed) && text.split('-').all(|part| !part.is_empty())
}

fn is_described_commit(part: &str) -> bool {
    part.strip_prefix('g').is_some_and(|commit| {
        commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Digits without a leading zero: OpenClaw writes none, so that `2026.04.11` is
/// a date. `FromStr` alone would also take a sign.
fn number<N: FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text == "0" || !text.starts_with('0');
    (digits && plain).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "version_tests.rs"]
mod tests;
