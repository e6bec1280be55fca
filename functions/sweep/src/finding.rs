//! A probe's report in the words of the state machine.

use common::probe::{ProbeReport, Status};
use common::watch::{Finding, Symptom, Trouble};

/// What a report means.
pub(crate) fn found(report: ProbeReport) -> Finding {
    let symptom = match report.status {
        Status::Running | Status::Healthy => return Finding::Well,
        Status::Setup => return Finding::Setup,
        Status::Starting => Symptom::NotReady,
        Status::Stopped => Symptom::ProcessStopped,
        Status::Unknown => Symptom::Inconclusive,
        Status::Unreachable => Symptom::Unreachable,
    };
    Finding::Failing(Trouble {
        symptom,
        reason: report.reason.unwrap_or_default(),
    })
}
