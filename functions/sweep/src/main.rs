//! The Lambda function `sweep`.

use std::process::ExitCode;
use std::sync::Arc;

use common::process;
use common::threads::Threads;
use jiff::Timestamp;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

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
    let mut sweep = process::start(sweep::from_environment).await?;
    sweep.runtimes = threads.runtimes();
    let sweep = &Arc::new(sweep);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let until = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
        let answer = sweep.handle(event.payload, sweep.remaining(until)).await;
        answer.map_err(lambda_runtime::Error::from)
    }))
    .await
}
