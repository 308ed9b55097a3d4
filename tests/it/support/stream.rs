//! A buffered stream on a bare socket, TCP or Unix: both ends of the tests use it.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use rustls::Connection;
use socket2::{Domain, SockAddr, Socket, Type};

use super::GUARD;

/// A socket and what has been read from it beyond what was asked for.
pub(super) struct Stream {
    pub(super) socket: Socket,
    /// What is sent and read goes through it.
    tls: Option<Box<Connection>>,
    held: Vec<u8>,
    /// Every byte that was read, where a test wants to see them all.
    pub(super) seen: Vec<u8>,
}

impl Stream {
    pub(super) fn new(socket: Socket) -> Self {
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(GUARD)).unwrap();
        socket.set_write_timeout(Some(GUARD)).unwrap();
        Self { socket, tls: None, held: Vec::new(), seen: Vec::new() }
    }

    pub(super) fn connect_tcp(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.connect_timeout(&address.into(), GUARD).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        Self::new(socket)
    }

    pub(super) fn connect_tcp_from(from: IpAddr, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect_timeout(&to.into(), GUARD).unwrap();
        socket.set_tcp_nodelay(true).unwrap();
        Self::new(socket)
    }

    pub(super) fn connect_unix(path: &Path) -> Self {
        assert!(path.metadata().unwrap().file_type().is_socket());
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.connect(&SockAddr::unix(path).unwrap()).unwrap();
        Self::new(socket)
    }

    /// More bytes into the buffer: `false` at the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 64 * 1024];
        let count = loop {
            let read = match &mut self.tls {
                Some(tls) => read_tls(tls, &mut self.socket, &mut piece),
                None => self.socket.read(&mut piece),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.held.extend_from_slice(&piece[..count]);
        self.seen.extend_from_slice(&piece[..count]);
        Ok(count > 0)
    }

    /// Everything up to and with `mark`; `None` when the stream ends before.
    pub(super) fn until(&mut self, mark: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let mut from = 0;
        loop {
            if let Some(at) = self.held[from..].windows(mark.len()).position(|found| found == mark) {
                return Ok(Some(self.held.drain(..from + at + mark.len()).collect()));
            }
            from = self.held.len().saturating_sub(mark.len());
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// This many bytes; what there is when the stream ends before.
    pub(super) fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.held.len() < count && self.fill()? {}
        Ok(self.held.drain(..count.min(self.held.len())).collect())
    }

    /// The next bytes, as they arrive: empty at the end.
    pub(super) fn piece(&mut self) -> io::Result<Vec<u8>> {
        if self.held.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.held))
    }

    /// Everything to the end.
    pub(super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.held))
    }

    /// Everything to the end, which may be a reset.
    pub(super) fn all_to_the_end(&mut self) -> Vec<u8> {
        while matches!(self.fill(), Ok(true)) {}
        std::mem::take(&mut self.held)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => {
                // As much as fits, and then that to the wire.
                let mut left = bytes;
                while !left.is_empty() {
                    let count = tls.writer().write(left)?;
                    left = &left[count..];
                    while tls.wants_write() {
                        tls.write_tls(&mut self.socket)?;
                    }
                }
                Ok(())
            }
            None => self.socket.write_all(bytes),
        }
    }

    /// Speaks TLS from now on.
    pub(super) fn secure(&mut self, mut tls: Connection) -> io::Result<()> {
        let mut held = std::mem::take(&mut self.held);
        while !held.is_empty() {
            let count = tls.read_tls(&mut held.as_slice())?;
            held.drain(..count);
            tls.process_new_packets().map_err(io::Error::other)?;
        }
        while tls.is_handshaking() || tls.wants_write() {
            tls.complete_io(&mut self.socket)?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// What is known of the TLS that is spoken.
    pub(super) fn tls(&mut self) -> &mut Connection {
        self.tls.as_mut().expect("TLS")
    }

    /// A chunked body to its end: the data, and the lines of the trailer.
    pub(super) fn chunks(&mut self) -> io::Result<Option<(Vec<u8>, String)>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n")? else { return Ok(None) };
            let digits = std::str::from_utf8(&line).unwrap().trim_end();
            let size = usize::from_str_radix(digits, 16)
                .unwrap_or_else(|_| panic!("`{digits}` is not a size of a chunk"));
            if size == 0 {
                break;
            }
            let piece = self.take(size + 2)?;
            if piece.len() < size + 2 {
                return Ok(None);
            }
            assert_eq!(&piece[size..], b"\r\n", "a chunk has its length");
            body.extend_from_slice(&piece[..size]);
        }
        let mut trailers = String::new();
        loop {
            let Some(line) = self.until(b"\r\n")? else { return Ok(None) };
            if line == b"\r\n" {
                return Ok(Some((body, trailers)));
            }
            trailers.push_str(std::str::from_utf8(&line).unwrap());
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
        // The other end may have closed already, which is as good.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}

fn read_tls(tls: &mut Connection, socket: &mut Socket, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match tls.reader().read(piece) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
        tls.read_tls(socket)?;
        if let Err(error) = tls.process_new_packets() {
            let _ = tls.write_tls(socket);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        while tls.wants_write() {
            tls.write_tls(socket)?;
        }
    }
}

/// The value of a field in the text of a head.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
