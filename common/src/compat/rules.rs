//! Settings that later releases have elsewhere, or no longer.
//!
//! The table was made from what each release takes and from runs of the doctors of
//! 2026.8.2 and 2026.9.6. A rule begins with the first release that refuses the old
//! place, of those that were run: 2026.4.11, 2026.6.11, 2026.7.1, 2026.8.1, 2026.8.2,
//! 2026.9.1 and 2026.9.6.

use serde_json::map::Entry;
use serde_json::{Map, Value};

use super::json::{Fixing, fill_missing, make_object, object_mut};
use crate::model::OpenclawVersion;

/// What becomes of one setting, from one release on.
pub(super) struct Rule {
    /// The first release that refuses it where it is.
    pub(super) since: &'static str,
    /// Where it is; `*` stands for any key.
    pub(super) from: &'static str,
    /// Where the release has it, if it still has it.
    to: Option<&'static str>,
}

const fn moved(since: &'static str, from: &'static str, to: &'static str) -> Rule {
    Rule {
        since,
        from,
        to: Some(to),
    }
}

const fn removed(since: &'static str, from: &'static str) -> Rule {
    Rule {
        since,
        from,
        to: None,
    }
}

/// Refused by every release that was run.
const ALWAYS: &str = "2026.4.11";
/// Taken by 2026.4.11 and refused by 2026.6.11.
const SIX: &str = "2026.6.11";
/// Taken by 2026.7.1 and refused by 2026.8.1.
const EIGHT: &str = "2026.8.1";

/// Taken by 2026.9.1 and refused by 2026.9.6.
const NINE: &str = "2026.9.6";

