//! The contracts between the parts of the house, and with the world outside.

mod events;
mod files;
mod layering;
mod refusals;
mod routes;
