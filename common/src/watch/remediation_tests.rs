use super::*;
use crate::watch::Degraded;

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-04-04T03:10:00Z".parse().unwrap();
    start + SignedDuration::from_secs(second)
}

fn policy() -> RemediationPolicy {
    RemediationPolicy {
        after: SignedDuration::from_secs(240),
        pause: SignedDuration::from_secs(300),
        grace: SignedDuration::from_secs(180),
        stable: SignedDuration::from_secs(1800),
    }
}

fn agent(condition: Condition, since: i64) -> AgentState {
    AgentState {
        condition,
        since: at(since),
        trouble: None,
        streak: None,
        degraded: Degraded::default(),
        draining_since: None,
        scheduled_at: at(since),
        seen_at: at(since),
        expected_by: at(since + 1800),
    }
}

fn tried(step: Step, second: i64) -> Attempt {
    Attempt {
        step,
        at: at(second),
        failure: None,
    }
}

fn failed(step: Step, second: i64) -> Attempt {
    Attempt {
        failure: Some("Railway is down".to_owned()),
        ..tried(step, second)
    }
}

fn after(attempts: &[Attempt]) -> RemediationState {
    RemediationState {
        since: Some(at(0)),
        attempts: attempts.to_vec(),
        ..RemediationState::default()
    }
}

fn ended(reason: GiveUpReason) -> RemediationState {
    RemediationState {
        given_up: Some(GivenUp {
            reason,
            at: at(900),
            pending: None,
        }),
        ..after(&[tried(Step::Restart, 300), tried(Step::Repair, 600)])
    }
}

fn crashes(seconds: &[i64]) -> RemediationState {
    RemediationState {
        crashes: seconds.iter().map(|second| at(*second)).collect(),
        ..RemediationState::default()
    }
}

#[test]
fn an_agent_that_stays_down_is_restarted_repaired_and_given_up() {
    use Decision::{GiveUp, Nothing, Take};
    use Step::{Repair, Restart};
    let exhausted = GiveUp(GiveUpReason::Exhausted);
    for (healing, sweep, expected) in [
        (after(&[]), 239, Nothing),
        (after(&[]), 240, Take(Restart)),
        (after(&[tried(Restart, 250)]), 549, Nothing),
        (after(&[tried(Restart, 250)]), 550, Take(Repair)),
        // What Railway fails is tried twice.
        (after(&[failed(Restart, 250)]), 549, Nothing),
        (after(&[failed(Restart, 250)]), 550, Take(Restart)),
        (
            after(&[failed(Restart, 250), tried(Restart, 550)]),
            850,
            Take(Repair),
        ),
        (
            after(&[failed(Restart, 250), failed(Restart, 550)]),
            850,
            Take(Repair),
        ),
        (
            after(&[tried(Restart, 250), tried(Repair, 550)]),
            849,
            Nothing,
        ),
        (
            after(&[tried(Restart, 250), tried(Repair, 550)]),
            850,
            exhausted,
        ),
        (
            after(&[tried(Restart, 250), failed(Repair, 550)]),
            850,
            Take(Repair),
        ),
        (
            after(&[
                tried(Restart, 250),
                failed(Repair, 550),
                failed(Repair, 850),
            ]),
            1150,
            exhausted,
        ),
        (ended(GiveUpReason::Exhausted), 9000, Nothing),
        (ended(GiveUpReason::CrashLoop), 9000, Nothing),
    ] {
        let down = agent(Condition::Down, 0);
        let decision = healing.decide(&down, true, at(sweep), &policy());
        assert_eq!(decision, expected, "{sweep} s after {:?}", healing.attempts);
    }
}

#[test]
fn an_agent_that_is_not_plainly_down_is_left_alone() {
    use Condition::{Down, Setup, Sleeping, Starting, Stopped, Up};
    let coming = |state: AgentState| AgentState {
        streak: Some(crate::watch::Streak {
            of: crate::watch::StreakOf::Successes,
            count: 1,
            since: at(600),
        }),
        ..state
    };
    for (state, may_act) in [
        (agent(Up, 0), true),
        (agent(Starting, 0), true),
        (agent(Setup, 0), true),
        (agent(Stopped, 0), true),
        (agent(Sleeping, 0), true),
        (coming(agent(Down, 0)), true),
        // Asleep, being deployed, in its grace, or not looked at by Railway.
        (agent(Down, 0), false),
    ] {
        for healing in [after(&[]), after(&[tried(Step::Restart, 250)])] {
            let decision = healing.decide(&state, may_act, at(700), &policy());
            assert_eq!(decision, Decision::Nothing, "{state:?}");
        }
    }
}

