use proptest::prelude::*;

use super::*;

fn version(text: &str) -> OpenclawVersion {
    text.parse()
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn every_form_of_a_version_is_what_it_says() {
    for (reported, shown) in [
        ("2026.5.2", "2026.5.2"),
        ("v2026.5.2", "2026.5.2"),
        ("V2026.5.2", "2026.5.2"),
        (" 2026.5.2\n", "2026.5.2"),
        ("OpenClaw 2026.5.6 (c97b9f7)", "2026.5.6"),
        ("openclaw v2026.5.6", "2026.5.6"),
        ("OpenClaw 2026.6.1-beta.3 (c97b9f7)", "2026.6.1-beta.3"),
        ("2026.5.6 (c97b9f7)", "2026.5.6"),
        ("2026.5.6+c97b9f7", "2026.5.6"),
        ("2026.6.1-beta.3+build.5", "2026.6.1-beta.3"),
        // Corrections.
        ("2026.2.3-1", "2026.2.3-1"),
        ("2026.2.3-1-arm64", "2026.2.3-1"),
        ("v2026.7.1-2-slim-amd64", "2026.7.1-2"),
        // Pre-releases.
        ("2026.6.1-beta.3", "2026.6.1-beta.3"),
        ("2026.6.1-beta.3-amd64", "2026.6.1-beta.3"),
        ("2026.6.1-beta.3-slim-amd64", "2026.6.1-beta.3"),
        ("2026.6.1-slim-beta.3", "2026.6.1-beta.3"),
        ("2026.6.1-beta", "2026.6.1-beta"),
        ("2026.6.1-beta-3", "2026.6.1-beta-3"),
        ("2026.6.1-rc1", "2026.6.1-rc1"),
        ("2026.6.1-RC.2", "2026.6.1-rc.2"),
        ("2026.6.1-alpha", "2026.6.1-alpha"),
        ("2026.6.1-nightly.20260601", "2026.6.1-nightly.20260601"),
        ("2026.6.1-canary.4-arm64", "2026.6.1-canary.4"),
        ("2026.6.1-dev", "2026.6.1-dev"),
        ("2026.6.1-preview.1", "2026.6.1-preview.1"),
        ("2026.2.3-1-beta.2", "2026.2.3-1-beta.2"),
        ("2026.6.1-beta.3-1-amd64", "2026.6.1-beta.3-1"),
        // Variants of one build.
        ("2026.5.2-slim", "2026.5.2"),
        ("2026.5.2-linux-amd64", "2026.5.2"),
        ("2026.9.6-browser", "2026.9.6"),
        ("2026.5.2-alpine3.20", "2026.5.2"),
        ("2026.5.2-debian-12-r3", "2026.5.2"),
        ("2026.5.2-sha-1a2b3c4", "2026.5.2"),
        ("2026.9.6-release-0f1e2d3c", "2026.9.6"),
        // OpenClaw's extended line.
        ("2026.7.35", "2026.7.35"),
    ] {
        assert_eq!(version(reported).to_string(), shown, "{reported:?}");
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
        "v2026.9.2.0",
        "2026.4.x",
        "2026..11",
        "2026.4.11-",
        "2026.4.11--1",
        "2026.4.11- 1",
        "+2026.4.11",
        "-1.2.3",
        "vv2026.4.11",
        "99999999999.1.1",
        "<b>2026.4.11</b>",
        "sha-1a2b3c4",
        "20261125",
        "2026-11-25",
        "2026.04.11",
        "2026.4.11-01",
        "2026.4.11-99999999999999999999",
        "2026.4.11-beta.x",
        "2026.4.11-beta.1.2",
        "2026.4.11-beta.1-rc.2",
        "2026.4.11rc1",
        "2026.4.11+",
        "v2026.6.1-14-g1a2b3c4d",
        "OpenClaw",
        "OpenClaw 2026.5.6 (c97b9f7) and more",
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
        "2026.4.11-dev.9",
        "2026.4.11-nightly.20260401",
        "2026.4.11-alpha.1",
        "2026.4.11-beta",
        "2026.4.11-beta.2",
        "2026.4.11-beta3",
        "2026.4.11-beta.10",
        "2026.4.11-beta.10-1",
        "2026.4.11-rc.1",
        "2026.4.11-rc2",
        "2026.4.11",
        "2026.4.11-1-beta.1",
        "2026.4.11-1",
        "2026.4.11-2",
        "2026.4.11-10",
        "2026.4.12-beta.1",
        "2026.4.12",
        "2026.10.1",
    ]
    .map(version);
    assert!(ascending.is_sorted_by(|a, b| a < b), "{ascending:?}");
}

const STAGES: [&str; 6] = ["alpha", "beta", "rc", "nightly", "canary", "preview"];
const VARIANTS: [&str; 6] = [
    "",
    "-slim",
    "-amd64",
    "-slim-arm64",
    "-browser",
    "-debian-12",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,140}") {
        let _ = text.parse::<OpenclawVersion>();
    }

    #[test]
    fn whatever_is_read_is_read_back_from_what_is_shown(
        text in "(v|OpenClaw )?[0-9]{1,4}\\.[0-9]{1,2}\\.[0-9]{1,2}([-.+](alpha|beta|rc|slim|amd64|g1a2b3c4|[0-9]{1,3})([-.]?[0-9]{1,3})?){0,4}",
    ) {
        if let Ok(version) = text.parse::<OpenclawVersion>() {
            prop_assert_eq!(version.to_string().parse(), Ok(version));
        }
    }

    #[test]
    fn a_pre_release_and_a_correction_survive_any_variant(
        numbers in prop::array::uniform3(0u32..3000),
        stage in prop::sample::select(&STAGES[..]),
        separator in prop::sample::select(&["", ".", "-"][..]),
        number in 0u64..1_000_000,
        variant in prop::sample::select(&VARIANTS[..]),
    ) {
        let [year, month, release] = numbers;
        let release = format!("{year}.{month}.{release}");
        let pre_release = format!("{release}-{stage}{separator}{number}");
        let correction = format!("{release}-{number}");
        for build in [&release, &pre_release, &correction] {
            prop_assert_eq!(&version(&format!("{build}{variant}")).to_string(), build);
        }
        prop_assert!(version(&pre_release) < version(&release));
        prop_assert!(version(&release) < version(&correction));
    }

    #[test]
    fn order_agrees_with_numbers(
        one in prop::array::uniform4(0u32..40),
        other in prop::array::uniform4(0u32..40),
        suffix in prop::sample::select(&["-", "-beta.", "-rc"][..]),
    ) {
        let text = |[year, month, release, last]: [u32; 4]| format!("{year}.{month}.{release}{suffix}{last}");
        prop_assert_eq!(version(&text(one)).cmp(&version(&text(other))), one.cmp(&other));
    }
}
