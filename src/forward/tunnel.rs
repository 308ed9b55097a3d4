//! Relays bytes after a 101 until both sides have finished, one side does not read, the token has ended, or the
//! gate stops.

mod stall;

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use super::{Hangup, TokenCheck};
use crate::{
    connection::{Buffer, Deadlines, Downstream, Socket, Stage},
    wire::Frames,
};

use stall::{Side, Stalls, Taken};

/// The state of one direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The sender has closed. The receiver is shut down once the buffer is empty.
    Ending,
    Closed,
}

/// The status code of a close frame from the gate (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    GoingAway = 1001,
    Policy = 1008,
    /// The app does not read.
    Failed = 1011,
}

/// The source of a direction: a socket, with bytes that were read and not relayed yet.
struct Source<'s> {
    socket: &'s mut Socket,
    buffer: &'s mut Buffer,
}

/// The time to finish the current frame, and again to send the close frame. Both must fit into the second after
/// a revocation.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Relays until both directions have ended, one side fails, or the gate ends the tunnel. Bytes that either side
/// sent behind its head are in the buffers already.
pub(super) async fn run(
    down: &mut Downstream,
    mut up: Socket,
    deadlines: &Rc<Deadlines>,
    token_check: Option<TokenCheck<'_>>,
) {
    let mut hangup = None;
    let (mut to_app, mut to_client) = (Flow::Open, Flow::Open);
    let mut frames = Frames::default();
    let mut taken = Taken::default();
    let mut stalls = Stalls::default();
    let mut seen = None;
    // A WebSocket may be silent for as long as it likes.
    down.deadline.clear();
    // A peer that has vanished sends nothing.
    up.probe();
    let close = poll_fn(|cx| {
        let pulse = down.deadline.pulse();
        if seen.replace(pulse) != Some(pulse)
            && let Some(close) = why_close(down, token_check)
        {
            return Poll::Ready(Some(close));
        }
        let scratch = &mut *down.scratch;
        let client = Source { socket: &mut down.socket, buffer: &mut scratch.input };
        let upward = pump(cx, &mut to_app, client, &mut up, |bytes: &[u8]| {
            taken.by_app += bytes.len() as u64;
        });
        let app = Source { socket: &mut up, buffer: &mut scratch.from_app };
        let downward = pump(cx, &mut to_client, app, &mut down.socket, |bytes: &[u8]| {
            taken.by_client += bytes.len() as u64;
            frames.pass(bytes);
        });
        match stalls.look(down, taken) {
            Some(Side::Client) => return Poll::Ready(None),
            Some(Side::App) => return Poll::Ready(Some(Close::Failed)),
            None => {}
        }
        // Registers the task for the next pulse.
        let _ = down.deadline.passed(cx);
        match (upward, downward) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(())))
            | (Poll::Ready(Err(())), _)
            | (_, Poll::Ready(Err(()))) => return Poll::Ready(None),
            _ => {}
        }
        // A side that has closed its sending half may have gone.
        let half = match (to_app, to_client) {
            (Flow::Ending | Flow::Closed, Flow::Open) => &down.socket,
            (Flow::Open, Flow::Ending | Flow::Closed) => &up,
            _ => return Poll::Pending,
        };
        let hangup = hangup.get_or_insert_with(|| Hangup::watch(half, deadlines));
        if hangup.happened(cx, half) { Poll::Ready(None) } else { Poll::Pending }
    })
    .await;
    down.bytes_in += taken.by_app;
    down.bytes_out += taken.by_client;
    // A close frame inside of another frame would be payload.
    if let Some(close) = close
        && finish_frame(down, &mut up, &mut frames).await.is_ok()
        && !frames.is_closed()
    {
        // If the client is gone or does not read, the connection ends without a close frame.
        let _ = write_close(down, close).await;
    }
}

fn why_close(down: &Downstream, token_check: Option<TokenCheck<'_>>) -> Option<Close> {
    if token_check.is_some_and(|token_check| !token_check.is_good()) {
        return Some(Close::Policy);
    }
    (down.deadline.stage() >= Stage::Draining).then_some(Close::GoingAway)
}

/// Relays the rest of the current frame to the client: a close frame must not be inserted into another one.
async fn finish_frame(down: &mut Downstream, up: &mut Socket, frames: &mut Frames) -> Result<(), ()> {
    down.deadline.set(LAST_WORDS);
    poll_fn(|cx| {
        while frames.missing() > 0 {
            let buffer = &mut down.scratch.from_app;
            let moved = if buffer.is_empty() {
                up.poll_fill(cx, buffer)
            } else {
                let count = usize::try_from(frames.missing()).unwrap_or(usize::MAX).min(buffer.len());
                let piece = buffer.filled().get(..count).unwrap_or_default();
                let written = down.socket.poll_write(cx, piece);
                if let Poll::Ready(Ok(count)) = &written {
                    frames.pass(piece.get(..*count).unwrap_or_default());
                    buffer.consume(*count);
                    down.bytes_out += *count as u64;
                }
                written
            };
            match moved {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Err(())),
                Poll::Pending if down.deadline.passed(cx) => return Poll::Ready(Err(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

async fn write_close(down: &mut Downstream, close: Close) -> Result<(), ()> {
    let [high, low] = (close as u16).to_be_bytes();
    // FIN with opcode 8, unmasked as all frames of a server, and a status (RFC 6455 section 5.5.1).
    let frame = [0x88, 2, high, low];
    let mut sent = 0;
    down.deadline.set(LAST_WORDS);
    poll_fn(|cx| {
        while sent < frame.len() {
            match down.socket.poll_write(cx, frame.get(sent..).unwrap_or_default()) {
                Poll::Ready(Ok(count)) if count > 0 => sent += count,
                Poll::Ready(_) => return Poll::Ready(Err(())),
                Poll::Pending if down.deadline.passed(cx) => return Poll::Ready(Err(())),
                Poll::Pending => return Poll::Pending,
            }
        }
        match down.socket.poll_flush(cx) {
            Poll::Pending if down.deadline.passed(cx) => Poll::Ready(Err(())),
            flushed => flushed.map_err(drop),
        }
    })
    .await
}

fn pump(
    cx: &mut Context<'_>,
    flow: &mut Flow,
    from: Source<'_>,
    to: &mut Socket,
    mut moved: impl FnMut(&[u8]),
) -> Poll<Result<(), ()>> {
    let Source { socket, buffer } = from;
    loop {
        while !buffer.is_empty() {
            match to.poll_write(cx, buffer.filled()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => {
                    moved(buffer.filled().get(..count).unwrap_or_default());
                    buffer.consume(count);
                }
                Poll::Ready(_) => return Poll::Ready(Err(())),
            }
        }
        match to.poll_flush(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
        }
        match flow {
            Flow::Closed => return Poll::Ready(Ok(())),
            // Half-closed, because the other direction may still have data.
            Flow::Ending => match to.poll_shutdown(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => *flow = Flow::Closed,
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
            },
            Flow::Open => match socket.poll_fill(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => *flow = Flow::Ending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
            },
        }
    }
}
