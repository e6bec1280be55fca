//! The Lambda function `version`.

use std::process::ExitCode;

use common::config::ProcessEnvironment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(version::from_environment(&ProcessEnvironment)).await
}
