//! The Lambda function `token`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(token::from_environment).await
}
