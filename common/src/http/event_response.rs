//! A response as API Gateway's events can carry it.
//!
//! An event is JSON, so a header in it is text, and each name occurs once. The
//! runtime ends the process when it cannot write a response, and leaves all but
//! the first value of a name out. Agents choose headers freely, so one of them
//! could end the function for all.

use ::http::header::{self, HeaderName, HeaderValue};
use axum::response::Response;

/// The same response without headers that no event can carry, and with the values
/// of a name in one line, as RFC 9110, 5.3 allows.
pub(super) fn fit_for_event(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let values: Vec<_> = headers.get_all(&name).iter().cloned().collect();
        let count = values.len();
        let carried: Vec<_> = values
            .into_iter()
            .filter(|it| is_carried(&name, it))
            .collect();
        // Cookies have lines of their own in an event.
        let is_one_line = name == header::SET_COOKIE || count == 1;
        if carried.len() == count && is_one_line {
            continue;
        }
        if carried.len() < count {
            tracing::warn!(header = name.as_str(), "an event cannot carry this header");
        }
        headers.remove(&name);
        if name == header::SET_COOKIE {
            for value in carried {
                headers.append(&name, value);
            }
        } else if let Some(line) = in_one_line(&carried) {
            headers.insert(name, line);
        }
    }
    response
}

/// Whether a value is text. Cookies are carried as ASCII only.
fn is_carried(name: &HeaderName, value: &HeaderValue) -> bool {
    match *name == header::SET_COOKIE {
        true => value.to_str().is_ok(),
        false => std::str::from_utf8(value.as_bytes()).is_ok(),
    }
}

fn in_one_line(values: &[HeaderValue]) -> Option<HeaderValue> {
    let values: Vec<_> = values.iter().map(HeaderValue::as_bytes).collect();
    let line = values.join(&b", "[..]);
    // Each was a value, and so is what is made of them.
    (!values.is_empty())
        .then(|| HeaderValue::from_bytes(&line).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use ::http::HeaderMap;
    use axum::body::Body;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn response(headers: &[(&str, &[u8])]) -> Response {
        let mut response = Response::new(Body::empty());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            let value = HeaderValue::from_bytes(value).unwrap();
            response.headers_mut().append(name, value);
        }
        response
    }

    /// As the runtime writes them; an error ends the process.
    fn written(headers: &HeaderMap) -> Result<Value, serde_json::Error> {
        let mut event = ApiGatewayV2httpResponse::default();
        event.headers = headers.clone();
        event.headers.remove(header::SET_COOKIE);
        Ok(serde_json::to_value(event)?["headers"].take())
    }

    #[test]
    fn what_no_event_can_carry_goes_and_the_rest_stays() {
        let answer = response(&[
            ("x-latin", b"Z\xfcrich"),
            ("x-utf8", "Zürich".as_bytes()),
            ("vary", b"origin"),
            ("vary", b"accept"),
            ("x-mixed", b"one"),
            ("x-mixed", b"\xff"),
            ("x-mixed", b"two"),
            ("set-cookie", b"a=1"),
            ("set-cookie", b"b=\xfc"),
            ("set-cookie", b"c=3"),
        ]);
        assert!(written(answer.headers()).is_err(), "the runtime would end");
        let fit = fit_for_event(answer);
        let expected = json!({"x-utf8": "Zürich", "vary": "origin, accept", "x-mixed": "one, two"});
        assert_eq!(written(fit.headers()).unwrap(), expected);
        let cookies: Vec<_> = fit.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "c=3"]);
    }

    proptest! {
        #[test]
        fn any_value_of_any_agent_can_be_written(
            values in prop::collection::vec(
                prop::collection::vec(any::<u8>().prop_filter("a value", |it| {
                    HeaderValue::from_bytes(&[*it]).is_ok()
                }), 0..20),
                0..8,
            ),
        ) {
            let names = ["x-a", "x-b", "set-cookie", "content-type"];
            let headers: Vec<(&str, &[u8])> =
                names.iter().copied().cycle().zip(values.iter().map(Vec::as_slice)).collect();
            let fit = fit_for_event(response(&headers));
            prop_assert!(written(fit.headers()).is_ok());
            for name in fit.headers().keys().filter(|name| *name != header::SET_COOKIE) {
                prop_assert_eq!(fit.headers().get_all(name).iter().count(), 1);
            }
        }
    }
}
