//! The contracts between the parts of the house, and with the world outside.

// For clippy, so that helpers may fail a test just as a test may.
#![cfg(test)]

mod callers;
mod circles;
mod concurrency;
mod configuration;
mod construction;
mod container;
mod documents;
mod events;
mod files;
mod layering;
mod layers;
mod lengths;
mod names;
mod privileges;
mod railway;
mod refusals;
mod routes;
