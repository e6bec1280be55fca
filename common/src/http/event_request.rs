//! A request as API Gateway's events carry it.
//!
//! API Gateway decodes paths, and a client may have put anything into one. The
//! runtime's own conversion takes what it finds for a URL: it panics over some of
//! it, takes a decoded `#` or `?` for a mark, resolves `..` before anybody has judged
//! it, and refuses an event for a header that is not ASCII. So target, headers,
//! cookies and body are taken out of the event before, and put into the request
//! after, each for itself.

use std::convert::Infallible;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::Router;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceExt;
use lambda_http::{Adapter, Body, LambdaEvent, Request, Service};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::ApiError;
use super::event_response::fit_for_event;

/// An event of API Gateway.
pub(super) struct EventRequest {
    /// The event without what is in `request`.
    rest: ApiGatewayV2httpRequest,
    request: Result<Kept, ApiError>,
}

/// What is taken out of an event.
struct Kept {
    target: Uri,
    headers: HeaderMap,
    body: Body,
}

/// What a path cannot hold, beside bytes beyond ASCII.
const NOT_IN_A_PATH: AsciiSet = NOT_IN_A_QUERY
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

const NOT_IN_A_QUERY: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

impl<'de> Deserialize<'de> for EventRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Map::deserialize(deserializer)?;
        let request = take(&mut event);
        let rest = serde_json::from_value(event.into()).map_err(de::Error::custom)?;
        Ok(Self { rest, request })
    }
}

/// Takes the request out of an event, and leaves there what is good for a request of
/// any kind.
fn take(event: &mut Map<String, Value>) -> Result<Kept, ApiError> {
    let path = event.insert("rawPath".to_owned(), "/".into());
    let query = event.insert("rawQueryString".to_owned(), "".into());
    let headers = event.insert("headers".to_owned(), Map::new().into());
    let cookies = event.remove("cookies");
    let body = event.remove("body");
    let is_base64 = event.insert("isBase64Encoded".to_owned(), false.into());
    // Only the runtime would read these.
    event.remove("queryStringParameters");
    event.remove("pathParameters");
    event.remove("stageVariables");
    let context = event.get_mut("requestContext");
    if let Some(Value::Object(context)) = context {
        context.remove("domainName");
        check_method(context)?;
    }
    Ok(Kept {
        target: target(text(path.as_ref()), text(query.as_ref()))?,
        headers: read_headers(headers.as_ref(), cookies.as_ref()),
        body: read_body(text(body.as_ref()), is_base64 == Some(Value::Bool(true)))?,
    })
}

fn check_method(context: &mut Map<String, Value>) -> Result<(), ApiError> {
    let method = context.get_mut("http").and_then(|it| it.get_mut("method"));
    match method {
        Some(Value::String(method)) if Method::from_bytes(method.as_bytes()).is_err() => {
            *method = "GET".to_owned();
            Err(ApiError::MethodNotAllowed)
        }
        _ => Ok(()),
    }
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

/// Encodes again what API Gateway has decoded. A percent sign is left alone only
/// where it encodes something.
fn target(path: &str, query: &str) -> Result<Uri, ApiError> {
    let mut target = encoded(path, &NOT_IN_A_PATH);
    if !target.starts_with('/') {
        target.insert(0, '/');
    }
    if !query.is_empty() {
        target.push('?');
        target.push_str(&encoded(query, &NOT_IN_A_QUERY));
    }
    let malformed = |_| ApiError::BadRequest("The path or the query is malformed".to_owned());
    target.parse().map_err(malformed)
}

fn encoded(text: &str, not_allowed: &'static AsciiSet) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default();
    let mut encoded: String = utf8_percent_encode(first, not_allowed).collect();
    for part in parts {
        let digits = part.bytes().take(2).filter(u8::is_ascii_hexdigit);
        encoded.push_str(if digits.count() == 2 { "%" } else { "%25" });
        encoded.extend(utf8_percent_encode(part, not_allowed));
    }
    encoded
}

/// All headers that are some; an event has each name once, and cookies apart.
fn read_headers(headers: Option<&Value>, cookies: Option<&Value>) -> HeaderMap {
    let listed = headers.and_then(Value::as_object).into_iter().flatten();
    let mut read = HeaderMap::new();
    for (name, value) in listed {
        let value = value
            .as_str()
            .map(|it| HeaderValue::from_bytes(it.as_bytes()));
        if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name.as_bytes()), value) {
            read.append(name, value);
        }
    }
    let cookies = cookies.and_then(Value::as_array).into_iter().flatten();
    for cookie in cookies.filter_map(Value::as_str) {
        read.extend(
            HeaderValue::from_bytes(cookie.as_bytes())
                .ok()
                .map(|it| (header::COOKIE, it)),
        );
    }
    read
}

