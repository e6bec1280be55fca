//! Leases: of all controls of an instance one runs at a time.

use std::time::Duration;

use common::clock::Clock;
use common::model::{Control, Image, InstanceId, OperationId};
use common::store::{Instances, Lease, Operations};
use futures_util::future::join_all;
use jiff::SignedDuration;
use local::railway::Fault;
use serde_json::{Value, json};
use tests::{Builder, World};
use tokio::time::{sleep, timeout};

use crate::support::controls::{
    ID, WAYS, Way, assert_no_lease, control, record_service, service, take_operation, until,
};

/// Has every request to Railway take a while, so that whatever could overlap
/// does.
fn slow_down(world: &World, times: usize) {
    let slow = Fault::Slow(Duration::from_millis(30));
    world.railway().inject(std::iter::repeat_n(slow, times));
}

/// A world in which deployments get nowhere, so that Railway refuses nothing
/// because of what came up meanwhile.
async fn without_surprises() -> World {
    let builder = Builder::default().stage(Duration::from_secs(3600));
    let world = builder.start().await;
    record_service(&world).await;
    world
}

/// What Railway saw is whole controls, one after the other.
fn assert_not_interleaved(world: &World) {
    let requests = world.railway().operations();
    assert_eq!(world.railway().most_at_once(), 1, "{requests:?}");
    let mut rest = requests.iter().map(String::as_str).peekable();
    while let Some(request) = rest.next() {
        match request {
            "Start" | "Repair" | "UpdateImage" | "FactoryReset" => {}
            // Where nothing runs, a restart deploys, and a stop does nothing.
            "ServiceState" => {
                let deed = ["Stop", "Cancel", "CancelAndStop", "Restart", "Start"];
                rest.next_if(|next| deed.contains(next));
            }
            other => panic!("{other} on its own in {requests:?}"),
        }
    }
}

/// A 409 names a control and its operation, which is on record.
fn assert_busy(way: Way, answer: &tests::Answer, ids: &[String]) {
    assert_eq!(answer.status, 409, "{}", answer.body);
    let error = answer.body["error"].as_str().unwrap();
    let (running, rest) = error
        .split_once(" is running on this instance (operation ")
        .unwrap_or_else(|| panic!("{error}"));
    assert!(WAYS.iter().any(|way| way.control() == running), "{error}");
    let id = rest.trim_end_matches(')').to_owned();
    assert!(ids.contains(&id), "{error}");
    answer.is(409, way.error(error));
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
}

async fn records(world: &World) -> (Vec<String>, Vec<Value>) {
    let records = world.records.operations(ID, "op#").await;
    let ids = records.iter().map(|it| it["operationId"].as_str().unwrap());
    let states = records.iter().map(|it| it["state"].clone()).collect();
    (ids.map(str::to_owned).collect(), states)
}

#[tokio::test]
async fn of_fifty_controls_at_once_one_runs_at_a_time_and_everybody_gets_a_true_answer() {
    let world = without_surprises().await;
    slow_down(&world, 200);
    let owner = world.owner_of(ID);
    let ways: Vec<Way> = WAYS.into_iter().cycle().take(50).collect();
    let answers = join_all(ways.iter().map(|way| way.order(&owner, ID))).await;

    let (ids, states) = records(&world).await;
    let mut done = 0;
    for (way, answer) in ways.iter().zip(&answers) {
        if answer.status == 200 {
            done += 1;
            let id = answer.body["operationId"].as_str().unwrap();
            assert!(ids.iter().any(|it| it == id));
        } else {
            assert_busy(*way, answer, &ids);
        }
    }
    assert!((1..50).contains(&done), "{done} of 50");
    assert_eq!(states, vec![json!("accepted"); done]);
    assert_not_interleaved(&world);
    assert_no_lease(&world).await;
    take_operation(&mut control(&world, "start").await);
}

