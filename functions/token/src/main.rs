//! The Lambda function `token`.

use std::process::ExitCode;

use common::background::Background;
use common::config::ProcessEnvironment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let background = Background::new();
    let routes = token::from_environment(&ProcessEnvironment, background.clone());
    common::http::serve_and_finish(background, routes).await
}
