//! Values before they are typed.

use std::collections::BTreeMap;

use crate::config::setting::Located;

/// The written values, by `section.key`.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(super) written: BTreeMap<String, Located>,
}
