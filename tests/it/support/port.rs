//! Ports that a test knows before it starts what listens on them.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// A port of 127.0.0.1 that is free for a server for as long as this lives.
pub(crate) struct Port {
    address: SocketAddr,
    _socket: Socket,
}

impl Port {
    /// Bound and not listened on: those that listen share it (SO_REUSEPORT, SO_REUSEADDR).
    pub(crate) fn free() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        Self { address, _socket: socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}
