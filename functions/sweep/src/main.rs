//! The Lambda function `sweep`.

use std::process::ExitCode;

use common::process;
use common::threads::Threads;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use sweep::Coordinator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function ended");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    let threads = Threads::start()?;
    let mut dependencies = process::start(sweep::from_environment).await?;
    dependencies.runtimes = threads.runtimes();
    let coordinator = &Coordinator::new(dependencies);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let until = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
        let answer = coordinator
            .handle(event.payload, coordinator.remaining(until))
            .await;
        answer.map_err(lambda_runtime::Error::from)
    }))
    .await
}
