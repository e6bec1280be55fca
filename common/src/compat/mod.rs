//! Bringing an agent's setup to what an OpenClaw release expects, and telling
//! what that release would refuse all the same.
//!
//! The rules are those of OpenClaw's own `doctor --fix`, as far as they move a
//! setting to where the release looks for it; `docs/decisions/compatibility.md`
//! says where they differ on purpose. Nothing here does I/O.

mod agent_page;
mod fetch;
mod gateway;
mod json;
mod known_keys;
mod media;
mod older_values;
mod pairing;
mod plugins;
mod roster;
mod rules;
mod search;
mod trusted_proxies;
mod web_tools;
mod x_search;

pub use json::Misshapen;
pub use trusted_proxies::{AgentTrustedProxies, Edge, InvalidAgentTrustedProxies};

use std::borrow::Cow;

use crate::model::{AgentSetup, OpenclawVersion};
use json::Fixing;
use known_keys::KnownRelease;
use rules::RULES;

/// One thing that older setups have differently, whatever the release.
struct Fix {
    /// What it is called once it was applied.
    name: &'static str,
    /// Changes what has to be changed, and nothing in a setup that is as it
    /// should be: so whether a fix is needed is whether it changes something,
    /// and no check can disagree with it.
    apply: fn(&mut AgentSetup) -> Fixing,
}

/// In the order in which they are applied. Where two legacy settings compete for
/// one place, the earlier fix wins, as it does in `doctor`.
const FIXES: [Fix; 16] = [
    Fix {
        name: "Migrated x_search plugin config",
        apply: |setup| x_search::apply(&mut setup.configuration),
    },
    Fix {
        name: "Migrated brave search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "brave", "brave"),
    },
    Fix {
        name: "Migrated duckduckgo search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "duckduckgo", "duckduckgo"),
    },
    Fix {
        name: "Migrated exa search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "exa", "exa"),
    },
    Fix {
        name: "Migrated firecrawl search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "firecrawl", "firecrawl"),
    },
    Fix {
        name: "Migrated gemini search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "gemini", "google"),
    },
    Fix {
        name: "Migrated grok search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "grok", "xai"),
    },
    Fix {
        name: "Migrated kimi search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "kimi", "moonshot"),
    },
    Fix {
        name: "Migrated minimax search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "minimax", "minimax"),
    },
    Fix {
        name: "Migrated ollama search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "ollama", "ollama"),
    },
    Fix {
        name: "Migrated perplexity search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "perplexity", "perplexity"),
    },
    Fix {
        name: "Migrated searxng search plugin config",
        apply: |setup| search::apply(&mut setup.configuration, "searxng", "searxng"),
    },
    Fix {
        name: "Migrated firecrawl fetch plugin config",
        apply: |setup| fetch::apply(&mut setup.configuration),
    },
    Fix {
        name: "Migrated core.tools.web config",
        apply: |setup| web_tools::adopt_all(&mut setup.configuration),
    },
    Fix {
        name: "Fixed gateway bind mode",
        apply: |setup| gateway::apply(&mut setup.configuration),
    },
    Fix {
        name: "Fixed agent pairing scope",
        apply: |setup| setup.device.as_mut().map_or(Ok(()), pairing::apply),
    },
];

/// What is applied before all others where the release has no `x_search` tool.
const RETIRED_X_SEARCH: &str = "Removed tools.web.x_search";
/// The first release that was run and has none.
const WITHOUT_X_SEARCH: &str = "2026.8.1";

const ROSTER: &str = "Moved agents.list to agents.entries";
/// The first release that was run and keeps agents by their ids.
const WITH_ENTRIES: &str = "2026.8.1";

/// What 2026.8.1 has elsewhere and in another form, in the order of application.
const REFORMED: [Fix; 5] = [
    Fix {
        name: "Moved deepgram to providerOptions.deepgram",
        apply: |setup| media::move_deepgram(&mut setup.configuration),
    },
    Fix {
        name: "Moved audio.transcription to tools.media.models",
        apply: |setup| media::move_transcription(&mut setup.configuration),
    },
    Fix {
        name: "Moved tools.media.*.models to tools.media.models",
        apply: |setup| media::gather_models(&mut setup.configuration),
    },
    Fix {
        name: "Moved session.idleMinutes to session.reset.idleMinutes",
        apply: |setup| older_values::move_idle_minutes(&mut setup.configuration),
    },
    Fix {
        name: "Moved tools.message.allowCrossContextSend to tools.message.crossContext",
        apply: |setup| older_values::divide_cross_context(&mut setup.configuration),
    },
];
/// The first release that was run and has them in that form.
const WITH_REFORMED: &str = "2026.8.1";

/// The first release that was run and has the admin RPC, which approves browsers.
const WITH_ADMIN_RPC: &str = "2026.6.11";
const ADMIN_RPC: &str = "Enabled admin RPC";
const DEVICE_AUTH: &str = "Required device pairing again";
const NO_DEVICE_AUTH: &str = "Allowed control UI without device pairing";

