//! What is done about a method in a request's parameters.

/// `[upstream] method_override`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodOverride {
    /// A request with one is refused.
    Refuse,
    /// It is judged as the method that it asks for, and as the one that it has.
    Judge,
    /// The app does not look.
    Ignore,
}
