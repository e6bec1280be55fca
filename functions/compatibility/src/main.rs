//! The Lambda function `compatibility`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(compatibility::from_environment).await
}