const TRUSTED_PROXIES: &str = "Added trusted proxies";
const CONTROL_UI_ORIGIN: &str = "Added control UI origin";

/// A setup after all fixes that it needed.
#[derive(Debug, PartialEq)]
pub struct Fixed {
    /// The setup as it should be.
    pub setup: AgentSetup,
    /// The fixes that were needed, in the order in which they were applied.
    pub fixes: Vec<Cow<'static, str>>,
}

impl Fixed {
    fn apply(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        apply: impl FnOnce(&mut AgentSetup) -> Fixing,
    ) -> Fixing {
        let mut next = self.setup.clone();
        apply(&mut next)?;
        if next != self.setup {
            self.setup = next;
            self.fixes.push(name.into());
        }
        Ok(())
    }
}

/// Applies every fix that a setup needs for a release, and for the edge that the
/// agent is behind, if the platform names it. To do it again changes nothing.
///
/// # Errors
/// When a fix finds something in the place where it has to write: all or
/// nothing, so all such places are told and nothing is fixed.
pub fn fix(
    setup: &AgentSetup,
    target: &OpenclawVersion,
    edge: &Edge,
) -> Result<Fixed, Vec<Misshapen>> {
    let since = |release: &str| release.parse().is_ok_and(|release| *target >= release);
    let mut fixed = Fixed {
        setup: setup.clone(),
        fixes: Vec::new(),
    };
    let mut results = Vec::new();
    if since(WITHOUT_X_SEARCH) {
        results.push(fixed.apply(RETIRED_X_SEARCH, |setup| {
            x_search::keep_key_alone(&mut setup.configuration)
        }));
    }
    for Fix { name, apply } in FIXES {
        results.push(fixed.apply(name, apply));
    }
    if since(WITH_ENTRIES) {
        results.push(fixed.apply(ROSTER, |setup| roster::apply(&mut setup.configuration)));
    }
    for Fix { name, apply } in REFORMED.iter().filter(|_| since(WITH_REFORMED)) {
        results.push(fixed.apply(*name, apply));
    }
    for rule in RULES.iter().filter(|rule| rule.holds_for(target)) {
        results.push(fixed.apply(rule.name(), |setup| rule.apply(&mut setup.configuration)));
    }
    if edge.is_named() {
        results.push(fixed.apply(TRUSTED_PROXIES, |setup| {
            edge.trust(&mut setup.configuration)
        }));
    }
    if !edge.origins().is_empty() {
        results.push(fixed.apply(CONTROL_UI_ORIGIN, |setup| {
            edge.allow_origin(&mut setup.configuration)
        }));
    }
    let page_fixes: &[Fix] = match (&edge.page_origin, since(WITH_ADMIN_RPC)) {
        (None, _) => &[],
        (Some(_), true) => &[
            Fix {
                name: ADMIN_RPC,
                apply: |setup| agent_page::enable_rpc(&mut setup.configuration),
            },
            Fix {
                name: DEVICE_AUTH,
                apply: |setup| agent_page::require_device_auth(&mut setup.configuration),
            },
        ],
        (Some(_), false) => &[Fix {
            name: NO_DEVICE_AUTH,
            apply: |setup| agent_page::skip_device_auth(&mut setup.configuration),
        }],
    };
    for Fix { name, apply } in page_fixes {
        results.push(fixed.apply(*name, apply));
    }
    let mut problems: Vec<Misshapen> = results.into_iter().filter_map(Result::err).collect();
    // Several fixes write to one place.
    problems.dedup();
    if problems.is_empty() {
        Ok(fixed)
    } else {
        Err(problems)
    }
}

/// What a release makes of a configuration.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// The release whose keys were looked up: the target, or the last one before
    /// it that was run.
    pub judged_as: OpenclawVersion,
    /// Each place that it refuses, with the reason; empty where it would start.
    pub refusals: Vec<String>,
    /// The settings of channels and plugins that it does not bring along, of which
    /// nothing is known.
    pub not_judged: Vec<String>,
    /// Whether `gateway.mode` is missing: every release takes such a configuration
    /// for damaged, and starts only with `--allow-unconfigured`, which is no
    /// setting.
    pub lacks_mode: bool,
}

/// Judges a configuration as a release would when it starts.
pub fn judge(setup: &AgentSetup, target: &OpenclawVersion) -> Verdict {
    let known = KnownRelease::for_target(target);
    let configuration = &setup.configuration;
    let refusals = known.as_ref().map(|it| it.refusals(configuration));
    let not_judged = known.as_ref().map(|it| it.not_judged(configuration));
    Verdict {
        judged_as: known.map_or_else(|| target.clone(), |it| it.version),
        refusals: refusals.unwrap_or_default(),
        not_judged: not_judged.unwrap_or_default(),
        lacks_mode: configuration
            .get("gateway")
            .is_none_or(|gateway| gateway.get("mode").is_none()),
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
