//! Routes and their OpenAPI descriptions, both from the attributes of handlers.

use axum::handler::Handler;
use axum::routing::{MethodRouter, Router};
use utoipa::Path;
use utoipa_axum::PathItemExt;

/// Makes two functions of the modules of endpoints, each with its `handler`:
/// `routes` returns the routes, and `openapi` their description. Both read the
/// same attribute, which is the only route table. They are separate so that a
/// deployed function, which nobody asks for its description, does not even link
/// it.
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
        /// The description of the endpoints.
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

/// Adds a handler at its attribute's route. [`endpoints!`](crate::endpoints)
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
