//! Inspects a body while it is forwarded. A piece with a finding is not forwarded.

mod since;

use super::{BodyError, Downstream};
use crate::wire::OverrideScanner;

pub(crate) use since::Watch;

impl Watch {
    /// Whether the next piece completes a finding.
    pub(crate) fn finds(&mut self, piece: &[u8]) -> bool {
        self.scanner.finds(piece)
    }

    /// Records that `count` inspected bytes have been forwarded.
    pub(crate) fn gone_on(&mut self, count: usize) {
        self.seen = self.seen.saturating_sub(count);
    }
}

impl Downstream {
    /// Inspects the rest of the body.
    pub fn watch(&mut self, scanner: OverrideScanner) {
        self.watch = Some(Box::new(Watch { scanner, seen: 0 }));
    }

    /// Inspects the next `count` bytes of the input, which are forwarded unchanged.
    pub(crate) fn look_ahead(&mut self, count: usize) -> Result<(), BodyError> {
        let Some(watch) = &mut self.watch else { return Ok(()) };
        // The app may not accept all bytes, and they are offered again; the scanner must see each once.
        let fresh = self.scratch.input.filled().get(watch.seen..count).unwrap_or_default();
        watch.seen = watch.seen.max(count);
        if watch.finds(fresh) { Err(BodyError::MethodOverride) } else { Ok(()) }
    }
}
