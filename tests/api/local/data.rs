//! The embedded DynamoDB: its file, and its key.

use std::sync::Arc;
use std::time::Duration;

use common::clock::SystemClock;
use common::railway::Limits;
use local::{Data, LocalEnvironment, Options, Stack, StackError};

/// A stack as `cargo run -p local` starts it.
pub(crate) async fn start(data: &Data) -> Result<Stack, StackError> {
    let options = Options {
        port: 0,
        data: data.clone(),
        clock: Arc::new(SystemClock),
        stage: Duration::from_millis(50),
        limits: Limits::default(),
        sweep: None,
        guarded: true,
    };
    let nothing = std::collections::BTreeMap::<&str, String>::new();
    Stack::start(options, &LocalEnvironment(nothing)).await
}

#[tokio::test]
async fn a_second_stack_on_the_same_data_refuses_to_start_and_names_the_first() {
    let folder = std::env::temp_dir().join(format!("stack-{}", common::random::unique_id()));
    let file = folder.join("dynamodb.sqlite");
    let data = Data::File(file.clone());
    let first = start(&data).await.unwrap();
    let refused = start(&data).await.err().expect("it refuses").to_string();
    let expected = format!(
        "{} is in use by process {}; end that, or choose another file with --data, or --memory",
        file.display(),
        std::process::id()
    );
    assert_eq!(refused, expected);
    first.stop().await;
    let again = start(&data).await.expect("the data are free again");
    again.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
}
