//! What holds of any course of sightings.

use proptest::prelude::*;

use super::*;

fn any_found() -> impl Strategy<Value = Finding> {
    prop_oneof![
        4 => Just(Finding::Well),
        2 => Just(degraded(&["telegram"])),
        2 => Just(degraded(&["discord", "telegram"])),
        1 => Just(draining()),
        4 => Just(failing()),
        1 => Just(Finding::Setup),
        1 => Just(Finding::Stopped),
        1 => Just(Finding::Sleeping),
    ]
}

proptest! {
    /// Each sighting is the minute of its sweep, its deployment's minute if any,
    /// and what was found. Sweeps may be late.
    #[test]
    fn no_course_breaks_the_rules(
        sightings in proptest::collection::vec(
            (0_i64..100, proptest::option::of(-10_i64..100), any::<bool>(), any_found()),
            1..60,
        ),
        failures in 1_u32..5,
        successes in 1_u32..5,
    ) {
        let policy = Policy { failures, successes, ..policy() };
        let mut state: Option<AgentState> = None;
        // Failing and good sightings in a row that were judged.
        let mut in_a_row = (0_u32, 0_u32);
        // Sightings in a row that saw this cause, and that saw it work.
        let mut discord = (0_u32, 0_u32);
        for (minute, deployed, deploying, found) in sightings {
            let sighting = Sighting {
                deployed_at: deployed.map(|minute| at(minute * MINUTE)),
                deploying: deploying && deployed.is_some(),
                ..sighting(minute * MINUTE, found)
            };
            let judged = judge(&agent(), state.as_ref(), &sighting, &policy);
            let older = state.as_ref().is_some_and(|state| state.scheduled_at >= sighting.scheduled_at);
            prop_assert_eq!(judged.is_none(), older, "older sightings alone change nothing");
            let Some(judgement) = judged else { continue };
            let next = &judgement.next;
            in_a_row = match sighting.finding {
                Finding::Draining(_) if next.drain_may_last(sighting.at) => (in_a_row.0, 0),
                Finding::Failing(_) | Finding::Draining(_) => (in_a_row.0 + 1, 0),
                Finding::Well | Finding::Degraded(_) => (0, in_a_row.1 + 1),
                _ => (0, 0),
            };
            discord = match &sighting.finding {
                Finding::Degraded(causes) if causes.len() > 1 => (discord.0 + 1, 0),
                Finding::Degraded(_) | Finding::Well => (0, discord.1 + 1),
                _ => (0, 0),
            };
            let before = state.as_ref().map(|state| state.condition);
            let causes = |state: &AgentState| state.degraded.causes.clone();
            let was = state.as_ref().map(causes).unwrap_or_default();
            let changed = before != Some(next.condition) || was != causes(next);
            prop_assert_eq!(judgement.transition.is_some(), changed);
            prop_assert!(next.condition == Condition::Up || next.degraded == Degraded::default());
            let has = |causes: &[String]| causes.iter().any(|cause| cause == "discord");
            match (has(&was), has(&causes(next))) {
                (false, true) => prop_assert!(discord.0 >= failures),
                (true, false) if next.condition == Condition::Up => {
                    prop_assert!(discord.1 >= successes);
                }
                _ => {}
            }
            prop_assert!(judgement.write || judgement.transition.is_none());
            if next.condition == Condition::Down && before != Some(Condition::Down) {
                prop_assert!(in_a_row.0 >= failures);
            }
            if next.condition == Condition::Up && before == Some(Condition::Down) {
                prop_assert!(in_a_row.1 >= successes);
            }
            if let Some(streak) = next.streak {
                let most = match streak.of {
                    StreakOf::Failures => failures,
                    StreakOf::Successes => successes,
                };
                prop_assert!(streak.count >= 1 && streak.count < most.max(2));
            }
            prop_assert!(next.since <= sighting.at);
            if let Some(before) = &state {
                prop_assert!(next.since >= before.since, "time goes on");
            }
            state = Some(judgement.next);
        }
    }
}
