//! How long an agent has been up.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// The time since an agent's start, shown as its two largest units: `2d 5h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uptime(Duration);

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

impl Uptime {
    /// Reads what an agent calls its uptime: a number, a number as text, or a
    /// text with units (`2d 5h`, `90 min`).
    ///
    /// A bare number is seconds, as the platform's wrapper sends it. One that
    /// would be more than a year of seconds is milliseconds: no agent stays up
    /// for a year, and a year of seconds in milliseconds is under nine hours. A
    /// value that is negative, not finite or longer than a century is not an
    /// uptime.
    pub fn from_reported(reported: &Value) -> Option<Self> {
        match reported {
            Value::Number(number) => Self::from_number(number.as_f64()?),
            Value::String(text) if text.len() <= 64 => match text.trim().parse::<f64>() {
                Ok(number) => Self::from_number(number),
                Err(_) => humantime::parse_duration(text)
                    .ok()
                    .and_then(Self::from_duration),
            },
            _ => None,
        }
    }

    /// Reads a number of milliseconds, as in the field `uptimeMs`.
    pub fn from_milliseconds(reported: &Value) -> Option<Self> {
        Self::from_seconds(reported.as_f64()? / 1000.0)
    }

    /// A time that needs no reading.
    pub fn of(duration: Duration) -> Self {
        Self(duration)
    }

    /// The time itself.
    pub fn duration(self) -> Duration {
        self.0
    }

    fn from_number(number: f64) -> Option<Self> {
        const YEAR_OF_SECONDS: f64 = YEAR as f64;
        Self::from_seconds(if number > YEAR_OF_SECONDS {
            number / 1000.0
        } else {
            number
        })
    }

    fn from_seconds(seconds: f64) -> Option<Self> {
        Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(Self::from_duration)
    }

    fn from_duration(duration: Duration) -> Option<Self> {
        (duration.as_secs() <= 100 * YEAR).then_some(Self(duration))
    }
}

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if seconds >= DAY {
            write!(f, "{}d {}h", seconds / DAY, seconds % DAY / HOUR)
        } else if seconds >= HOUR {
            write!(f, "{}h {}m", seconds / HOUR, seconds % HOUR / MINUTE)
        } else if seconds >= MINUTE {
            write!(f, "{}m {}s", seconds / MINUTE, seconds % MINUTE)
        } else {
            write!(f, "{seconds}s")
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn shown(reported: &Value) -> Option<String> {
        Uptime::from_reported(reported).map(|uptime| uptime.to_string())
    }

    #[test]
    fn seconds_milliseconds_and_texts_leave_as_the_two_largest_units() {
        let rows = [
            (json!(0), "0s"),
            (json!(59.9), "59s"),
            (json!(61), "1m 1s"),
            (json!(3_600), "1h 0m"),
            (json!(190_800), "2d 5h"),
            (json!(190_800.25), "2d 5h"),
            (json!(190_800_000), "2d 5h"),
            (json!("190800"), "2d 5h"),
            (json!("190800.5"), "2d 5h"),
            (json!("2d 5h"), "2d 5h"),
            (json!("2days 5h 10m"), "2d 5h"),
            (json!("53h"), "2d 5h"),
            (json!("190800s"), "2d 5h"),
            (json!("190800000ms"), "2d 5h"),
            (json!(31_536_000), "365d 0h"),
        ];
        for (reported, text) in rows {
            assert_eq!(shown(&reported).as_deref(), Some(text), "{reported}");
        }
    }

    #[test]
    fn what_is_no_uptime_is_left_out() {
        for reported in [
            json!(null),
            json!(true),
            json!(-1),
            json!(1e300),
            json!(4e12),
            json!(""),
            json!("soon"),
            json!("NaN"),
            json!("inf"),
            json!("-5"),
            json!([1]),
            json!({"seconds": 1}),
            json!("9".repeat(65)),
        ] {
            assert_eq!(shown(&reported), None, "{reported}");
        }
    }

    #[test]
    fn the_field_in_milliseconds_is_never_taken_for_seconds() {
        let uptime = Uptime::from_milliseconds(&json!(309_347));
        assert_eq!(uptime.unwrap().to_string(), "5m 9s");
        assert_eq!(Uptime::from_milliseconds(&json!("309347")), None);
    }

    proptest! {
        #[test]
        fn no_reported_text_or_number_makes_it_panic(text in ".{0,70}", number: f64) {
            let _ = Uptime::from_reported(&json!(text));
            let _ = Uptime::from_reported(&json!(number));
            let _ = Uptime::from_milliseconds(&json!(number));
        }
    }
}
