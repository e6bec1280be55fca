//! How the platform refers to the service of an agent.

use std::collections::HashMap;

use url::Host;

use crate::model::Instance;

/// By what the service of an agent is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceReference<'a> {
    /// Railway's id of it, which is on record. It is final: where it is wrong, no
    /// name is tried.
    Id(&'a str),
    /// The names that it may have, the most telling first.
    Names(Vec<String>),
}

impl<'a> ServiceReference<'a> {
    /// The id on record, else the candidates' names.
    pub fn of(instance: &'a Instance) -> Self {
        let recorded = instance.runtime_service_id.as_deref();
        match recorded.filter(|id| !id.trim().is_empty()) {
            Some(id) => Self::Id(id),
            None => Self::Names(candidates(instance)),
        }
    }

    /// What it refers to in a listing that is indexed by ids and by names.
    pub fn find<'l, T>(
        &self,
        by_id: &'l HashMap<String, T>,
        by_name: &'l HashMap<String, T>,
    ) -> Option<&'l T> {
        match self {
            Self::Id(id) => by_id.get(*id),
            Self::Names(names) => names.iter().find_map(|name| by_name.get(name)),
        }
    }
}

/// The names that the service of an agent may have, the most telling first: the
/// first label of its recorded address, and the two names that the platform
/// gives. Names compare exactly: ids that differ in case alone are two agents.
fn candidates(instance: &Instance) -> Vec<String> {
    let label = instance
        .openclaw_url
        .as_ref()
        .and_then(|url| match url.host()? {
            Host::Domain(name) => name.split('.').next().map(str::to_owned),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        });
    let names = [
        Some(format!("agentbot-agent-{}", instance.id)),
        Some(instance.id.to_string()),
    ];
    let mut candidates = Vec::new();
    for name in [label].into_iter().chain(names).flatten() {
        if !candidates.contains(&name) {
            candidates.push(name);
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, url: Option<&str>, service_id: Option<&str>) -> Instance {
        Instance {
            openclaw_url: url.map(|url| url.parse().unwrap()),
            runtime_service_id: service_id.map(str::to_owned),
            ..Instance::bare(id)
        }
    }

    #[test]
    fn an_id_on_record_is_final_and_a_blank_one_is_none() {
        let by_id = HashMap::from([("id-1".to_owned(), 1)]);
        let by_name = HashMap::from([("abc".to_owned(), 2), ("id-2".to_owned(), 3)]);
        for (service_id, expected) in [
            (Some("id-1"), Some(&1)),
            (Some("id-2"), None),
            (Some(" "), Some(&2)),
            (None, Some(&2)),
        ] {
            let instance = instance("abc", None, service_id);
            let found = ServiceReference::of(&instance).find(&by_id, &by_name);
            assert_eq!(found, expected, "{service_id:?}");
        }
    }

    #[test]
    fn the_candidates_are_the_label_of_the_url_and_the_names_of_the_id() {
        let rows: [(Option<&str>, &str, &[&str]); 6] = [
            (None, "abc123", &["agentbot-agent-abc123", "abc123"]),
            (
                Some("https://agentbot-agent-abc123-production.up.railway.app"),
                "abc123",
                &[
                    "agentbot-agent-abc123-production",
                    "agentbot-agent-abc123",
                    "abc123",
                ],
            ),
            (
                Some("https://agentbot-agent-abc123.up.railway.app"),
                "abc123",
                &["agentbot-agent-abc123", "abc123"],
            ),
            (
                Some("https://abc123.example"),
                "abc123",
                &["abc123", "agentbot-agent-abc123"],
            ),
            (
                Some("http://127.0.0.1:18789"),
                "Abc",
                &["agentbot-agent-Abc", "Abc"],
            ),
            (
                Some("http://[fd12::1]:18789"),
                "abc",
                &["agentbot-agent-abc", "abc"],
            ),
        ];
        for (url, id, expected) in rows {
            let instance = instance(id, url, None);
            assert_eq!(candidates(&instance), expected, "{url:?} {id}");
        }
    }
}
