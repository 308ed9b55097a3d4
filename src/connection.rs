//! A connection: its socket, buffers and deadline, and the downstream side, which reads requests and writes
//! answers.

mod allowance;
mod buffer;
mod deadline;
mod downstream;
pub mod http2;
mod socket;
mod stall;

pub use allowance::set_allowance;
pub use buffer::Buffer;
pub use deadline::{Deadline, Deadlines, Stage, TICK, Watched};
pub use downstream::{Arrival, BodyError, Downstream, Incoming, SMALL_HEAD, Scratch, Times};
pub use socket::{AsyncSocket, ConnectionInfo, Http2Stream, Peer, PeerText, Remote, Socket};
pub use stall::Stall;
