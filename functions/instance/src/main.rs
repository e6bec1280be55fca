//! The Lambda function `instance`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(instance::from_environment).await
}
