//! What the app sees of a request, and the client of its answer.

mod headers;
