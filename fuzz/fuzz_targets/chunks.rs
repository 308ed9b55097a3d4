//! Any bytes as a chunked body: how it is cut into reads makes no difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::wire::{ChunkDecoder, ChunkStep, Reject};

fuzz_target!(|input: &[u8]| {
    let Some((&step, body)) = input.split_first() else { return };
    let whole = decode(body, body.len().max(1));
    let pieces = decode(body, usize::from(step).max(1));
    assert_eq!(whole, pieces);
});

/// The data, the trailers and the bytes that were left over, when at most `most` come at a time.
fn decode(body: &[u8], most: usize) -> Result<(Vec<u8>, Vec<u8>, Option<usize>), Reject> {
    let mut decoder = ChunkDecoder::default();
    let mut data = Vec::new();
    let mut at = 0;
    for piece in body.chunks(most) {
        let mut rest = piece;
        loop {
            let (taken, step) = decoder.decode(rest)?;
            rest = &rest[taken..];
            at += taken;
            match step {
                ChunkStep::Data(bytes) => {
                    assert!(!bytes.is_empty() && bytes.len() <= taken);
                    data.extend_from_slice(bytes);
                }
                ChunkStep::More => {
                    assert!(rest.is_empty());
                    break;
                }
                ChunkStep::Done => return Ok((data, decoder.trailers().to_vec(), Some(body.len() - at))),
            }
        }
    }
    Ok((data, Vec::new(), None))
}
