//! The variables of a service.

use std::collections::BTreeMap;
use std::fmt;

/// Variables to be written, by name. What has no value is left out, so that a
/// value which the platform lacks never blanks a live one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Adds a variable, unless its value is missing or blank.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            self.0.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}

impl fmt::Debug for Variables {
    /// Names only: the values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_value_is_left_out_and_values_are_not_shown() {
        let variables = Variables::default()
            .with("OPENCLAW_GATEWAY_TOKEN", Some("secret"))
            .with("PORT", Some("18789"))
            .with("MISSING", None)
            .with("EMPTY", Some(""))
            .with("BLANK", Some(" \n"));
        assert_eq!(
            format!("{variables:?}"),
            r#"{"OPENCLAW_GATEWAY_TOKEN", "PORT"}"#
        );
        assert_eq!(
            variables.to_map(),
            BTreeMap::from([
                ("OPENCLAW_GATEWAY_TOKEN".to_owned(), "secret".to_owned()),
                ("PORT".to_owned(), "18789".to_owned()),
            ])
        );
    }

    #[test]
    fn a_blank_value_does_not_take_away_a_good_one() {
        let variables = Variables::default()
            .with("PORT", Some("18789"))
            .with("PORT", Some(""));
        assert_eq!(variables.values().collect::<Vec<_>>(), ["18789"]);
    }
}