fn read_body(body: &str, is_base64: bool) -> Result<Body, ApiError> {
    let malformed = |_| ApiError::BadRequest("The body is not base64".to_owned());
    match (body.is_empty(), is_base64) {
        (true, _) => Ok(Body::Empty),
        (false, false) => Ok(body.into()),
        (false, true) => Ok(BASE64_STANDARD.decode(body).map_err(malformed)?.into()),
    }
}

/// Answers an event, with what `routes` answer to the request in it.
pub(super) async fn answer(
    routes: Router,
    event: LambdaEvent<EventRequest>,
) -> Result<impl serde::Serialize + std::fmt::Debug, Infallible> {
    let LambdaEvent { payload, context } = event;
    let EventRequest { rest, request } = payload;
    let mut request = Some(request);
    let service = lambda_http::service_fn(move |converted: Request| {
        let (routes, request) = (routes.clone(), request.take());
        async move {
            let answer = match request {
                Some(Ok(kept)) => {
                    let Ok(answer) = routes.oneshot(whole(converted, kept)).await;
                    answer
                }
                Some(Err(refused)) => refused.into_response(),
                None => ApiError::NotFound.into_response(),
            };
            // The runtime requires bodies that are `Sync`, which axum's are not.
            let answer: Response = fit_for_event(answer);
            Ok::<_, Infallible>(lambda_http::IntoResponse::into_response(answer).await)
        }
    });
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(rest), context);
    Adapter::from(service).call(event).await
}

