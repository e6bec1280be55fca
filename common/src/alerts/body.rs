//! The body of an alert, in the format of its receiver.

use serde_json::{Value, json};
use url::Url;

use super::{Alert, Severity};
use crate::clock::iso8601;

/// The longest message that Discord takes, in characters.
const DISCORD_LIMIT: usize = 2000;

/// The receiver of alerts, recognised by the webhook's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    Slack,
    Discord,
    /// Any other receiver gets the fields as JSON.
    Other,
}

impl Receiver {
    pub(super) fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        let is = |domain: &str| {
            let below = host.strip_suffix(domain);
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        if is("slack.com") {
            Self::Slack
        } else if is("discord.com") || is("discordapp.com") {
            Self::Discord
        } else {
            Self::Other
        }
    }

    pub(super) fn body(self, alert: &Alert) -> Value {
        match self {
            // Slack reads `<` and `&` as markup: `<!channel>` would notify
            // everybody.
            Self::Slack => json!({"text": message(alert)
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")}),
            Self::Discord => json!({
                "content": message(alert).chars().take(DISCORD_LIMIT).collect::<String>(),
                "allowed_mentions": {"parse": []},
            }),
            Self::Other => json!({
                "severity": alert.severity,
                "title": alert.title,
                "text": alert.text,
                "instanceId": alert.instance.as_ref().map(ToString::to_string),
                "time": iso8601(alert.time),
                "dedupKey": alert.dedup_key,
            }),
        }
    }
}

fn message(alert: &Alert) -> String {
    let severity = match alert.severity {
        Severity::Info => "Info",
        Severity::Warning => "Warning",
        Severity::Critical => "Critical",
    };
    let instance = alert
        .instance
        .as_ref()
        .map(|instance| format!("\nInstance: {instance}"))
        .unwrap_or_default();
    format!(
        "{severity}: {}\n{}{instance}\nTime: {}",
        alert.title,
        alert.text,
        iso8601(alert.time)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(text: &str) -> Alert {
        Alert {
            severity: Severity::Critical,
            title: "Gateway down".to_owned(),
            text: text.to_owned(),
            instance: Some("abc123".parse().unwrap()),
            time: "2026-04-04T03:10:00Z".parse().unwrap(),
            dedup_key: "gateway-down:abc123".to_owned(),
        }
    }

    #[test]
    fn a_receiver_is_told_by_its_host() {
        for (url, receiver) in [
            ("https://hooks.slack.com/services/T/B/x", Receiver::Slack),
            ("https://discord.com/api/webhooks/1/x", Receiver::Discord),
            (
                "https://ptb.discord.com/api/webhooks/1/x",
                Receiver::Discord,
            ),
            ("https://discordapp.com/api/webhooks/1/x", Receiver::Discord),
            ("https://notslack.com/", Receiver::Other),
            ("https://slack.com.example/", Receiver::Other),
            ("http://127.0.0.1:9/slack.com", Receiver::Other),
        ] {
            assert_eq!(Receiver::of(&url.parse().unwrap()), receiver, "{url}");
        }
    }

    #[test]
    fn each_receiver_gets_its_own_body() {
        let text =
            "Critical: Gateway down\nno answer\nInstance: abc123\nTime: 2026-04-04T03:10:00.000Z";
        assert_eq!(
            Receiver::Slack.body(&alert("no answer")),
            json!({"text": text})
        );
        assert_eq!(
            Receiver::Discord.body(&alert("no answer")),
            json!({"content": text, "allowed_mentions": {"parse": []}})
        );
        assert_eq!(
            Receiver::Other.body(&alert("no answer")),
            json!({
                "severity": "critical", "title": "Gateway down", "text": "no answer",
                "instanceId": "abc123", "time": "2026-04-04T03:10:00.000Z",
                "dedupKey": "gateway-down:abc123",
            })
        );
    }

    #[test]
    fn a_text_can_neither_call_people_nor_be_too_long() {
        let slack = Receiver::Slack.body(&alert("<!channel> & all"));
        let text = slack["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt; &amp; all"), "{text}");
        let discord = Receiver::Discord.body(&alert(&"ä".repeat(3000)));
        let content = discord["content"].as_str().unwrap();
        assert_eq!(content.chars().count(), DISCORD_LIMIT);
    }
}
