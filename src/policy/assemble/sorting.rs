//! The order of routes.

/// LoopBack's order of paths: part by part, empty ones last, literals before parameters, then by their text; of two
/// with a common beginning the longer one first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sorting(pub(super) Vec<(bool, bool, String)>);

impl Sorting {
    pub(super) fn of(path: &str) -> Self {
        let part = |part: &str| (part.is_empty(), part.starts_with(':'), part.to_owned());
        // A part that no other one follows, so that the longer path comes first.
        let end = (true, true, String::new());
        Self(path.split('/').map(part).chain([end]).collect())
    }
}
