//! The Railway client against the simulated Railway, over sockets.

mod failing;
mod keys;
mod operations;
mod resolving;
mod simulator;
mod world;
