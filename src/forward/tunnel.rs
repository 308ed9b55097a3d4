//! After a 101: bytes both ways, until both sides have finished.

use std::{
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll},
};

use super::{Buffer, Deadlines, Downstream, Hangup, Socket};

/// One direction of a tunnel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Open,
    /// The reader has seen the end; the writer is told once its buffer is empty.
    Ending,
    Closed,
}

/// Relays until both directions have ended or one side broke. What either side sent beyond its head is in the
/// buffers already.
pub(super) async fn run(down: &mut Downstream, mut up: Socket, deadlines: &Rc<Deadlines>) {
    let (mut to_app, mut to_client) = (Flow::Open, Flow::Open);
    let mut hangup = None;
    let scratch = &mut *down.scratch;
    let (mut moved_in, mut moved_out) = (0, 0);
    poll_fn(|cx| {
        let upward = pump(cx, &mut to_app, &mut down.socket, &mut scratch.input, &mut up, &mut moved_in);
        let downward =
            pump(cx, &mut to_client, &mut up, &mut scratch.from_app, &mut down.socket, &mut moved_out);
        match (upward, downward) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(())))
            | (Poll::Ready(Err(())), _)
            | (_, Poll::Ready(Err(()))) => return Poll::Ready(()),
            _ => {}
        }
        // The one side that has ended its half may have gone.
        let half = match (to_app, to_client) {
            (Flow::Ending | Flow::Closed, Flow::Open) => &down.socket,
            (Flow::Open, Flow::Ending | Flow::Closed) => &up,
            _ => return Poll::Pending,
        };
        let hangup = hangup.get_or_insert_with(|| Hangup::watch(half, deadlines));
        if hangup.happened(cx, half) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    down.bytes_in += moved_in;
    down.bytes_out += moved_out;
}

fn pump(
    cx: &mut Context<'_>,
    flow: &mut Flow,
    from: &mut Socket,
    buffer: &mut Buffer,
    to: &mut Socket,
    moved: &mut u64,
) -> Poll<Result<(), ()>> {
    loop {
        while !buffer.is_empty() {
            match to.poll_write(cx, buffer.filled()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => {
                    buffer.consume(count);
                    *moved += count as u64;
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
            Flow::Open => match from.poll_fill(cx, buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => *flow = Flow::Ending,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(())),
            },
        }
    }
}
