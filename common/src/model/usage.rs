//! Resource usage of a container, formatted as `docker stats` formats it.

use std::fmt;

use jiff::Timestamp;

/// What a container uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// When the newest figure was measured.
    pub measured_at: Timestamp,
    /// How many virtual CPUs are busy.
    pub vcpus: f64,
    /// The memory that is in use.
    pub memory: Bytes,
    /// The memory limit, if it is known.
    pub memory_limit: Option<Bytes>,
    /// What came in over the network.
    pub received: Bytes,
    /// What went out over the network.
    pub sent: Bytes,
    /// Whether it has a volume.
    pub has_volume: bool,
}

impl Usage {
    /// How busy the CPU is, where 100 % is one virtual CPU, as Docker has it.
    pub fn cpu_percent(&self) -> Percent {
        Percent(self.vcpus * 100.0)
    }

    /// The share of memory in use; `None` without a limit.
    pub fn memory_percent(&self) -> Option<Percent> {
        let limit = self.memory_limit.filter(|limit| limit.0 > 0.0)?;
        Some(Percent(self.memory.0 / limit.0 * 100.0))
    }
}

/// A share, with two digits behind the point: `0.15%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0)
    }
}

/// A number of bytes, which need not be whole: measurements are averages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bytes(f64);

impl Bytes {
    /// Gigabytes as memory has them: 2 are `2GiB`.
    pub fn of_binary_gb(gigabytes: f64) -> Self {
        Self(gigabytes * 1024.0 * 1024.0 * 1024.0)
    }

    /// Gigabytes as networks have them: a thousand million bytes.
    pub fn of_decimal_gb(gigabytes: f64) -> Self {
        Self(gigabytes * 1e9)
    }

    /// In powers of 1024 with four digits, as Docker shows memory: `128MiB`.
    pub fn binary(self) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        shown(self.0, 1024.0, 4, units)
    }

    /// In powers of 1000 with three digits, as Docker shows traffic: `1.2kB`.
    pub fn decimal(self) -> String {
        let units = ["B", "kB", "MB", "GB", "TB", "PB"];
        shown(self.0, 1000.0, 3, units)
    }

    /// Whole mebibytes under the name that the contract has for them: `128MB`.
    pub fn whole_megabytes(self) -> String {
        format!("{:.0}MB", self.0 / 1024.0 / 1024.0)
    }
}

/// A size in the largest unit that it reaches, with so many significant digits
/// and no zeros at the end.
fn shown(bytes: f64, base: f64, digits: usize, units: [&str; 6]) -> String {
    let mut value = bytes;
    let mut units = units.into_iter().peekable();
    while let Some(unit) = units.next() {
        let text = significant(value, digits);
        // 999.9 kB with three digits are 1 MB. Docker writes 1e+03kB there.
        let reaches_next = text.parse::<f64>().is_ok_and(|rounded| rounded >= base);
        if !reaches_next || units.peek().is_none() {
            return format!("{text}{unit}");
        }
        value /= base;
    }
    String::new()
}

fn significant(value: f64, digits: usize) -> String {
    let before_point = if value < 1.0 {
        1
    } else {
        value.log10() as usize + 1
    };
    let text = format!("{value:.*}", digits.saturating_sub(before_point));
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shown_in_powers_of_1024() {
        let rows = [
            (0.0, "0B"),
            (1.0, "1B"),
            (1023.0, "1023B"),
            (1024.0, "1KiB"),
            (1536.0, "1.5KiB"),
            (128.0 * 1024.0 * 1024.0, "128MiB"),
            (1_048_575.0, "1MiB"),
            (123_456_789.0, "117.7MiB"),
            (2.0 * 1024.0 * 1024.0 * 1024.0, "2GiB"),
            (1e30, "888178419700125PiB"),
        ];
        for (bytes, text) in rows {
            assert_eq!(Bytes(bytes).binary(), text);
        }
    }

    #[test]
    fn traffic_is_shown_in_powers_of_1000() {
        let rows = [
            (0.0, "0B"),
            (0.4, "0.4B"),
            (999.0, "999B"),
            (1200.0, "1.2kB"),
            (3400.0, "3.4kB"),
            (123_456.0, "123kB"),
            (999_900.0, "1MB"),
            (5_250_000_000.0, "5.25GB"),
        ];
        for (bytes, text) in rows {
            assert_eq!(Bytes(bytes).decimal(), text);
        }
    }

    #[test]
    fn the_example_of_the_spec_is_shown() {
        let usage = Usage {
            measured_at: Timestamp::UNIX_EPOCH,
            vcpus: 0.0015,
            memory: Bytes::of_binary_gb(0.125),
            memory_limit: Some(Bytes::of_binary_gb(2.0)),
            received: Bytes::of_decimal_gb(0.000_001_2),
            sent: Bytes::of_decimal_gb(0.000_003_4),
            has_volume: false,
        };
        assert_eq!(usage.cpu_percent().to_string(), "0.15%");
        assert_eq!(usage.memory.binary(), "128MiB");
        assert_eq!(usage.memory.whole_megabytes(), "128MB");
        assert_eq!(usage.memory_limit.unwrap().binary(), "2GiB");
        assert_eq!(usage.memory_percent().unwrap().to_string(), "6.25%");
        assert_eq!(usage.received.decimal(), "1.2kB");
        assert_eq!(usage.sent.decimal(), "3.4kB");
    }

    #[test]
    fn without_a_limit_there_is_no_share() {
        for limit in [None, Some(Bytes(0.0))] {
            let usage = Usage {
                measured_at: Timestamp::UNIX_EPOCH,
                vcpus: 0.0,
                memory: Bytes(1.0),
                memory_limit: limit,
                received: Bytes(0.0),
                sent: Bytes(0.0),
                has_volume: false,
            };
            assert_eq!(usage.memory_percent(), None);
        }
    }
}
