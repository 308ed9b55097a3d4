//! After a 101: bytes both ways, until both sides have finished, one takes nothing more, the token has ended, or the
//! gate stops.

mod stall;

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use super::{Hangup, Lease};
use crate::{
    connection::{Buffer, Deadlines, Downstream, Socket, Stage},
    wire::Frames,
};

use stall::{Side, Stalls, Taken};

/// One direction of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The reader has seen the end; the writer is told once its buffer is empty.
    Ending,
    Closed,
}

/// What ends a tunnel that neither side has ended (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    GoingAway = 1001,
    Policy = 1008,
    /// The app takes nothing.
    Failed = 1011,
}

/// Where a direction comes from: a socket, and what has been read of it and not gone on.
struct Source<'s> {
    socket: &'s mut Socket,
    buffer: &'s mut Buffer,
}

/// Until a frame under way is whole, and until the close frame is out: a second is all there is from the token's end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Relays until both directions have ended, one side broke, or the gate ends it. What either side sent beyond its head
/// is in the buffers already.
pub(super) async fn run(
    down: &mut Downstream,
    mut up: Socket,
    deadlines: &Rc<Deadlines>,
    lease: Option<Lease<'_>>,
) {
    let mut hangup = None;
    let (mut to_app, mut to_client) = (Flow::Open, Flow::Open);
    let mut frames = Frames::default();
    let mut taken = Taken::default();
    let mut stalls = Stalls::default();
    let mut seen = None;
    down.deadline.clear();
    // A peer that has vanished says nothing.
    up.probe();
    let close = poll_fn(|cx| {
        let pulse = down.deadline.pulse();
        if seen.replace(pulse) != Some(pulse)
            && let Some(close) = why_close(down, lease)
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
        // For the next pulse.
        let _ = down.deadline.passed(cx);
        match (upward, downward) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(())))
            | (Poll::Ready(Err(())), _)
            | (_, Poll::Ready(Err(()))) => return Poll::Ready(None),
            _ => {}
        }
        // The one side that has ended its half may have gone.
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
    if let Some(close) = close
        && finish_frame(down, &mut up, &mut frames).await.is_ok()
        && !frames.is_closed()
    {
        // The client may be gone, or take nothing: the connection ends all the same.
        let _ = write_close(down, close).await;
    }
}

fn why_close(down: &Downstream, lease: Option<Lease<'_>>) -> Option<Close> {
    if lease.is_some_and(|lease| !lease.is_good()) {
        return Some(Close::Policy);
    }
    (down.deadline.stage() >= Stage::Draining).then_some(Close::GoingAway)
}

/// Relays what is missing of the frame that is under way to the client.
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
        Poll::Ready(Ok(()))
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
        match flow {
            Flow::Closed => return Poll::Ready(Ok(())),
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
