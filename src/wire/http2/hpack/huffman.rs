//! The Huffman code of strings (RFC 7541 section 5.2). It is canonical: the lengths of the codes define it.

/// Appends the decoded string. `None` if it is not one.
pub(super) fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (mut code, mut length) = (0_u32, 0_usize);
    // The first code of the current length, and its place in the order of codes.
    let (mut first, mut at) = (0_u32, 0_usize);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(byte >> bit & 1);
            first <<= 1;
            length += 1;
            let count = usize::from(*CODE.counts.get(length)?);
            let place = usize::try_from(code.wrapping_sub(first)).ok()?;
            if place < count {
                // The end marker is no symbol of a string, and is the last one.
                out.push(u8::try_from(*CODE.order.get(at + place)?).ok()?);
                (code, length, first, at) = (0, 0, 0, 0);
            } else {
                first = first.wrapping_add(u32::try_from(count).ok()?);
                at += count;
            }
        }
    }
    // Less than a byte of the end marker, which is all ones, fills the last byte.
    (length < 8 && code == (1 << length) - 1).then_some(())
}

struct Code {
    /// The number of codes of each length.
    counts: [u16; MOST_BITS + 1],
    /// The symbols in the order of their codes.
    order: [u16; SYMBOLS],
}

const SYMBOLS: usize = 257;
const MOST_BITS: usize = 30;

static CODE: Code = code();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn code() -> Code {
    let mut code = Code { counts: [0; MOST_BITS + 1], order: [0; SYMBOLS] };
    let (mut length, mut placed) = (1, 0);
    while length <= MOST_BITS {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                code.counts[length] += 1;
                code.order[placed] = symbol as u16;
                placed += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    code
}

/// RFC 7541 appendix B: the bits of the code of each byte, and of the end marker.
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
