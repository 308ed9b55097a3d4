//! Values before they are typed.

use std::collections::BTreeMap;

use crate::config::setting::Located;

/// The written values, by `section.key`.
#[derive(Default)]
pub(crate) struct Inputs {
    pub(super) written: BTreeMap<String, Located>,
    /// `[[apps]]`, which only the file can have.
    pub(in crate::config) apps: Option<Located>,
}

impl Inputs {
    /// The same without apps, and with other values for some keys.
    pub(in crate::config) fn overlaid(&self, own: BTreeMap<String, Located>) -> Self {
        let mut written = self.written.clone();
        written.extend(own);
        Self { written, apps: None }
    }
}
