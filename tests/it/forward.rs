//! What the app sees of a request, and the client of its answer.

mod answers;
mod bodies;
mod broken;
mod connections;
mod deadlines;
mod half_close;
mod headers;
mod itself;
mod names;
mod owner;
mod pace;
mod servers;
mod tokens;
mod undefined_bodies;
mod upgrade;
