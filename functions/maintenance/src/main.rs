//! The Lambda function `maintenance`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    common::http::serve(maintenance::from_environment).await
}
