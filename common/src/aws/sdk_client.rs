//! The SDK's requests over the HTTP client that all other APIs are asked with.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use reqwest::{Body, Client, Request, redirect};

use crate::client;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(1);

/// What the SDK sends requests with. It is made when it is first needed, and its
/// copies share one pool of connections.
///
/// The SDK's own client is a second HTTP stack beside reqwest, with root
/// certificates of its own, which it parses twice.
#[derive(Clone, Debug, Default)]
pub struct SdkClient(Arc<OnceLock<Client>>);

impl HttpClient for SdkClient {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for SdkClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client();
        HttpConnectorFuture::new(async { send(client?, request).await })
    }
}

impl SdkClient {
    fn client(&self) -> Result<Client, ConnectorError> {
        if let Some(client) = self.0.get() {
            return Ok(client.clone());
        }
        let made = client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .build()
            .map_err(failed)?;
        Ok(self.0.get_or_init(|| made).clone())
    }
}

async fn send(client: Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let (head, body) = request.try_into_http1x().map_err(unusable)?.into_parts();
    let body = body
        .bytes()
        .ok_or("requests whose bodies stream are not sent here");
    let body = body.map_err(unusable)?.to_vec();
    let request = ::http::Request::from_parts(head, body);
    let request = Request::try_from(request).map_err(failed)?;
    let answer = client.execute(request).await.map_err(failed)?;
    let (head, body) = ::http::Response::<Body>::from(answer).into_parts();
    let body = body.collect().await.map_err(failed)?.to_bytes();
    ::http::Response::from_parts(head, SdkBody::from(body))
        .try_into()
        .map_err(unusable)
}

fn unusable(error: impl Into<Box<dyn Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::user(error.into())
}

/// Why there is no answer, as the SDK's retries tell causes apart.
fn failed(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}
