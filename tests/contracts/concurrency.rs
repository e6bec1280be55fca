//! Who may use up whose concurrency on AWS: nobody a control's.

use std::collections::{BTreeMap, BTreeSet};

use local::template::{self, Resource};
use serde_json::{Value, json};

use crate::files;

/// The functions, by their names in the template: the methods of their routes, and what
/// reserves their concurrency.
type Functions = BTreeMap<String, (BTreeSet<String>, Value)>;

#[test]
fn reads_share_no_reserved_concurrency_with_controls() {
    let problems = shared(&functions(template::resources().unwrap()));
    assert_eq!(problems, Vec::<String>::new(), "infra/template.yaml");
}

#[test]
fn a_planted_read_beside_controls_is_found() {
    let event = |method: &str| json!({"Type": "HttpApi", "Properties": {"Method": method}});
    let function = |reserved: Value, methods: &[&str]| -> Resource {
        let events: BTreeMap<&str, Value> = methods.iter().map(|it| (*it, event(it))).collect();
        serde_json::from_value(json!({
            "Type": "AWS::Serverless::Function",
            "Properties": {"ReservedConcurrentExecutions": reserved, "Events": events},
        }))
        .unwrap()
    };
    let planted = functions(&BTreeMap::from([
        ("Acts".to_owned(), function(json!(10), &["POST"])),
        ("Both".to_owned(), function(json!(10), &["GET", "POST"])),
        ("Reads".to_owned(), function(json!(10), &["GET"])),
        ("Free".to_owned(), function(json!(null), &["GET", "PUT"])),
    ]));
    assert_eq!(
        shared(&planted),
        ["Both reserves concurrency, and serves GET beside POST"]
    );
}

#[test]
fn these_functions_reserve_concurrency() {
    let functions = functions(template::resources().unwrap()).into_iter();
    let reserving: BTreeMap<String, Value> = functions
        .filter(|(_, (_, reserved))| !reserved.is_null())
        .map(|(name, (_, reserved))| (name, reserved))
        .collect();
    let controls = json!(["ReservesControls", "ControlConcurrency", "AWS::NoValue"]);
    let expected = json!({
        "Lifecycle": controls,
        "Maintenance": controls,
        "Operations": ["ReservesWaits", "WaitConcurrency", "AWS::NoValue"],
        "Proxy": ["ReservesProxy", "ProxyConcurrency", "AWS::NoValue"],
        "Sweep": ["ReservesControls", 10, "AWS::NoValue"],
    });
    assert_eq!(json!(reserving), expected);
}

#[test]
fn segments_leave_the_schedule_a_process() {
    let sweep = &template::resources().unwrap()["Sweep"].properties;
    let segments = &sweep["Events"]["Segments"]["Properties"]["ScalingConfig"];
    assert_eq!(*segments, json!({"MaximumConcurrency": 9}));
    assert_eq!(sweep["ReservedConcurrentExecutions"][1], 10);
}

#[test]
fn the_documents_tell_the_sum_of_the_defaults() {
    let page = files::read("docs/aws.md");
    // `lifecycle`, `maintenance` and `sweep` are told by one parameter.
    let controls = default_of("ControlConcurrency");
    let sum = 2 * controls + 10 + default_of("WaitConcurrency") + default_of("ProxyConcurrency");
    assert!(
        page.contains(&format!("| **sum** | **{sum}** |")),
        "docs/aws.md has a table of reserves, which add up to {sum}"
    );
}

/// The default of a parameter that is a number.
fn default_of(parameter: &str) -> u32 {
    let template = files::read("infra/template.yaml");
    let (_, text) = template.split_once(&format!("\n  {parameter}:\n")).unwrap();
    let (_, text) = text.split_once("    Default: ").unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

/// Those that reserve concurrency, and serve both what reads and what writes. The proxy
/// passes on whatever it gets, and controls nothing.
fn shared(functions: &Functions) -> Vec<String> {
    let reserving = functions
        .iter()
        .filter(|(_, (_, reserved))| !reserved.is_null());
    let both = reserving.filter(|(name, (methods, _))| {
        *name != "Proxy" && methods.contains("GET") && methods.len() > 1
    });
    both.map(|(name, (methods, _))| {
        let others: Vec<&str> = methods.iter().map(String::as_str).collect();
        let others = others.into_iter().filter(|it| *it != "GET");
        let others = others.collect::<Vec<_>>().join(", ");
        format!("{name} reserves concurrency, and serves GET beside {others}")
    })
    .collect()
}

fn functions(resources: &BTreeMap<String, Resource>) -> Functions {
    let functions = resources
        .iter()
        .filter(|(_, it)| it.kind == "AWS::Serverless::Function");
    functions
        .map(|(name, it)| {
            let events = it.properties["Events"].as_object();
            let methods = events.into_iter().flat_map(|events| events.values());
            let methods = methods.filter_map(|it| it["Properties"]["Method"].as_str());
            let reserved = it.properties["ReservedConcurrentExecutions"].clone();
            (
                name.clone(),
                (methods.map(str::to_owned).collect(), reserved),
            )
        })
        .collect()
}
