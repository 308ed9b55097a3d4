//! The request as the app sees it, and the answer as the client does.

mod announce;
mod answers;
mod bodies;
mod broken;
mod connections;
mod deadlines;
mod half_close;
mod headers;
mod itself;
mod last_caller;
mod names;
mod owner;
mod pace;
mod servers;
mod silence;
mod tokens;
mod undefined_bodies;
mod upgrade;
