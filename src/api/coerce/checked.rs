//! What a check of an argument comes to.

pub(super) type Checked = Result<(), &'static str>;
