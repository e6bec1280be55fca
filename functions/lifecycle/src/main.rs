//! The Lambda function `lifecycle`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(lifecycle::from_environment).await
}
