//! What a core tells of itself when it is asked: its figures, and with them that its event loop runs.

use std::rc::Rc;

use tokio::sync::{mpsc, oneshot};

use super::Server;
use crate::observe::metrics::CoreGauges;

/// A question to a core; it answers with its figures.
pub type Question = oneshot::Sender<CoreGauges>;

impl Server {
    /// Answers questions until no one can ask any more.
    pub async fn tell_gauges(self: Rc<Self>, mut questions: mpsc::Receiver<Question>) {
        while let Some(question) = questions.recv().await {
            // The asker may have given up.
            let _ = question.send(self.gauges());
        }
    }

    fn gauges(&self) -> CoreGauges {
        let mut gauges = CoreGauges {
            connections: self.running.get() as u64,
            streams: self.streams.get() as u64,
            ..CoreGauges::default()
        };
        self.core.apps.iter().for_each(|app| app.add_gauges(&mut gauges));
        gauges
    }
}
