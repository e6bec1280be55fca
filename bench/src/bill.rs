//! What a minute's sweep costs in a month: a sum over public prices.
//!
//! The prices are those of us-east-1 without free tiers, as they were known in
//! November 2025. Check them before you rely on the sum.

/// Dollars for a gigabyte-second of Lambda on arm64.
const GB_SECOND: f64 = 0.000_013_333_4;
/// Dollars for an invocation.
const INVOCATION: f64 = 0.20 / 1e6;
/// Dollars for a write request unit, on demand: 1 KB.
const WRITE: f64 = 0.625 / 1e6;
/// Dollars for a read request unit, on demand: 4 KB, or 8 KB that may be a
/// moment old, as a sweep reads them.
const READ: f64 = 0.125 / 1e6;
/// Lambda gives a whole processor to so many megabytes, and to others their
/// share of it.
const MB_OF_A_PROCESSOR: f64 = 1769.0;

const HOURS: f64 = 730.0;
const SWEEPS: f64 = 60.0 * HOURS;

/// What a sweep of a fleet was seen to need.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    pub(crate) agents: f64,
    /// On a whole processor, for all agents.
    pub(crate) cpu_seconds: f64,
    /// What the sweep would take however fast the processor were: agents that
    /// hang.
    pub(crate) waiting_seconds: f64,
    /// What DynamoDB counted.
    pub(crate) capacity: Capacity,
}

/// What DynamoDB counts for an agent.
#[derive(Clone, Copy)]
pub(crate) struct Capacity {
    /// Read request units in each sweep.
    pub(crate) reads_per_sweep: f64,
    /// Write request units in an hour.
    pub(crate) writes_per_hour: f64,
}

/// What it costs, in dollars for an agent and a month.
#[derive(Clone, Copy)]
pub(crate) struct Bill {
    /// How long a sweep takes.
    pub(crate) sweep_seconds: f64,
    pub(crate) lambda: f64,
    pub(crate) reads: f64,
    pub(crate) writes: f64,
}

impl Bill {
    /// The bill on a function with so much memory.
    pub(crate) fn of(need: &Need, memory_mb: f64) -> Self {
        let computing = need.cpu_seconds * MB_OF_A_PROCESSOR / memory_mb;
        // One thread uses no more than one processor.
        let computing = computing.max(need.cpu_seconds);
        let sweep_seconds = computing.max(need.waiting_seconds);
        let gb_seconds = sweep_seconds * memory_mb / 1024.0;
        Self {
            sweep_seconds,
            lambda: SWEEPS * (gb_seconds * GB_SECOND + INVOCATION) / need.agents,
            reads: SWEEPS * need.capacity.reads_per_sweep * READ,
            writes: HOURS * need.capacity.writes_per_hour * WRITE,
        }
    }

    pub(crate) fn total(&self) -> f64 {
        self.lambda + self.reads + self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEED: Need = Need {
        agents: 10_000.0,
        cpu_seconds: 10.0,
        waiting_seconds: 15.0,
        capacity: Capacity {
            reads_per_sweep: 1.0,
            writes_per_hour: 4.0,
        },
    };

    fn close(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    }

    #[test]
    fn a_sum_by_hand_is_the_same() {
        let bill = Bill::of(&NEED, 1769.0);
        // Waiting is longer than computing; 43800 sweeps a month.
        close(bill.sweep_seconds, 15.0);
        let gb_seconds = 15.0 * 1769.0 / 1024.0;
        close(
            bill.lambda,
            (43_800.0 * gb_seconds * 0.000_013_333_4 + 0.00876) / 10_000.0,
        );
        close(bill.reads, 0.005_475);
        close(bill.writes, 0.001_825);
        close(bill.total(), bill.lambda + 0.0073);
    }

    #[test]
    fn less_memory_takes_longer_and_more_than_one_processor_is_wasted() {
        close(Bill::of(&NEED, 442.25).sweep_seconds, 40.0);
        assert!(Bill::of(&NEED, 3538.0).lambda > Bill::of(&NEED, 1769.0).lambda * 1.9);
        // While computing is what takes the time, memory makes no difference.
        close(
            Bill::of(&NEED, 442.25).lambda,
            Bill::of(&NEED, 884.5).lambda,
        );
    }
}
