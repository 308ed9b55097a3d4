//! As much of HTTP/2 (RFC 9113, RFC 7541) as a client needs to send one request in a tunnel.

/// The preface, empty settings, and a DELETE that no rule allows, on stream 3: stream 1 is the request that was
/// upgraded.
pub(crate) fn connection(tag: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "DELETE"),
        (":scheme", "http"),
        (":path", "/admin/hidden"),
        (":authority", "localhost"),
        ("x-rig-tag", tag),
        ("x-forwarded-user", "2"),
    ] {
        // A literal field that is not indexed, with a new name, without Huffman.
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let settings = frame(4, 0, 0, &[]);
    // END_STREAM and END_HEADERS.
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings, &frame(1, 5, 3, &block)].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
