//! The Lambda function `fleet`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(fleet::from_environment).await
}
