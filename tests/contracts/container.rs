//! The relay's container and what Railway is told of it, which no test can build.

use serde_json::Value;

use crate::files;

fn railway() -> Value {
    serde_json::from_str(&files::read("infra/relay/railway.json")).expect("railway.json is JSON")
}

#[test]
fn the_container_is_built_with_the_projects_toolchain_and_profile() {
    let toolchain: toml::Table = files::read("rust-toolchain.toml").parse().unwrap();
    let channel = toolchain["toolchain"]["channel"].as_str().unwrap();
    let manifest: toml::Table = files::read("Cargo.toml").parse().unwrap();
    assert!(manifest["profile"]["server"].is_table());
    let railway = railway();
    let path = railway["build"]["dockerfilePath"].as_str().unwrap();
    let dockerfile = files::read(path);
    for line in [
        &format!("FROM rust:{channel}-slim-bookworm AS build") as &str,
        &format!("ENV RUSTUP_TOOLCHAIN={channel}"),
        "RUN cargo build --locked --profile server -p relay",
        "COPY --from=build /build/target/server/relay /usr/local/bin/relay",
        "USER relay",
        "ENTRYPOINT [\"/usr/local/bin/relay\"]",
    ] {
        assert!(dockerfile.lines().any(|it| it == line), "{line}");
    }
}

#[test]
fn a_new_container_is_built_when_one_of_its_parts_changes() {
    let railway = railway();
    let watched: Vec<_> = railway["build"]["watchPatterns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let manifest: toml::Table = files::read("Cargo.toml").parse().unwrap();
    // The crates of this project that the relay is made of, itself included.
    let mut parts = vec!["infra/relay".to_owned()];
    let mut seen = 0;
    while let Some(part) = parts.get(seen).cloned() {
        assert!(watched.contains(&format!("{part}/**").as_str()), "{part}");
        let own: toml::Table = files::read(&format!("{part}/Cargo.toml")).parse().unwrap();
        for name in own["dependencies"].as_table().unwrap().keys() {
            let shared = &manifest["workspace"]["dependencies"][name];
            let path = shared.get("path").and_then(toml::Value::as_str);
            if let Some(path) = path.filter(|path| !parts.iter().any(|it| it == path)) {
                parts.push(path.to_owned());
            }
        }
        seen += 1;
    }
    for file in ["Cargo.lock", "Cargo.toml", "rust-toolchain.toml"] {
        assert!(watched.contains(&file), "{file}");
    }
}

/// Railway kills a container after `drainingSeconds`.
#[test]
fn railway_waits_for_longer_than_the_relay_takes_to_end() {
    let railway = railway();
    let draining = railway["deploy"]["drainingSeconds"].as_u64().unwrap();
    let environment = std::collections::BTreeMap::from([
        ("INTERNAL_API_KEY", "0123456789abcdef".to_owned()),
        ("PROXY_TARGET", "private".to_owned()),
    ]);
    let mut reader = common::config::Reader::new(&environment);
    let settings = relay::Settings::read(&mut reader).unwrap();
    assert!(settings.drain.as_secs() < draining);
}
