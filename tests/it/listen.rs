//! Sockets towards clients: deadlines, limits, the end; and what is seen from outside.

mod admin;
mod binding;
mod crowd;
mod date;
mod deadlines;
mod limits;
mod proxy_protocol;
mod record;
mod shutdown;