#[tokio::test]
async fn whoever_comes_again_is_served_in_the_end() {
    let world = without_surprises().await;
    let owner = world.owner_of(ID);
    let persist = async |way: Way| {
        loop {
            let answer = way.order(&owner, ID).await;
            if answer.status != 409 {
                return take_operation(&mut { answer });
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let ways = WAYS.into_iter().cycle().take(24);
    let all = timeout(Duration::from_secs(120), join_all(ways.map(persist)));
    let mut told = all.await.unwrap();
    told.sort();
    let (ids, states) = records(&world).await;
    assert_eq!(told, ids);
    assert_eq!(states, vec![json!("accepted"); 24]);
    assert_not_interleaved(&world);
    assert_no_lease(&world).await;
}

#[tokio::test]
async fn controls_of_two_instances_do_not_wait_for_each_other() {
    let world = World::start().await;
    let slow = Fault::Slow(Duration::from_secs(2));
    world.railway().inject_into("Start", [slow]);
    let other = async {
        until("Railway is asked", async || {
            world.railway().operations().contains(&"Start".to_owned())
        })
        .await;
        let way = Way::Lifecycle("restart");
        let owner = world.owner_of("demo-legacy");
        let answer = way.order(&owner, "demo-legacy").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(records(&world).await.1, [json!("running")]);
    };
    let (mut slow, ()) = tokio::join!(control(&world, "start"), other);
    take_operation(&mut slow);
}

#[tokio::test]
async fn the_running_control_is_named_with_the_time_to_come_again() {
    let world = World::start().await;
    let slow = Fault::Slow(Duration::from_secs(1));
    world.railway().inject_into("Start", [slow]);
    let second = async {
        until("Railway is asked", async || {
            world.railway().operations().contains(&"Start".to_owned())
        })
        .await;
        let (ids, _) = records(&world).await;
        for way in WAYS {
            let answer = way.order(&world.owner_of(ID), ID).await;
            let error = format!("start is running on this instance (operation {})", ids[0]);
            answer.is(409, way.error(&error));
            assert_eq!(answer.header("retry-after"), Some("5"));
        }
    };
    let (mut first, ()) = tokio::join!(control(&world, "start"), second);
    take_operation(&mut first);
    // The busy ones left nothing behind.
    assert_eq!(records(&world).await.0.len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_lease_and_a_finished_record() {
    for (fault, state) in [
        (Fault::Slow(Duration::from_millis(500)), "accepted"),
        (Fault::Errors("no".to_owned()), "failed"),
    ] {
        let world = World::start().await;
        record_service(&world).await;
        let pause = Fault::Slow(Duration::from_millis(300));
        world.railway().inject_into("ServiceState", [pause]);
        world.railway().inject_into("Stop", [fault]);
        tokio::select! {
            _ = control(&world, "stop") => panic!("it is answered too early"),
            () = until("Railway is asked", async || !world.railway().log().is_empty()) => {}
        }
        assert_eq!(records(&world).await.1, [json!("running")]);
        until("the operation ends", async || {
            records(&world).await.1 == [json!(state)]
        })
        .await;
        until("the lease is given back", async || {
            let lease = world.records.operations(ID, "lease").await;
            lease[0].get("operationId").is_none()
        })
        .await;
        let asked = world.railway().operations();
        assert!(asked.starts_with(&["ServiceState".to_owned(), "Stop".to_owned()]));
        assert_eq!(asked.iter().filter(|it| *it == "Stop").count(), 1);
        take_operation(&mut control(&world, "start").await);
    }
}

/// The stores of a world, as another process has them.
fn stores(world: &World) -> (Operations, Instances) {
    let (connection, tables) = (&world.stack.connection, &world.stack.tables);
    (
        Operations::new(connection.clone(), tables.operations.clone()),
        Instances::new(connection.clone(), tables.instances.clone()),
    )
}

/// Takes the lease of the running agent, as a control does.
async fn take(world: &World, control: Control) -> Result<Lease, String> {
    let id: InstanceId = ID.parse().unwrap();
    let now = world.clock.now();
    let (operations, _) = stores(world);
    let lease = operations.lease(&id, OperationId::new(now), control, now);
    lease.await.unwrap().map_err(|holder| holder.operation)
}

#[tokio::test]
async fn the_lease_of_a_dead_holder_expires_after_a_minute() {
    let world = World::start().await;
    let dead = take(&world, Control::Stop).await.unwrap();
    let busy = format!(
        "stop is running on this instance (operation {})",
        dead.operation
    );
    for (seconds, retry_after) in [(0, "5"), (56, "4"), (3, "1")] {
        world.clock.advance(SignedDuration::from_secs(seconds));
        let answer = control(&world, "start").await;
        answer.is(409, json!({"success": false, "error": busy}));
        assert_eq!(answer.header("retry-after"), Some(retry_after));
    }
    world.clock.advance(SignedDuration::from_secs(1));
    take_operation(&mut control(&world, "start").await);
    assert_eq!(service(&world).deployments.len(), 2);
}

#[tokio::test]
async fn fence_numbers_grow_and_an_expired_lease_is_not_taken_from_its_next_holder() {
    let world = World::start().await;
    let (operations, _) = stores(&world);
    let first = take(&world, Control::Start).await.unwrap();
    let holder = first.operation.to_string();
    assert_eq!(take(&world, Control::Stop).await.unwrap_err(), holder);
    world.clock.advance(SignedDuration::from_secs(61));
    let second = take(&world, Control::Stop).await.unwrap();
    assert!(second.fence > first.fence);
    let holder = second.operation.to_string();

    operations.release_lease(first).await.unwrap();
    assert_eq!(take(&world, Control::Start).await.unwrap_err(), holder);
    let fence = second.fence;
    operations.release_lease(second).await.unwrap();
    let third = take(&world, Control::Start).await.unwrap();
    assert!(third.fence > fence);
}

#[tokio::test]
async fn of_many_who_take_a_lease_at_once_one_gets_it() {
    let world = World::start().await;
    let all = join_all((0..20).map(|_| take(&world, Control::Start))).await;
    let (got, busy): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((got.len(), busy.len()), (1, 19));
    let winner = got.into_iter().next().unwrap().unwrap();
    for holder in busy {
        assert_eq!(holder.unwrap_err(), winner.operation.to_string());
    }
}

#[tokio::test]
async fn an_image_of_an_expired_lease_is_not_recorded_over_a_later_one() {
    let world = World::start().await;
    let (_, instances) = stores(&world);
    let image = |text: &str| text.parse::<Image>().unwrap();
    let late = take(&world, Control::Update).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(61));
    let next = take(&world, Control::Update).await.unwrap();
    let newer = image("ghcr.io/openclaw/openclaw:2026.5.1");
    instances.record_image(&next, &newer).await.unwrap();
    let older = image("ghcr.io/openclaw/openclaw:2026.4.11");
    instances.record_image(&late, &older).await.unwrap();
    let record = world.records.instance(ID).await;
    assert_eq!(record["image"], "ghcr.io/openclaw/openclaw:2026.5.1");
    assert_eq!(record["openclawVersion"], "2026.5.1");
}

#[tokio::test]
async fn an_instance_that_is_gone_does_not_come_back_by_its_image() {
    let world = World::start().await;
    let (operations, instances) = stores(&world);
    let gone: InstanceId = "gone".parse().unwrap();
    let now = world.clock.now();
    let lease = operations.lease(&gone, OperationId::new(now), Control::Update, now);
    let lease = lease.await.unwrap().unwrap();
    let image = "ghcr.io/openclaw/openclaw:2026.5.1".parse().unwrap();
    instances.record_image(&lease, &image).await.unwrap();
    instances
        .record_service(&gone, "some-service")
        .await
        .unwrap();
    assert_eq!(world.records.instance("gone").await, Value::Null);
}
