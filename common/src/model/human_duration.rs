//! Durations, formatted as Docker formats them.

use std::time::Duration;

/// A time in the words of Docker's `units.HumanDuration`, by its rules: `2 days`,
/// `About a minute`.
pub fn human_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    // Docker rounds hours, and cuts everything else.
    let hours = seconds.saturating_add(30 * 60) / (60 * 60);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., ..48) => format!("{hours} hours"),
        (.., ..336) => format!("{} days", hours / 24),
        (.., ..1440) => format!("{} weeks", hours / 24 / 7),
        (.., ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / (60 * 60) / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_dockers_words() {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        // The table of Docker's own test, and the edges between its rules.
        let rows = [
            (450, "Less than a second"),
            (999, "Less than a second"),
            (1_000, "1 second"),
            (1_999, "1 second"),
            (45_000, "45 seconds"),
            (59_999, "59 seconds"),
            (46 * MINUTE * 1000, "46 minutes"),
            (60_000, "About a minute"),
            (119_000, "About a minute"),
            (3 * MINUTE * 1000, "3 minutes"),
            (35 * MINUTE * 1000, "35 minutes"),
            (35 * MINUTE * 1000 + 40_000, "35 minutes"),
            ((HOUR - 1) * 1000, "59 minutes"),
            (HOUR * 1000, "About an hour"),
            ((HOUR + 29 * MINUTE) * 1000, "About an hour"),
            ((HOUR + 30 * MINUTE) * 1000, "2 hours"),
            ((HOUR + 45 * MINUTE) * 1000, "2 hours"),
            (3 * HOUR * 1000, "3 hours"),
            ((3 * HOUR + 59 * MINUTE) * 1000, "4 hours"),
            (24 * HOUR * 1000, "24 hours"),
            (36 * HOUR * 1000, "36 hours"),
            (47 * HOUR * 1000, "47 hours"),
            (2 * DAY * 1000, "2 days"),
            (3 * DAY * 1000 + 10 * HOUR * 1000, "3 days"),
            ((14 * DAY - HOUR) * 1000, "13 days"),
            (14 * DAY * 1000, "2 weeks"),
            (15 * DAY * 1000, "2 weeks"),
            (59 * DAY * 1000, "8 weeks"),
            (60 * DAY * 1000, "2 months"),
            (90 * DAY * 1000, "3 months"),
            (400 * DAY * 1000, "13 months"),
            (729 * DAY * 1000, "24 months"),
            (730 * DAY * 1000, "2 years"),
            (1095 * DAY * 1000, "3 years"),
        ];
        for (milliseconds, words) in rows {
            let duration = Duration::from_millis(milliseconds);
            assert_eq!(human_duration(duration), words, "{milliseconds} ms");
        }
    }
}
