//! Public suites as tests of ours: their subjects, in our own bytes.
//!
//! `llhttp`: the subjects of llhttp's `test/request/*.md` and `test/response/*.md`, each with what the gate does. Its
//! lenient modes have no counterpart. `desync`: the permutations that the public collections of desynchronisation
//! payloads are made of.

mod desync;
mod llhttp;
