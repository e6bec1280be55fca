//! Routes and their descriptions, from the OpenAPI attributes of their handlers.

use axum::handler::Handler;
use axum::routing::{MethodRouter, Router};
use utoipa::Path;
use utoipa_axum::PathItemExt;

/// Makes two functions out of the modules of endpoints, each with its `handler`:
/// `routes` is what a function serves, and `openapi` what they take and answer.
/// Both read the same attribute, which is the only route table. They are two
/// because a description takes time and space, and nobody asks a deployed
/// function for it: there it is not even linked.
///
/// `State, Schemas: …` adds the schemas of an `#[derive(OpenApi)]`.
#[macro_export]
macro_rules! endpoints {
    ($state:ty: $($($module:ident)::+),+ $(,)?) => {
        $crate::endpoints!(@ $state, OpenApiRouter::default(); $($($module)::+),+);
    };
    ($state:ty, $schemas:ty: $($($module:ident)::+),+ $(,)?) => {
        $crate::endpoints!(
            @ $state,
            OpenApiRouter::with_openapi(<$schemas as utoipa::OpenApi>::openapi());
            $($($module)::+),+
        );
    };
    (@ $state:ty, $described:expr; $($($module:ident)::+),+) => {
        /// What the endpoints take and answer.
        pub fn openapi() -> utoipa::openapi::OpenApi {
            use utoipa_axum::{router::OpenApiRouter, routes};
            let described: OpenApiRouter<$state> = $described;
            described
                $(.routes(routes!($($module)::+::handler)))+
                .into_openapi()
        }

        fn routes() -> axum::Router<$state> {
            let routes = axum::Router::new();
            $(let routes = $crate::http::route::<$($module)::+::__path_handler, _, _, _>(
                routes,
                $($module)::+::handler,
            );)+
            routes
        }
    };
}

/// Adds a handler where its attribute says. [`endpoints!`](crate::endpoints)
/// calls this.
pub fn route<P, H, T, S>(routes: Router<S>, handler: H) -> Router<S>
where
    P: Path,
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    let methods = P::methods().into_iter();
    let methods = methods.fold(MethodRouter::new(), |methods, method| {
        methods.on(method.to_method_filter(), handler.clone())
    });
    routes.route(&P::path(), methods)
}
