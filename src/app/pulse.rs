//! Asks the event loops of the cores for their figures, which also shows that they run.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{listen::Question, observe::metrics::CoreGauges};

/// Reaches the event loop of each core. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse {
    cores: Arc<[mpsc::Sender<Question>]>,
}

/// Questions that wait for a core. More come only while it does not answer.
pub(super) const QUESTIONS: usize = 4;

impl Pulse {
    pub(super) fn new(cores: Vec<mpsc::Sender<Question>>) -> Self {
        Self { cores: cores.into() }
    }

    /// The figures of the cores that answer within this time, and whether these are all cores.
    pub(super) async fn gauges(&self, within: Duration) -> (Vec<CoreGauges>, bool) {
        let by = Instant::now() + within;
        let asked: Vec<_> = self.cores.iter().filter_map(ask).collect();
        let mut answers = Vec::with_capacity(self.cores.len());
        for answer in asked {
            answers.extend(timeout_at(by, answer).await.ok().and_then(Result::ok));
        }
        let is_complete = answers.len() == self.cores.len();
        (answers, is_complete)
    }

    /// Whether the event loops of all cores answer within this time.
    pub async fn is_alive(&self, within: Duration) -> bool {
        self.gauges(within).await.1
    }
}

fn ask(core: &mpsc::Sender<Question>) -> Option<oneshot::Receiver<CoreGauges>> {
    let (question, answer) = oneshot::channel();
    core.try_send(question).ok().map(|()| answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_core_that_does_not_answer_is_found() {
        let (good, mut asked) = mpsc::channel::<Question>(QUESTIONS);
        let answering = async move {
            while let Some(question) = asked.recv().await {
                let _ = question.send(CoreGauges { connections: 2, ..CoreGauges::default() });
            }
        };
        let answering = tokio::runtime::Handle::current().spawn(answering);
        let pulse = Pulse::new(vec![good.clone(), good.clone()]);
        assert!(pulse.is_alive(Duration::from_secs(1)).await);
        let (stuck, never_read) = mpsc::channel(QUESTIONS);
        let pulse = Pulse::new(vec![good, stuck]);
        // More often than questions wait for it.
        for _ in 0..=QUESTIONS {
            assert!(!pulse.is_alive(Duration::from_secs(1)).await);
        }
        let (gauges, is_complete) = pulse.gauges(Duration::from_secs(1)).await;
        assert_eq!((gauges.len(), gauges[0].connections, is_complete), (1, 2, false));
        drop(never_read);
        assert!(!pulse.is_alive(Duration::from_secs(1)).await, "a core that has ended is not alive");
        answering.abort();
    }
}
