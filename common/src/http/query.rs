//! Query strings. A parameter that an endpoint does not have is refused: whoever
//! misspells one would otherwise get something else than they asked for.

use std::fmt::Write;

use ::http::request::Parts;
use axum::extract::{FromRequestParts, Query};
use serde::de::DeserializeOwned;

use super::ApiError;

/// What a query may say.
pub trait Parameters: DeserializeOwned {
    /// The names of all parameters.
    const NAMES: &[&str];
}

/// The query of an endpoint that has these parameters.
#[derive(Clone, Copy, Debug)]
pub struct StrictQuery<T>(pub T);

/// The query of an endpoint that has none.
#[derive(Clone, Copy, Debug)]
pub struct NoQuery;

impl<S: Send + Sync, T: Parameters> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        check(parts, T::NAMES)?;
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|error| ApiError::BadRequest(error.body_text()))?;
        Ok(Self(query))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        check(parts, &[])?;
        Ok(Self)
    }
}

/// Refuses parameters that are not among these.
fn check(parts: &Parts, allowed: &[&str]) -> Result<(), ApiError> {
    let query = parts.uri.query().unwrap_or_default();
    let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let unknown: Vec<_> = names.filter(|name| !allowed.contains(&&**name)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for (index, name) in unknown.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{name:?}");
    }
    let are = if unknown.len() == 1 {
        "is no parameter"
    } else {
        "are no parameters"
    };
    let rule = match allowed {
        [] => "this endpoint has none".to_owned(),
        [one] => format!("allowed is {one}"),
        [all @ .., last] => format!("allowed are {} and {last}", all.join(", ")),
    };
    Err(ApiError::BadRequest(format!("{text} {are}; {rule}")))
}

#[cfg(test)]
mod tests {
    use ::http::Request;

    use super::*;

    fn refusal(query: &str, allowed: &[&str]) -> Option<String> {
        let request = Request::get(format!("/api?{query}")).body(()).unwrap();
        let (parts, ()) = request.into_parts();
        check(&parts, allowed).err().map(|error| error.to_string())
    }

    #[test]
    fn parameters_that_are_not_there_are_named_with_those_that_are() {
        let two = &["dryRun", "target"][..];
        for (query, allowed, expected) in [
            ("dryRun=true&target=2026.9.6", two, None),
            ("", two, None),
            ("", &[], None),
            (
                "dryrun=true",
                two,
                Some(r#""dryrun" is no parameter; allowed are dryRun and target"#),
            ),
            (
                "Target=1&dryRun=true&x",
                two,
                Some(r#""Target", "x" are no parameters; allowed are dryRun and target"#),
            ),
            (
                "x=1",
                &["hours"],
                Some(r#""x" is no parameter; allowed is hours"#),
            ),
            (
                "x=1",
                &[],
                Some(r#""x" is no parameter; this endpoint has none"#),
            ),
            ("d%72yRun=true", two, None),
            (
                "a%0Ab=1",
                &[],
                Some(r#""a\nb" is no parameter; this endpoint has none"#),
            ),
            (
                "=1",
                &[],
                Some(r#""" is no parameter; this endpoint has none"#),
            ),
        ] {
            let found = refusal(query, allowed);
            assert_eq!(found.as_deref(), expected, "{query}");
        }
    }
}
