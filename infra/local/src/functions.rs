//! The functions of the API, constructed as on Lambda, in one process.

use axum::Router;
use axum::extract::Request;
use common::config::{ConfigError, Environment, INTERNAL_API_KEY, Reader};
use common::http::InternalKey;
use common::platform::Platform;
use common::process::StartError;
use common::store::Tables;
use http::Method;
use proxy::Limits;
use sweep::Dependencies;

/// How a function is made.
type Build = fn(&dyn Environment, &Platform) -> Result<Router, StartError>;

/// Those that are nothing but routes, by their names in the template, in lower case.
const ROUTED: [(&str, Build); 7] = [
    ("compatibility", compatibility::from_environment),
    ("fleet", fleet::from_environment),
    ("instance", instance::from_environment),
    ("lifecycle", lifecycle::from_environment),
    ("maintenance", maintenance::from_environment),
    ("token", token::from_environment),
    ("version", version::from_environment),
];

/// What the template deploys a second time for what only reads, so that it has
/// privileges and a concurrency of its own: `GET` reaches these, and never the first.
const READING: [(&str, Build); 2] = [
    ("health", maintenance::from_environment),
    ("operations", lifecycle::from_environment),
];

/// The functions, ready to work.
pub(crate) struct Functions {
    /// The names of their tables.
    pub(crate) tables: Tables,
    /// What the platform's services present to them.
    pub(crate) internal_key: InternalKey,
    /// The routes of each one that has some, by its name.
    pub(crate) routes: Vec<(&'static str, Router)>,
    /// The same of those that are deployed a second time.
    pub(crate) reading: Vec<(&'static str, Router)>,
    /// The proxy, which serves agents' own hosts as well, and its WebSockets.
    pub(crate) proxy: proxy::State,
    /// The one that has no routes.
    pub(crate) sweep: Dependencies,
}

impl Functions {
    /// Makes all of them. `origins` is the environment of those that serve agents'
    /// pages; the others hear of no origin that nobody has set, so that agents'
    /// configurations stay as they are. Each has a connection of its own name, so that what it
    /// asks DynamoDB for can be told from what the others do.
    ///
    /// # Errors
    /// When variables are missing or malformed: those of all functions are told.
    pub(crate) fn build(
        environment: &dyn Environment,
        origins: &dyn Environment,
        platform: &Platform,
    ) -> Result<Self, StartError> {
        let mut problems = Vec::new();
        let shared = noted(&mut problems, read_shared(environment))?;
        let mut build_all = |functions: &[(&'static str, Build)]| {
            let mut routes = Vec::new();
            for (name, build) in functions {
                let environment = if *name == "token" {
                    origins
                } else {
                    environment
                };
                let built = build(environment, &platform.named(name));
                routes.extend(noted(&mut problems, built)?.map(|built| (*name, built)));
            }
            Ok::<_, StartError>(routes)
        };
        let mut routes = build_all(&ROUTED)?;
        let reading = build_all(&READING)?;
        // As the relay serves it: with streams and WebSockets.
        let proxy = proxy::state(origins, &platform.named("proxy"), Limits::of_server());
        let proxy = noted(&mut problems, proxy)?;
        let sweep = sweep::from_environment(environment, &platform.named("sweep"));
        let sweep = noted(&mut problems, sweep)?;
        match (shared, proxy, sweep) {
            (Some((tables, internal_key)), Some(proxy), Some(sweep)) if problems.is_empty() => {
                routes.push(("proxy", proxy::router(proxy.clone())));
                Ok(Self {
                    tables,
                    internal_key,
                    routes,
                    reading,
                    proxy,
                    sweep,
                })
            }
            _ => Err(problems.into_iter().collect::<ConfigError>().into()),
        }
    }
}

/// Whether the template sends a request to a function that is deployed a second time.
pub(crate) fn only_reads(request: &Request) -> bool {
    let mut segments = request.uri().path().split('/').skip(1);
    *request.method() == Method::GET
        && matches!(
            [(); 4].map(|()| segments.next()),
            [Some("api"), Some("openclaw"), Some("maintenance"), None]
                | [Some("api"), Some("instance"), Some(_), Some("operations")]
        )
}

/// What whoever serves all functions has to know of them.
fn read_shared(environment: &dyn Environment) -> Result<(Tables, InternalKey), StartError> {
    let mut reader = Reader::new(environment);
    let read = (Tables::read(&mut reader), reader.required(INTERNAL_API_KEY));
    match read {
        (Some(tables), Some(internal_key)) => Ok((tables, internal_key)),
        _ => Err(reader.into_error().into()),
    }
}

/// What was made, if nothing was wrong with its variables. That is put aside, for
/// the other functions' may be wrong too.
fn noted<T>(
    problems: &mut Vec<ConfigError>,
    made: Result<T, StartError>,
) -> Result<Option<T>, StartError> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(StartError::Config(problem)) => {
            problems.push(problem);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
