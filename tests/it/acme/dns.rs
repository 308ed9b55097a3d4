//! A DNS in which every name leads to this machine.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
};

/// A name that it does not have.
pub(super) const NOWHERE: &str = "nowhere.example";

/// A DNS server: each name has the address 127.0.0.1, but [`NOWHERE`] does not exist. Its thread ends with the process.
pub(super) fn start() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let _ = socket.send_to(&answer(&query[..length]), from);
        }
    });
    address
}

/// RFC 1035 section 4.1: the question again, and an address record if it asks for one.
fn answer(query: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while query[end] != 0 {
        end += usize::from(query[end]) + 1;
    }
    let (kind, question) = (query[end + 2], &query[12..end + 5]);
    let known = !String::from_utf8_lossy(question).contains("nowhere");
    let found = known && kind == 1;
    let code = if known { 0x80 } else { 0x83 };
    let mut answer = query[..2].to_vec();
    answer.extend_from_slice(&[0x85, code, 0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    answer.extend_from_slice(question);
    if found {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    answer
}
