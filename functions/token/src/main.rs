//! The Lambda function `token`.

use std::process::ExitCode;

use common::aws::Aws;
use common::background::Background;
use common::config::Environment;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let background = Background::new();
    let routes = {
        let background = background.clone();
        async move |environment: &dyn Environment, aws: &Aws| {
            token::from_environment(environment, aws, background).await
        }
    };
    common::http::serve_and_finish(background, routes).await
}
