//! Figures of a process that Linux reports.

use crate::failed::Failed;

/// How long a process, with all of its threads, was on the processor.
pub(crate) fn cpu_seconds(pid: &str) -> Result<f64, Failed> {
    /// Linux tells this in hundredths of a second on every machine.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may have spaces in it.
    let fields = stat
        .rsplit_once(')')
        .ok_or("an odd /proc")?
        .1
        .split_whitespace();
    let ticks: Result<Vec<f64>, _> = fields.skip(11).take(2).map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS)
}

/// The most memory that a process ever held.
pub(crate) fn peak_mib(pid: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .ok_or("an odd /proc")?
        .trim()
        .trim_end_matches(" kB")
        .parse()?;
    Ok(kib / 1024.0)
}
