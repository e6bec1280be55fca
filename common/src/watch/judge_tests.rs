use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::watch::Symptom;

#[path = "judge_property_tests.rs"]
mod properties;

const MINUTE: i64 = 60;

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-04-04T03:00:00Z".parse().unwrap();
    start + SignedDuration::from_secs(second)
}

fn agent() -> InstanceId {
    "agent".parse().unwrap()
}

/// Without heartbeats, so that every write is of a change.
fn policy() -> Policy {
    Policy {
        heartbeat: SignedDuration::from_hours(1_000_000),
        ..Policy::default()
    }
}

fn failing() -> Finding {
    Finding::Failing(Trouble {
        symptom: Symptom::Unreachable,
        reason: "No probe succeeded".to_owned(),
    })
}

fn degraded(causes: &[&str]) -> Finding {
    Finding::Degraded(causes.iter().map(|&cause| cause.to_owned()).collect())
}

fn draining() -> Finding {
    Finding::Draining(Trouble {
        symptom: Symptom::NotReady,
        reason: "The gateway is draining".to_owned(),
    })
}

fn sighting(second: i64, finding: Finding) -> Sighting {
    Sighting {
        scheduled_at: at(second),
        at: at(second),
        finding,
        deployed_at: None,
        deploying: false,
    }
}

/// What sightings make of an agent that nobody has seen before, a minute apart:
/// `w`ell, `d`egraded, `f`ailing, d`r`aining, `u`nconfigured, `s`topped, `z` asleep. Each becomes the
/// first letter of the condition, in capitals where it was written.
fn course(sightings: &str) -> String {
    let mut state: Option<AgentState> = None;
    let mut course = String::new();
    for (minute, letter) in (1..).zip(sightings.chars()) {
        let found = match letter {
            'w' => Finding::Well,
            'd' => degraded(&["telegram"]),
            'f' => failing(),
            'r' => draining(),
            'u' => Finding::Setup,
            's' => Finding::Stopped,
            'z' => Finding::Sleeping,
            other => panic!("no sighting {other}"),
        };
        let sighting = sighting(minute * MINUTE, found);
        let judgement = judge(&agent(), state.as_ref(), &sighting, &policy()).unwrap();
        let word = match judgement.next.condition {
            Condition::Up => 'u',
            Condition::Starting => 's',
            Condition::Down => 'd',
            Condition::Setup => 'c',
            Condition::Stopped => 'o',
            Condition::Sleeping => 'z',
        };
        course.push(if judgement.write {
            word.to_ascii_uppercase()
        } else {
            word
        });
        // What is not written, the next sweep does not know.
        if judgement.write {
            state = Some(judgement.next);
        }
    }
    course
}

#[test]
fn courses_of_agents() {
    for (sightings, expected) in [
        // Steady ones are written once.
        ("wwww", "Uuuu"),
        ("ffffff", "SSDddd"),
        ("uuu", "Ccc"),
        ("sss", "Ooo"),
        ("zzz", "Zzz"),
        // Three failures in a row, and two successes.
        ("wfffff", "UUUDdd"),
        ("wfwfwffwww", "UUUUUUUUuu"),
        ("wfffwfwww", "UUUDDDDUu"),
        // What Railway says outright ends a streak, and starts a new life.
        ("wffzffw", "UUUZSSU"),
        ("wfffzw", "UUUDZU"),
        ("wsfw", "UOSU"),
        ("wzfffw", "UZSSDD"),
        ("uw", "CU"),
        // On its way up one success is enough: it was not down.
        ("ffwffw", "SSUUUU"),
        // Three sightings in a row degrade it, and two end that.
        ("wddddwww", "UUUUuUUu"),
        ("dddd", "UUUu"),
        ("wddwddww", "UUUUUUUu"),
        ("dddwdwdd", "UUUUUUUu"),
        ("dddfffdddd", "UUUUUDDUUU"),
        // A drain is no failure for 315 seconds, and hides none.
        ("wrrrww", "UUuuUu"),
        ("rrrw", "SssU"),
        ("wrrrrrrrrrr", "UUuuuuuUUDd"),
        ("wffrf", "UUUUD"),
        ("wfffrww", "UUUDDDU"),
        ("zru", "ZSC"),
    ] {
        assert_eq!(course(sightings), expected, "{sightings}");
    }
}

