//! The setting for methods in parameters.

/// `[upstream] method_override`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodOverride {
    /// A request with one is refused.
    Refuse,
    /// The request is judged as its own method and as the other.
    Judge,
    /// The app does not read such parameters.
    Ignore,
}
