//! The Lambda function `proxy`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(proxy::from_environment).await
}
