//! LoopBack's order of routes.

/// LoopBack's sort key of a path. Segments are compared one by one: empty ones last, literals before
/// parameters, then by their text. If one path is a prefix of another, the longer one comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sorting(pub(super) Vec<(bool, bool, String)>);

impl Sorting {
    pub(super) fn of(path: &str) -> Self {
        let part = |part: &str| (part.is_empty(), part.starts_with(':'), part.to_owned());
        // Sorts behind every segment, so that the longer path comes first.
        let end = (true, true, String::new());
        Self(path.split('/').map(part).chain([end]).collect())
    }
}
