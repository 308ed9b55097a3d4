//! Checks the names of a request's fields before all others.

use crate::{
    forward::{self, Forbidden, Spelling},
    refusal::Refusal,
};

use super::request::Request;

impl Request<'_> {
    /// Refuses aliases of reserved names, a `Connection` that nominates one, and a trusted proxy's field that
    /// came twice.
    pub(super) fn check_names(&self) -> Result<Spelling, Refusal> {
        if let Some(name) = self.context.repeated {
            let message = format!("`{name}` came twice; send it once (repeated-header)");
            return Err(Refusal::BadRequest { status: 400, message });
        }
        forward::check_names(&self.app.settings.names, self.head).map_err(|forbidden| {
            let message = match forbidden {
                Forbidden::FoldedName => {
                    "a header name with `_` or `.` stands for a reserved one or for a variable of the app's server; \
                     use dashes (folded-header-name)"
                }
                Forbidden::Nominated => "`Connection` may not name this header (connection-names-reserved)",
            };
            Refusal::BadRequest { status: 400, message: message.to_owned() }
        })
    }
}
