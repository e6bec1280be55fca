//! The hosts below `AGENT_ORIGIN`: each is one agent, at the root, for the browsers in
//! which its owner has opened its page.
//!
//! Nothing of this API answers there, and no cookie or key of the platform is taken:
//! whoever serves the pages may do anything in their origin.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use common::model::{HostOwner, OPEN_PATH};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use crate::device_approval::DeviceApproval;
use crate::page::{Refused, is_shown};
use crate::page_session::PageSessions;
use crate::target::Target;
use crate::tunnel::Witness;
use crate::{forward, upgrade};

/// Whose host a request is for, if it is where agents' hosts are.
pub(crate) fn owner(state: &crate::State, request: &Request) -> Option<HostOwner> {
    let sessions = state.page_sessions.as_ref()?;
    let named = request.uri().authority().map(|it| it.as_str().to_owned());
    let host = named.or_else(|| {
        let host = request.headers().get(header::HOST)?.to_str().ok()?;
        Some(host.to_owned())
    });
    match sessions.origin.owner_of(&host?) {
        HostOwner::Other => None,
        owner => Some(owner),
    }
}

/// Answers a request for one of agents' hosts.
pub(crate) async fn answer(state: &crate::State, owner: HostOwner, request: Request) -> Response {
    let shown = request.uri().path() == OPEN_PATH || is_shown(request.headers());
    let answered = match (owner, &state.page_sessions) {
        (HostOwner::Agent(label), Some(sessions)) => visit(state, sessions, &label, request).await,
        _ => Err(Refused::NoAgent),
    };
    answered.unwrap_or_else(|refused| refused.answer(shown))
}

async fn visit(
    state: &crate::State,
    sessions: &PageSessions,
    label: &str,
    request: Request,
) -> Result<Response, Refused> {
    let (mut parts, body) = request.into_parts();
    let now = state.clock.now();
    let own = sessions.origin.at(label);
    let is_others = is_of_other_origin(&parts, &own);
    if parts.uri.path() == OPEN_PATH {
        if parts.method != Method::GET {
            return Err(Refused::NotGet);
        }
        // A browser that only guesses that it will be asked for must not use it up.
        if is_others || parts.headers.contains_key("sec-purpose") {
            return Err(Refused::OtherOrigin);
        }
        let ticket = ticket(parts.uri.query());
        let cookie = sessions.open(ticket, label, now).await?;
        return cookie.map(opened).ok_or(Refused::BadLink);
    }
    let agent = sessions.agent(&parts.headers, label, now).await?;
    let agent = agent.ok_or(Refused::NotOpen)?;
    if is_others {
        return Err(Refused::OtherOrigin);
    }
    let uri = std::mem::take(&mut parts.uri);
    let target = Target::at_root(agent, &uri)?;
    if upgrade::is_requested(&parts.headers) {
        let witness = |url| -> Option<Box<dyn Witness>> {
            Some(Box::new(DeviceApproval::new(state, url, &target.agent)))
        };
        let opened = upgrade::open(state, parts, &target, target.query, witness);
        return Ok(Box::pin(opened).await?);
    }
    Ok(forward::forward_to(state, &parts, body, &target).await?)
}

/// Begins a session: the browser keeps the cookie, and what is behind `#`, and goes on
/// to the agent's root.
fn opened(cookie: HeaderValue) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let headers = answer.headers_mut();
    headers.insert(header::SET_COOKIE, cookie);
    for (name, value) in [
        (header::LOCATION, "/"),
        (header::CACHE_CONTROL, "no-store"),
        // The ticket is in this address.
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

fn ticket(query: Option<&str>) -> &str {
    let mut pairs = query.unwrap_or_default().split('&');
    let ticket = pairs.find_map(|pair| pair.strip_prefix("ticket="));
    ticket.unwrap_or_default()
}

/// Whether a page of another origin sent this request with the visitor's cookie. Agents'
/// hosts are of one site, so that `SameSite` does not keep them from each other.
///
/// To be led here by a link is allowed; browsers tell that apart. Those that do not are
/// kept from reading the answer by its headers.
fn is_of_other_origin(parts: &Parts, own: &str) -> bool {
    let mut origins = parts.headers.get_all(header::ORIGIN).iter();
    if origins.next().is_some_and(|origin| origin != own) || origins.next().is_some() {
        return true;
    }
    let is = |name: &str, value: &str| parts.headers.get(name).is_some_and(|it| it == value);
    let is_own = is("sec-fetch-site", "same-origin") || is("sec-fetch-site", "none");
    let is_link = parts.method.is_safe()
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document");
    parts.headers.contains_key("sec-fetch-site") && !is_own && !is_link
}