/// In the order in which they are applied: what one rule moves, a later one may
/// move on.
pub(super) const RULES: &[Rule] = &[
    moved(
        ALWAYS,
        "heartbeat.showOk",
        "channels.defaults.heartbeat.showOk",
    ),
    moved(
        ALWAYS,
        "heartbeat.showAlerts",
        "channels.defaults.heartbeat.showAlerts",
    ),
    moved(
        ALWAYS,
        "heartbeat.useIndicator",
        "channels.defaults.heartbeat.useIndicator",
    ),
    moved(ALWAYS, "heartbeat", "agents.defaults.heartbeat"),
    moved(ALWAYS, "memorySearch", "agents.defaults.memorySearch"),
    moved(
        EIGHT,
        "channels.defaults.heartbeat",
        "channels.defaults.heartbeatVisibility",
    ),
    moved(EIGHT, "audit", "logging.audit"),
    moved(EIGHT, "agents.defaults.memorySearch", "memory.search"),
    moved(
        EIGHT,
        "agents.entries.*.memorySearch",
        "agents.entries.*.memory.search",
    ),
    moved(EIGHT, "messages.tts", "tts"),
    moved(
        EIGHT,
        "session.maintenance.pruneDays",
        "session.maintenance.pruneAfter",
    ),
    moved(
        EIGHT,
        "gateway.nodes.denyCommands",
        "gateway.nodes.commands.deny",
    ),
    moved(
        EIGHT,
        "gateway.nodes.allowCommands",
        "gateway.nodes.commands.allow",
    ),
    moved(
        EIGHT,
        "agents.defaults.imageGenerationModel",
        "agents.defaults.mediaModels.image",
    ),
    moved(
        EIGHT,
        "agents.defaults.videoGenerationModel",
        "agents.defaults.mediaModels.video",
    ),
    moved(
        EIGHT,
        "agents.defaults.musicGenerationModel",
        "agents.defaults.mediaModels.music",
    ),
    moved(
        EIGHT,
        "agents.defaults.pdfMaxBytesMb",
        "agents.defaults.pdfMaxMb",
    ),
    moved(
        SIX,
        "agents.defaults.embeddedPi",
        "agents.defaults.embeddedAgent",
    ),
    moved(
        SIX,
        "agents.entries.*.embeddedPi",
        "agents.entries.*.embeddedAgent",
    ),
    moved(
        EIGHT,
        "agents.defaults.sandbox.browser.enableNoVnc",
        "agents.defaults.sandbox.browser.noVncEnabled",
    ),
    moved(
        EIGHT,
        "agents.entries.*.sandbox.browser.enableNoVnc",
        "agents.entries.*.sandbox.browser.noVncEnabled",
    ),
    moved(
        EIGHT,
        "browser.ssrfPolicy.hostnameAllowlist",
        "browser.ssrfPolicy.allowedHostnames",
    ),
    moved(EIGHT, "tools.exec.timeoutSec", "tools.exec.timeoutSeconds"),
    moved(
        EIGHT,
        "agents.entries.*.tools.exec.timeoutSec",
        "agents.entries.*.tools.exec.timeoutSeconds",
    ),
    moved(EIGHT, "tools.experimental.planTool", "tools.updatePlan"),
    moved(EIGHT, "media", "attachments"),
    moved(
        EIGHT,
        "messages.messagePrefix",
        "channels.whatsapp.responsePrefix",
    ),
    moved(
        EIGHT,
        "session.resetByType.dm",
        "session.resetByType.direct",
    ),
    moved(EIGHT, "session.typingMode", "agents.defaults.typingMode"),
    moved(EIGHT, "cron.failureDestination", "cron.failureAlert"),
    moved(EIGHT, "web.enabled", "channels.whatsapp.enabled"),
    moved(SIX, "canvasHost", "plugins.entries.canvas.config.host"),
    removed(EIGHT, "attachments.preserveFilenames"),
    removed(EIGHT, "acp.maxConcurrentSessions"),
    removed(EIGHT, "acp.runtime.ttlMinutes"),
    removed(EIGHT, "acp.stream.coalesceIdleMs"),
    removed(EIGHT, "acp.stream.hiddenBoundarySeparator"),
    removed(EIGHT, "acp.stream.maxChunkChars"),
    removed(EIGHT, "acp.stream.maxOutputChars"),
    removed(EIGHT, "acp.stream.maxSessionUpdateChars"),
    removed(EIGHT, "agents.defaults.bootstrapPromptTruncationWarning"),
    removed(EIGHT, "agents.defaults.cliBackends"),
    removed(EIGHT, "agents.defaults.compaction.customInstructions"),
    removed(EIGHT, "agents.defaults.compaction.identifierInstructions"),
    removed(EIGHT, "agents.defaults.compaction.maxHistoryShare"),
    removed(EIGHT, "agents.defaults.compaction.memoryFlush.prompt"),
    removed(EIGHT, "agents.defaults.compaction.memoryFlush.systemPrompt"),
    removed(EIGHT, "agents.defaults.compaction.reserveTokens"),
    removed(EIGHT, "agents.defaults.compaction.reserveTokensFloor"),
    removed(EIGHT, "agents.defaults.contextPruning.hardClearRatio"),
    removed(EIGHT, "agents.defaults.contextPruning.keepLastAssistants"),
    removed(EIGHT, "agents.defaults.contextPruning.minPrunableToolChars"),
    removed(EIGHT, "agents.defaults.contextPruning.softTrim"),
    removed(EIGHT, "agents.defaults.contextPruning.softTrimRatio"),
    removed(SIX, "agents.defaults.embeddedHarness"),
    removed(EIGHT, "agents.defaults.envelopeElapsed"),
    removed(EIGHT, "agents.defaults.envelopeTimestamp"),
    removed(EIGHT, "agents.defaults.envelopeTimezone"),
    removed(EIGHT, "agents.defaults.heartbeat.ackMaxChars"),
    removed(EIGHT, "agents.defaults.heartbeat.includeReasoning"),
    removed(
        EIGHT,
        "agents.defaults.heartbeat.includeSystemPromptSection",
    ),
    removed(EIGHT, "agents.defaults.heartbeat.suppressToolErrorWarnings"),
    removed(SIX, "agents.defaults.llm"),
    removed(EIGHT, "agents.defaults.mediaGenerationAutoProviderFallback"),
    removed(SIX, "agents.defaults.systemPromptOverride"),
    removed(EIGHT, "agents.defaults.timeFormat"),
    removed(SIX, "agents.entries.*.embeddedHarness"),
    removed(EIGHT, "agents.entries.*.heartbeat.ackMaxChars"),
    removed(EIGHT, "agents.entries.*.heartbeat.includeReasoning"),
    removed(
        EIGHT,
        "agents.entries.*.heartbeat.includeSystemPromptSection",
    ),
    removed(
        EIGHT,
        "agents.entries.*.heartbeat.suppressToolErrorWarnings",
    ),
    removed(SIX, "agents.entries.*.systemPromptOverride"),
    removed(
        EIGHT,
        "agents.entries.*.tools.loopDetection.criticalThreshold",
    ),
    removed(EIGHT, "agents.entries.*.tools.loopDetection.detectors"),
    removed(
        EIGHT,
        "agents.entries.*.tools.loopDetection.globalCircuitBreakerThreshold",
    ),
    removed(EIGHT, "agents.entries.*.tools.loopDetection.historySize"),
    removed(
        EIGHT,
        "agents.entries.*.tools.loopDetection.warningThreshold",
    ),
    removed(EIGHT, "auth.cooldowns"),
    removed(EIGHT, "browser.cdpPortRangeStart"),
    removed(EIGHT, "browser.color"),
    removed(EIGHT, "browser.profiles.*.color"),
    removed(EIGHT, "browser.remoteCdpHandshakeTimeoutMs"),
    removed(EIGHT, "browser.remoteCdpTimeoutMs"),
    removed(EIGHT, "cli"),
    removed(EIGHT, "commands.ownerDisplay"),
    removed(EIGHT, "commands.ownerDisplaySecret"),
    removed(EIGHT, "commands.useAccessGroups"),
    removed(EIGHT, "cron.maxConcurrentRuns"),
    removed(EIGHT, "cron.retry"),
    removed(EIGHT, "cron.runLog"),
    removed(EIGHT, "cron.store"),
    removed(EIGHT, "cron.webhook"),
    removed(EIGHT, "diagnostics.cacheTrace.filePath"),
    removed(EIGHT, "diagnostics.cacheTrace.includeMessages"),
    removed(EIGHT, "diagnostics.cacheTrace.includePrompt"),
    removed(EIGHT, "diagnostics.cacheTrace.includeSystem"),
    removed(EIGHT, "diagnostics.stuckSessionWarnMs"),
    removed(EIGHT, "discovery.wideArea.enabled"),
    removed(EIGHT, "gateway.channelHealthCheckMinutes"),
    removed(EIGHT, "gateway.channelMaxRestartsPerHour"),
    removed(EIGHT, "gateway.channelStaleEventThresholdMinutes"),
    removed(EIGHT, "gateway.controlUi.allowInsecureAuth"),
    removed(EIGHT, "gateway.http.endpoints.chatCompletions.maxBodyBytes"),
    removed(
        EIGHT,
        "gateway.http.endpoints.chatCompletions.maxImageParts",
    ),
    removed(
        EIGHT,
        "gateway.http.endpoints.chatCompletions.maxTotalImageBytes",
    ),
    removed(EIGHT, "gateway.http.endpoints.responses.maxBodyBytes"),
    removed(EIGHT, "gateway.reload.debounceMs"),
    removed(EIGHT, "gateway.reload.deferralTimeoutMs"),
    removed(EIGHT, "gateway.tailscale.resetOnExit"),
    removed(SIX, "gateway.webchat"),
    removed(EIGHT, "hooks.internal.installs"),
    removed(EIGHT, "hooks.maxBodyBytes"),
    removed(EIGHT, "logging.redactSensitive"),
    removed(EIGHT, "memory.backend"),
    removed(EIGHT, "memory.qmd"),
    removed(EIGHT, "messages.queue.debounceMs"),
    removed(EIGHT, "messages.removeAckAfterReply"),
    removed(EIGHT, "messages.statusReactions.emojis"),
    removed(EIGHT, "messages.statusReactions.timing"),
    removed(EIGHT, "meta.lastTouchedAt"),
    removed(EIGHT, "secrets.providers.*.allowInsecurePath"),
    removed(EIGHT, "secrets.providers.*.allowSymlinkCommand"),
    removed(EIGHT, "secrets.resolution"),
    removed(EIGHT, "session.agentToAgent"),
    removed(EIGHT, "session.maintenance.rotateBytes"),
    removed(SIX, "session.parentForkMaxTokens"),
    removed(EIGHT, "session.typingIntervalSeconds"),
    removed(EIGHT, "skills.load.watchDebounceMs"),
    removed(EIGHT, "tools.experimental"),
    removed(EIGHT, "tools.loopDetection.criticalThreshold"),
    removed(EIGHT, "tools.loopDetection.detectors"),
    removed(EIGHT, "tools.loopDetection.globalCircuitBreakerThreshold"),
    removed(EIGHT, "tools.loopDetection.historySize"),
    removed(EIGHT, "tools.loopDetection.warningThreshold"),
    removed(EIGHT, "tools.media.asyncCompletion"),
    removed(EIGHT, "ui.assistant"),
    removed(EIGHT, "update.auto.betaCheckIntervalHours"),
    removed(EIGHT, "update.auto.stableDelayHours"),
    removed(EIGHT, "update.auto.stableJitterHours"),
    removed(EIGHT, "web"),
    removed(NINE, "gateway.controlUi.toolTitles"),
    removed(NINE, "messages.suppressToolErrors"),
    removed(NINE, "skills.workshop.allowSymlinkTargetWrites"),
];

