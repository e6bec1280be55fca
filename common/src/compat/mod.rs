//! Bringing an agent's setup to what OpenClaw 2026.4.11 expects.
//!
//! The rules are those of OpenClaw's own `doctor --fix`, as far as they move a
//! setting to where this version looks for it; `docs/decisions/compatibility.md`
//! says where they differ on purpose. Nothing here does I/O.

mod fetch;
mod gateway;
mod json;
mod pairing;
mod plugins;
mod search;
mod web_tools;
mod x_search;

pub use json::Misshapen;

use crate::model::AgentSetup;
use json::Fixing;

/// One thing that older setups have differently.
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

/// A setup after all fixes that it needed.
#[derive(Debug, PartialEq)]
pub struct Fixed {
    /// The setup as it should be.
    pub setup: AgentSetup,
    /// The fixes that were needed, in the order in which they were applied.
    pub fixes: Vec<&'static str>,
}

/// Applies every fix that a setup needs. To do it again changes nothing.
///
/// # Errors
/// When a fix finds something in the place where it has to write: all or
/// nothing, so all such places are told and nothing is fixed.
pub fn fix(setup: &AgentSetup) -> Result<Fixed, Vec<Misshapen>> {
    let mut fixed = Fixed {
        setup: setup.clone(),
        fixes: Vec::new(),
    };
    let mut problems: Vec<Misshapen> = Vec::new();
    for fix in FIXES {
        let mut next = fixed.setup.clone();
        match (fix.apply)(&mut next) {
            Ok(()) if next == fixed.setup => {}
            Ok(()) => {
                fixed.setup = next;
                fixed.fixes.push(fix.name);
            }
            // Several fixes write to one place.
            Err(problem) if problems.contains(&problem) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(fixed)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests;
