//! The result of a check.

pub(super) type Checked = Result<(), &'static str>;
