//! What the app sees of a request, and the client of its answer.

mod answers;
mod bodies;
mod headers;
