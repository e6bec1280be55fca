//! A probe's report in the words of the state machine.

use common::probe::{ProbeReport, Status};
use common::watch::{Found, Symptom, Trouble};

/// What a report means.
pub(crate) fn found(report: ProbeReport) -> Found {
    let symptom = match report.status {
        Status::Running | Status::Healthy => return Found::Well,
        Status::Setup => return Found::Setup,
        Status::Starting => Symptom::NotReady,
        Status::Stopped => Symptom::ProcessStopped,
        Status::Unknown => Symptom::Inconclusive,
        Status::Unreachable => Symptom::Unreachable,
    };
    Found::Failing(Trouble {
        symptom,
        reason: report.reason.unwrap_or_default(),
    })
}