#[test]
fn a_condition_began_with_the_first_sighting_that_said_so() {
    let mut state = None;
    let mut transitions = Vec::new();
    for (minute, found) in (0..).zip([
        Finding::Well,
        failing(),
        failing(),
        failing(),
        Finding::Well,
        Finding::Well,
    ]) {
        let sighting = sighting(minute * MINUTE, found);
        let judgement = judge(&agent(), state.as_ref(), &sighting, &policy()).unwrap();
        transitions.extend(judgement.transition);
        state = Some(judgement.next);
    }
    let told: Vec<_> = transitions
        .iter()
        .map(|it| (it.from, it.from_since, it.to, it.since, it.scheduled_at))
        .collect();
    assert_eq!(
        told,
        [
            (None, None, Condition::Up, at(0), at(0)),
            (
                Some(Condition::Up),
                Some(at(0)),
                Condition::Down,
                at(60),
                at(180)
            ),
            (
                Some(Condition::Down),
                Some(at(60)),
                Condition::Up,
                at(240),
                at(300)
            ),
        ]
    );
    assert_eq!(
        transitions[1].trouble.as_ref().unwrap().reason,
        "No probe succeeded"
    );
    assert_eq!(transitions[2].trouble, None);
}

/// A state that has lasted since a second.
fn since(condition: Condition, second: i64) -> AgentState {
    AgentState {
        condition,
        since: at(second),
        trouble: None,
        streak: None,
        degraded: Degraded::default(),
        draining_since: None,
        scheduled_at: at(second),
        seen_at: at(second),
        expected_by: at(1_000_000),
    }
}

#[test]
fn failures_after_a_deployment_do_not_count() {
    // Condition, since when, deployed when, deploying; the condition of a
    // failing agent at second 1000 and whether the failure counts.
    let rows = [
        (
            Condition::Up,
            0,
            Some(900),
            false,
            Condition::Starting,
            false,
        ),
        (
            Condition::Down,
            0,
            Some(900),
            false,
            Condition::Starting,
            false,
        ),
        (
            Condition::Stopped,
            0,
            Some(900),
            false,
            Condition::Starting,
            false,
        ),
        (
            Condition::Sleeping,
            950,
            Some(900),
            false,
            Condition::Starting,
            false,
        ),
        (
            Condition::Starting,
            910,
            Some(900),
            false,
            Condition::Starting,
            false,
        ),
        // It had come up already.
        (Condition::Up, 950, Some(900), false, Condition::Up, false),
        // The grace is over, unless the deployment is on its way still.
        (
            Condition::Starting,
            810,
            Some(820),
            false,
            Condition::Starting,
            true,
        ),
        (Condition::Up, 0, Some(820), false, Condition::Up, true),
        (
            Condition::Starting,
            0,
            Some(0),
            true,
            Condition::Starting,
            false,
        ),
        (Condition::Up, 0, None, false, Condition::Up, true),
    ];
    for (condition, began, deployed, deploying, expected, counts) in rows {
        let previous = since(condition, began);
        let sighting = Sighting {
            deployed_at: deployed.map(at),
            deploying,
            ..sighting(1000, failing())
        };
        let next = judge(&agent(), Some(&previous), &sighting, &policy())
            .unwrap()
            .next;
        let case = (condition, began, deployed, deploying);
        assert_eq!(next.condition, expected, "{case:?}");
        assert_eq!(next.streak.is_some(), counts, "{case:?}");
    }
}