#[test]
fn what_was_tried_is_forgotten_once_the_agent_was_up_for_long() {
    use Condition::{Down, Setup, Sleeping, Starting, Stopped, Up};
    let flapping = after(&[tried(Step::Restart, 250)]);
    let looping = RemediationState {
        crashes: vec![at(700), at(800), at(900)],
        ..ended(GiveUpReason::CrashLoop)
    };
    for (healing, state, sweep, forgets) in [
        (&flapping, agent(Up, 400), 2199, false),
        (&flapping, agent(Up, 400), 2200, true),
        (&flapping, agent(Down, 400), 9000, false),
        (&flapping, agent(Starting, 400), 9000, false),
        // Whoever starts it again means something else.
        (&flapping, agent(Stopped, 400), 2199, false),
        (&flapping, agent(Stopped, 400), 2200, true),
        (&flapping, agent(Sleeping, 400), 2200, true),
        (&flapping, agent(Setup, 400), 2200, true),
        (
            &ended(GiveUpReason::Exhausted),
            agent(Up, 1000),
            2799,
            false,
        ),
        (&ended(GiveUpReason::Exhausted), agent(Up, 1000), 2800, true),
        // Up all the time, as far as sweeps saw, and crashing.
        (&looping, agent(Up, -9000), 2699, false),
        (&looping, agent(Up, -9000), 2700, true),
        // There is nothing to forget.
        (&after(&[]), agent(Up, 0), 9000, false),
    ] {
        let decision = healing.decide(&state, true, at(sweep), &policy());
        let does = decision == Decision::Close;
        assert_eq!(does, forgets, "{state:?} at {sweep}");
    }
    let kept = RemediationState {
        revision: 7,
        process: Some(at(950)),
        ..RemediationState::default()
    };
    let looping = RemediationState {
        revision: 7,
        process: Some(at(950)),
        ..looping
    };
    assert_eq!(looping.closed(), kept);
}

#[test]
fn three_crashes_in_three_hundred_seconds_are_a_loop_in_which_nothing_is_tried() {
    use Condition::{Down, Setup, Sleeping, Starting, Stopped, Up};
    let gives_up = Decision::GiveUp(GiveUpReason::CrashLoop);
    for (seconds, state, sweep, expected) in [
        (&[0, 150, 300][..], agent(Up, -900), 310, gives_up),
        (&[0, 150, 300], agent(Starting, -900), 310, gives_up),
        (&[0, 150, 300], agent(Down, 0), 310, gives_up),
        (&[0, 150, 301], agent(Up, -900), 310, Decision::Nothing),
        (&[0, 150], agent(Up, -900), 310, Decision::Nothing),
        // It is over.
        (&[0, 150, 300], agent(Up, -900), 601, Decision::Nothing),
        (&[0, 150, 300], agent(Stopped, 305), 310, Decision::Nothing),
        (&[0, 150, 300], agent(Sleeping, 305), 310, Decision::Nothing),
        (&[0, 150, 300], agent(Setup, 305), 310, Decision::Nothing),
    ] {
        // Also while nothing else may be done.
        for may_act in [false, true] {
            let decision = crashes(seconds).decide(&state, may_act, at(sweep), &policy());
            assert_eq!(decision, expected, "{seconds:?} {state:?}");
        }
    }
}

#[test]
fn a_process_that_began_anew_has_crashed_unless_that_was_ordered() {
    let known = RemediationState {
        process: Some(at(0)),
        ..RemediationState::default()
    };
    let restarted = RemediationState {
        attempts: vec![tried(Step::Restart, 590)],
        ..known.clone()
    };
    let began = |second: i64| Process {
        began: Some(at(second)),
        ..Process::default()
    };
    let deployed = |second: i64| Process {
        deployed: Some(at(second)),
        ..began(600)
    };
    let drained = |second: i64| Process {
        drained: Some(at(second)),
        ..began(600)
    };
    for (healing, process, crashed) in [
        (&RemediationState::default(), began(600), None),
        (&known, began(600), Some(600)),
        // Its uptime was told a little later than before.
        (&known, began(15), None),
        (&known, began(-600), None),
        (&known, deployed(590), None),
        (&known, deployed(420), None),
        (&known, deployed(419), Some(600)),
        // It may drain for 315 seconds, and come back within the grace.
        (&known, drained(540), None),
        (&known, drained(105), None),
        (&known, drained(104), Some(600)),
        (&known, drained(700), Some(600)),
        (&restarted, began(600), None),
        (&restarted, began(800), Some(800)),
    ] {
        let next = healing.observe(&process, &policy());
        let next = next.unwrap_or_else(|| healing.clone());
        let expected: Vec<_> = crashed.map(at).into_iter().collect();
        assert_eq!(next.crashes, expected, "{process:?}");
    }
}

#[test]
fn a_crash_is_counted_once_whoever_tells_of_it() {
    let mut healing = RemediationState {
        process: Some(at(0)),
        ..RemediationState::default()
    };
    let says = |crashed: Option<i64>, began: Option<i64>| Process {
        crashed: crashed.map(at),
        began: began.map(at),
        ..Process::default()
    };
    for (process, crashes) in [
        // Railway says so, again and again, and then the new process does.
        (says(Some(100), None), &[100][..]),
        (says(Some(100), None), &[100]),
        (says(None, Some(130)), &[100]),
        (says(None, Some(130)), &[100]),
        (says(None, Some(190)), &[100, 190]),
        (says(Some(250), None), &[100, 190, 250]),
        // Three are enough to know.
        (says(Some(310), None), &[190, 250, 310]),
    ] {
        if let Some(next) = healing.observe(&process, &policy()) {
            healing = next;
        }
        let expected: Vec<_> = crashes.iter().map(|second| at(*second)).collect();
        assert_eq!(healing.crashes, expected, "{process:?}");
    }
    // An owner had it restarted at 185.
    let rest = healing.without_ordered(&[at(185)], &policy());
    assert_eq!(rest.crashes, []);
    let rest = healing.without_ordered(&[at(240)], &policy());
    assert_eq!(rest.crashes, [at(190)]);
}
