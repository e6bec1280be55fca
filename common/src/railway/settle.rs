//! Writes, and what happens when the response to one is lost.
//!
//! A write whose answer is lost (a time-out, a broken connection, a 5xx) may
//! have taken effect, so it is never just sent again: the state is read, and
//! only if it shows no effect the write is sent a second time, and never a
//! third. A write that certainly did nothing (no connection, 429) is repeated
//! as a read is.
//!
//! What counts as an effect depends on the write. Deploying leaves a deployment
//! that is younger than the request, by Railway's clock, and of the image that
//! was asked for, if any; for about three seconds it can be mistaken for one
//! that somebody else made just before, which the lease on an instance rules
//! out. A request that timed out here and takes effect only after the state was
//! read is deployed twice: nothing in Railway's API could prevent it. Stopping
//! leaves nothing that runs. Restarting changes the deployment in some way;
//! where the change is not visible yet, the process restarts twice, which ends
//! the same.

use graphql_client::{GraphQLQuery, QueryBody};
use tokio::time::{Instant, sleep};

use super::client::{Access, Moment, Railway};
use super::error::RailwayError;

impl Railway {
    /// Sends a mutation. `answered` makes a result of the answer, `seen` of the
    /// state, if it shows what a write that was sent at that moment does.
    pub(super) async fn write<Q, T, F>(
        &self,
        access: &Access,
        variables: Q::Variables,
        deadline: Instant,
        answered: impl Fn(Q::ResponseData) -> Result<T, RailwayError>,
        seen: impl Fn(Moment) -> F,
    ) -> Result<T, RailwayError>
    where
        Q: GraphQLQuery,
        F: Future<Output = Result<Option<T>, RailwayError>>,
    {
        let body = Q::build_query(variables);
        let first = Moment::now();
        let mut lost = match self.attempt::<Q>(access, &body, deadline).await {
            Err(error @ RailwayError::NoAnswer(_)) => error,
            answer => return answered(answer?),
        };
        for last in [false, true] {
            tracing::warn!(operation = body.operation_name, error = %lost, "railway: settling");
            sleep(self.limits.settle).await;
            // If the state cannot be read either, the lost answer is the news.
            match seen(first).await {
                Ok(Some(result)) => return Ok(result),
                Ok(None) if !last => {}
                Ok(None) | Err(_) => break,
            }
            lost = match self.attempt::<Q>(access, &body, deadline).await {
                Err(error @ RailwayError::NoAnswer(_)) => error,
                answer => return answered(answer?),
            };
        }
        Err(lost)
    }

    async fn attempt<Q: GraphQLQuery>(
        &self,
        access: &Access,
        body: &QueryBody<Q::Variables>,
        deadline: Instant,
    ) -> Result<Q::ResponseData, RailwayError> {
        self.send_while::<Q>(access, body, deadline, RailwayError::had_no_effect)
            .await
            .map(|answer| answer.data)
    }
}
