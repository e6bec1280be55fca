//! The requests that are being answered, for whoever waits for their end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

/// Method and path of each request that is being answered. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<Requests>>);

#[derive(Default)]
struct Requests {
    last: u64,
    targets: BTreeMap<u64, String>,
}

/// Takes a request out again, also if its caller has gone.
struct Entry {
    all: UnderWay,
    number: u64,
}

impl UnderWay {
    /// Notes a request while it is answered.
    pub(crate) async fn note(State(all): State<Self>, request: Request, next: Next) -> Response {
        let _entry = all.enter(format!("{} {}", request.method(), request.uri().path()));
        next.run(request).await
    }

    /// Those that are being answered now, the oldest first.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.lock().targets.values().cloned().collect()
    }

    fn enter(&self, target: String) -> Entry {
        let mut requests = self.lock();
        requests.last += 1;
        let number = requests.last;
        requests.targets.insert(number, target);
        Entry {
            all: self.clone(),
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        // It is whole even if another holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.all.lock().targets.remove(&self.number);
    }
}