impl Rule {
    /// What it is called once it was applied.
    pub(super) fn name(&self) -> String {
        match self.to {
            Some(to) => format!("Moved {} to {to}", self.from),
            None => format!("Removed {}", self.from),
        }
    }

    /// Whether a release needs it.
    pub(super) fn holds_for(&self, target: &OpenclawVersion) -> bool {
        self.since.parse().is_ok_and(|since| *target >= since)
    }

    /// Applies it to every place that its path means.
    pub(super) fn apply(&self, configuration: &mut Map<String, Value>) -> Fixing {
        let from: Vec<&str> = self.from.split('.').collect();
        let to: Option<Vec<&str>> = self.to.map(|to| to.split('.').collect());
        let Some(any) = from.iter().position(|name| *name == "*") else {
            return relocate(configuration, &from, to.as_deref());
        };
        let parent = from.get(..any).unwrap_or_default();
        let keys: Vec<String> = match object_mut(configuration, parent) {
            Some(parent) => parent.keys().cloned().collect(),
            None => return Ok(()),
        };
        for key in &keys {
            let with_key = |path: &[&'static str]| -> Vec<&str> {
                let named = path
                    .iter()
                    .map(|name| if *name == "*" { key } else { *name });
                named.collect()
            };
            let to = to.as_deref().map(with_key);
            relocate(configuration, &with_key(&from), to.as_deref())?;
        }
        Ok(())
    }
}

/// Takes what is at one path, and puts it to another one if there is one: what is
/// there already stays, and what it lacks is filled in.
fn relocate(configuration: &mut Map<String, Value>, from: &[&str], to: Option<&[&str]>) -> Fixing {
    let Some((name, parent)) = from.split_last() else {
        return Ok(());
    };
    let Some(taken) = object_mut(configuration, parent).and_then(|parent| parent.remove(*name))
    else {
        return Ok(());
    };
    let Some((name, parent)) = to.and_then(<[&str]>::split_last) else {
        return Ok(());
    };
    match (make_object(configuration, parent)?.entry(*name), taken) {
        (Entry::Vacant(place), taken) => {
            place.insert(taken);
        }
        (Entry::Occupied(mut place), taken) => match (place.get_mut(), taken) {
            (Value::Object(there), Value::Object(taken)) => fill_missing(there, taken),
            (there @ Value::Null, taken) => *there = taken,
            _ => {}
        },
    }
    Ok(())
}