#[test]
fn a_long_silence_is_a_gap_and_ends_a_streak() {
    let policy = Policy::default();
    let mut previous = since(Condition::Up, 0);
    previous.expected_by = policy.expected_by(previous.seen_at);
    previous.streak = Some(Streak {
        of: StreakOf::Failures,
        count: 2,
        since: at(0),
    });
    let late = previous.expected_by + SignedDuration::from_secs(1);
    let sighting = Sighting {
        scheduled_at: late,
        at: late,
        ..sighting(0, failing())
    };
    let judgement = judge(&agent(), Some(&previous), &sighting, &policy).unwrap();
    let gap = Gap {
        from: at(0),
        until: late,
    };
    assert_eq!(judgement.gap, Some(gap));
    assert_eq!(judgement.next.condition, Condition::Up);
    assert_eq!(judgement.next.streak.map(|streak| streak.count), Some(1));
}

#[test]
fn an_unchanged_state_is_written_once_a_heartbeat() {
    let policy = Policy::default();
    let mut state = since(Condition::Up, 0);
    let mut writes = 0;
    for minute in 1..=150 {
        let sighting = sighting(minute * MINUTE, Finding::Well);
        let judgement = judge(&agent(), Some(&state), &sighting, &policy).unwrap();
        if judgement.write {
            writes += 1;
            state = judgement.next;
        }
    }
    assert_eq!(writes, 10);
}

/// The causes on record after each sighting, a minute apart, and the transitions.
fn degradations(findings: &[Finding]) -> (Vec<Vec<String>>, Vec<Transition>) {
    let mut state: Option<AgentState> = None;
    let (mut causes, mut transitions) = (Vec::new(), Vec::new());
    for (minute, finding) in (0..).zip(findings) {
        let sighting = sighting(minute * MINUTE, finding.clone());
        let judgement = judge(&agent(), state.as_ref(), &sighting, &policy()).unwrap();
        causes.push(judgement.next.degraded.causes.clone());
        transitions.extend(judgement.transition);
        state = Some(judgement.next);
    }
    (causes, transitions)
}

#[test]
fn each_cause_has_a_streak_of_its_own() {
    let (telegram, both) = (degraded(&["telegram"]), degraded(&["discord", "telegram"]));
    // The other one flaps, and keeps nothing back.
    let (causes, transitions) = degradations(&[
        both.clone(),
        telegram.clone(),
        both.clone(),
        both.clone(),
        both,
        telegram.clone(),
        telegram,
        Finding::Well,
        Finding::Well,
    ]);
    let counts: Vec<_> = causes.iter().map(|causes| causes.join(" ")).collect();
    let (one, two) = ("telegram", "discord telegram");
    assert_eq!(counts, ["", "", one, one, two, two, one, one, ""]);
    let told: Vec<_> = transitions
        .iter()
        .map(|it| {
            let causes = (it.degraded_from.join(" "), it.degraded.join(" "));
            (it.from, it.from_since, it.to, it.since, causes)
        })
        .collect();
    let up = Some(Condition::Up);
    let row = |from_since: Option<i64>, since: i64, from: &str, to: &str| {
        let causes = (from.to_owned(), to.to_owned());
        let before = from_since.and(up);
        (before, from_since.map(at), Condition::Up, at(since), causes)
    };
    assert_eq!(
        told,
        [
            row(None, 0, "", ""),
            row(Some(0), 0, "", one),
            row(Some(0), 2 * MINUTE, one, two),
            row(Some(0), 5 * MINUTE, two, one),
            row(Some(0), 7 * MINUTE, one, ""),
        ]
    );
}

#[test]
fn a_degradation_lasts_through_a_drain_and_single_failures_and_ends_with_being_up() {
    let telegram = degraded(&["telegram"]);
    let degraded = [telegram.clone(), telegram.clone(), telegram];
    for (then, remains) in [
        (draining(), true),
        (failing(), true),
        (Finding::Setup, false),
        (Finding::Stopped, false),
        (Finding::Sleeping, false),
    ] {
        let findings: Vec<_> = degraded.iter().cloned().chain([then.clone()]).collect();
        let (causes, transitions) = degradations(&findings);
        assert_eq!(causes[3].is_empty(), !remains, "{then:?}");
        assert_eq!(transitions.len(), if remains { 2 } else { 3 }, "{then:?}");
    }
}
