//! The keys of assertions: opened at the start, and rotated while the gate runs.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::task::JoinHandle;

use crate::{assertion::Signer, clock::Clock, config::Config};

/// The file in `server.data_dir`.
const FILE: &str = "assertion-keys.json";

/// The issuer of a gate without `server.public_url`.
const ISSUER: &str = "portcullis";

/// How often the keys are looked at. The next one is made a day before it signs.
const PACE: Duration = Duration::from_secs(3600);

/// Opens the keys, and starts the task that rotates them; `None` if the app gets no assertion.
pub(super) fn start(config: &Config, clock: &Clock) -> anyhow::Result<Option<(Arc<Signer>, JoinHandle<()>)>> {
    if !config.identity.assertion {
        return Ok(None);
    }
    let issuer = config.server.public_url.as_deref().unwrap_or(ISSUER);
    let signer = Signer::open(config.server.data_dir.join(FILE), issuer, clock.now());
    let signer = Arc::new(signer.context("the keys of `identity.assertion` cannot be used")?);
    let rotating = rotate(Arc::clone(&signer), clock.clone());
    Ok(Some((signer, rotating)))
}

/// Rotates the keys, on the calling runtime.
fn rotate(signer: Arc<Signer>, clock: Clock) -> JoinHandle<()> {
    tokio::runtime::Handle::current().spawn(async move {
        loop {
            tokio::time::sleep(PACE).await;
            if let Err(error) = signer.rotate(clock.now()) {
                let error = anyhow::Error::from(error);
                tracing::error!(
                    error = format!("{error:#}"),
                    "the keys for assertions cannot be changed; the old ones go on"
                );
            }
        }
    })
}
