//! Responses that are read completely before they are passed on, as Lambda needs.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::ProxyError;
use crate::limits::Deadline;

/// Reads a body of at most `max` bytes.
///
/// # Errors
/// When it is longer, breaks off, or is not complete in time.
pub(crate) async fn collect(
    body: Body,
    max: usize,
    deadline: Deadline,
) -> Result<Bytes, ProxyError> {
    match deadline.hold(Limited::new(body, max).collect()).await? {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ProxyError::AnswerTooLarge(max)),
        Err(_) => Err(ProxyError::AgentUnreachable),
    }
}

/// The response in a form that Lambda's event carries unchanged.
pub(crate) async fn buffer(
    answer: Response,
    max: usize,
    deadline: Deadline,
) -> Result<Response, ProxyError> {
    let (mut head, body) = answer.into_parts();
    let body = collect(body, max, deadline).await?;
    join_repeated(&mut head.headers);
    if !body.is_empty() && !survives_as_text(&head.headers, &body, max) {
        // Changes nothing for the client, and makes the runtime send the body in
        // base64.
        let identity = HeaderValue::from_static("identity");
        head.headers
            .entry(header::CONTENT_ENCODING)
            .or_insert(identity);
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Whether the runtime can send a body as text without changing it. It decides by
/// `Content-Type` alone, decodes what is said to be text, and drops a byte order
/// mark and invalid bytes; and a text grows where JSON has to escape it.
fn survives_as_text(headers: &HeaderMap, body: &Bytes, max: usize) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map(|it| it.to_str().unwrap_or("?").to_ascii_lowercase());
    let charset = content_type
        .as_deref()
        .and_then(|it| it.split_once("charset"));
    let is_utf_8 = charset.is_none_or(|(_, charset)| {
        charset
            .trim_start_matches([' ', '=', '"'])
            .starts_with("utf-8")
    });
    let text = std::str::from_utf8(body);
    let escaped = |text: &str| -> usize {
        let grown = |character: char| match character {
            '"' | '\\' => 1,
            control if control.is_control() => 5,
            _ => 0,
        };
        text.len() + text.chars().map(grown).sum::<usize>()
    };
    // In base64 the longest body takes a third more.
    is_utf_8 && text.is_ok_and(|it| !it.starts_with('\u{feff}') && escaped(it) <= max / 3 * 4)
}

/// A response of API Gateway has each header once, except for cookies.
fn join_repeated(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let values: Vec<&[u8]> = headers
            .get_all(&name)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if name != header::SET_COOKIE
            && values.len() > 1
            && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..]))
        {
            headers.insert(name, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survives(content_type: &str, body: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        }
        survives_as_text(&headers, &Bytes::copy_from_slice(body), 3_000)
    }

    #[test]
    fn only_what_the_runtime_leaves_alone_is_sent_as_text() {
        for (content_type, body, expected) in [
            ("application/json", "{\"a\": \"ä\"}".as_bytes(), true),
            ("text/html; charset=utf-8", b"<p>", true),
            ("text/html; charset=\"UTF-8\"", b"<p>", true),
            ("", b"plain", true),
            ("", b"\xff\x00", false),
            ("text/plain", b"\xff", false),
            ("text/plain; charset=iso-8859-1", b"plain", false),
            ("text/plain; charset=utf-16", b"plain", false),
            ("text/css", b"\xef\xbb\xbfa{}", false),
            ("text/plain", &[b'x'; 3_000], true),
            ("text/plain", &[b'"'; 3_000], false),
            ("text/plain", &[1; 1_000], false),
        ] {
            assert_eq!(
                survives(content_type, body),
                expected,
                "{content_type} {body:?}"
            );
        }
    }

    #[test]
    fn repeated_headers_become_one_but_cookies_do_not() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("vary", "a"),
            ("vary", "b"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        join_repeated(&mut headers);
        assert_eq!(headers["vary"], "a, b");
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
    }
}