fn whole(converted: Request, kept: Kept) -> axum::extract::Request {
    let (mut parts, _) = converted.into_parts();
    parts.uri = kept.target;
    let of_runtime = std::mem::replace(&mut parts.headers, kept.headers);
    for (name, value) in &of_runtime {
        parts.headers.insert(name, value.clone());
    }
    let body = match kept.body {
        Body::Text(text) => text.into(),
        Body::Binary(bytes) => bytes.into(),
        _ => axum::body::Body::empty(),
    };
    axum::extract::Request::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use axum::extract::Request as AxumRequest;
    use lambda_http::Context;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::http::{AllowedOrigins, app};

    /// Answers with what it was asked.
    fn mirror() -> Router {
        let mirror = async |request: AxumRequest| {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1_000).await.unwrap();
            let headers: Vec<_> = parts
                .headers
                .iter()
                .map(|(name, value)| {
                    format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
                })
                .collect();
            axum::Json(json!({
                "target": parts.uri.to_string(),
                "method": parts.method.as_str(),
                "headers": headers,
                "body": String::from_utf8_lossy(&body),
            }))
        };
        app(
            Router::new().route("/{*path}", axum::routing::any(mirror)),
            &AllowedOrigins::default(),
        )
    }

    fn event(change: impl FnOnce(&mut Value)) -> Value {
        let mut event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/x", "rawQueryString": "",
            "headers": {}, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "1", "apiId": "a", "stage": "$default", "requestId": "r",
                "domainName": "api.example", "time": "", "timeEpoch": 0,
                "http": {
                    "method": "POST", "path": "/x", "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.7", "userAgent": "x",
                },
            },
        });
        change(&mut event);
        event
    }

    async fn answered(event: Value) -> (u64, Value) {
        let event: EventRequest = serde_json::from_value(event).unwrap();
        let event = LambdaEvent::new(event, Context::default());
        let answer = answer(mirror(), event).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        let body = answer["body"].as_str().unwrap_or("null");
        let status = answer["statusCode"].as_u64().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    async fn target_of(path: &str, query: &str) -> Value {
        let asked = event(|event| {
            event["rawPath"] = path.into();
            event["rawQueryString"] = query.into();
        });
        answered(asked).await.1["target"].take()
    }

    #[tokio::test]
    async fn what_api_gateway_has_decoded_is_encoded_again() {
        for (path, query, target) in [
            ("/a/b", "c=d&e", "/a/b?c=d&e"),
            ("/a#b", "", "/a%23b"),
            ("/a?b", "c?d", "/a%3Fb?c?d"),
            ("/100%", "50%", "/100%25?50%25"),
            ("/%zz", "", "/%25zz"),
            ("/a%2Fb", "c=%20", "/a%2Fb?c=%20"),
            ("/a b\"c'<d>", "e f\"g", "/a%20b%22c'%3Cd%3E?e%20f%22g"),
            ("/Zürich", "stadt=Zürich", "/Z%C3%BCrich?stadt=Z%C3%BCrich"),
            ("/a\r\n\0", "b\n", "/a%0D%0A%00?b%0A"),
            ("/a/../b/./c", "", "/a/../b/./c"),
            ("/a\\..\\b", "", "/a%5C..%5Cb"),
            ("//evil.example/x", "", "//evil.example/x"),
            ("a@b", "", "/a@b"),
            ("/x", "a#b", "/x?a%23b"),
        ] {
            assert_eq!(target_of(path, query).await, target);
        }
    }

    #[tokio::test]
    async fn one_bad_piece_leaves_the_others() {
        let (status, mut asked) = answered(event(|event| {
            event["headers"] = json!({
                "x-city": "Zürich", "x-bad": "a\nb", "bad name": "x", "host": "a b@:/?#",
                "x-forwarded-proto": "::", "cookie": "c=3",
            });
            event["cookies"] = json!(["city=Zürich", "bad=\u{0}", "session=1", 7]);
            event["body"] = "Zm9v".into();
            event["isBase64Encoded"] = true.into();
        }))
        .await;
        assert_eq!(status, 200);
        let expected = json!({
            "target": "/x", "method": "POST", "body": "foo",
            "headers": [
                "cookie: c=3", "cookie: city=Zürich", "cookie: session=1",
                "host: a b@:/?#", "x-city: Zürich", "x-forwarded-proto: ::",
            ],
        });
        let headers = asked["headers"].as_array_mut().unwrap();
        headers.sort_by_key(|it| it.as_str().unwrap().to_owned());
        headers.retain(|it| !it.as_str().unwrap().starts_with("x-amzn"));
        assert_eq!(asked, expected);
    }

    #[tokio::test]
    async fn what_is_no_request_gets_an_answer() {
        for (change, status, error) in [
            (
                json!({"body": "%", "isBase64Encoded": true}),
                400,
                "The body is not base64",
            ),
            (
                json!({"rawPath": format!("/{}", "x".repeat(70_000))}),
                400,
                "The path or the query is malformed",
            ),
        ] {
            let asked = event(|event| {
                let event = event.as_object_mut().unwrap();
                event.extend(change.as_object().unwrap().clone());
            });
            assert_eq!(answered(asked).await, (status, json!({"error": error})));
        }
        let asked = event(|event| event["requestContext"]["http"]["method"] = "G T".into());
        let refused = json!({"error": "Method not allowed"});
        assert_eq!(answered(asked).await, (405, refused));
    }

    #[tokio::test]
    async fn every_character_in_every_part_of_an_event_gets_an_answer() {
        let parts = [
            "/rawPath",
            "/rawQueryString",
            "/body",
            "/headers/x-a",
            "/headers/host",
            "/headers/x-forwarded-proto",
            "/headers/x-request-id",
            "/cookies/0",
            "/requestContext/http/method",
            "/requestContext/domainName",
        ];
        for character in (0..=0x17f).filter_map(char::from_u32) {
            for text in [
                format!("{character}"),
                format!("/x{character}"),
                format!("{character}/x"),
                format!("/x{character}{character}y"),
            ] {
                for part in parts {
                    let asked = event(|event| {
                        event["headers"] = json!({"x-a": "", "host": "a", "x-forwarded-proto": "",
                            "x-request-id": ""});
                        event["cookies"] = json!([""]);
                        event["body"] = "".into();
                        *event.pointer_mut(part).unwrap() = text.clone().into();
                    });
                    let (status, _) = answered(asked).await;
                    assert!(
                        matches!(status, 200 | 400 | 404 | 405),
                        "{part} {text:?}: {status}"
                    );
                }
                let asked = event(|event| event["headers"] = json!({ &text: "x" }));
                assert_eq!(answered(asked).await.0, 200, "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_path_and_query_arrive_as_they_were(path in "/\\PC{0,20}", query in "\\PC{0,20}") {
            let target = target(&path, &query);
            prop_assert!(target.is_ok(), "{:?}", target);
            let target = target.unwrap();
            let decode = |it: &str| percent_encoding::percent_decode_str(it).decode_utf8_lossy().into_owned();
            prop_assert_eq!(decode(target.path()), decode(&path));
            prop_assert_eq!(decode(target.query().unwrap_or_default()), decode(&query));
        }
    }
}
