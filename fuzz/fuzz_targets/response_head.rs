//! Any bytes as a response of the app to a GET or a HEAD.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::wire::{Framing, HeadLimits, ResponseHead, Scan};

const LIMITS: HeadLimits = HeadLimits { bytes: 8192, fields: 64 };

fuzz_target!(|input: &[u8]| {
    let mut head = ResponseHead::new();
    let Ok(Scan::Complete(end)) = head.scan(input, &LIMITS, "GET") else { return };
    assert!((100..1000).contains(&head.status()));
    for line in input[..end].split_inclusive(|&byte| byte == b'\n') {
        let text = line.strip_suffix(b"\r\n").expect("a line ends with CR LF");
        assert!(!text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
    let count = |name: &str| head.fields().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
    assert!(count("content-length") + count("transfer-encoding") <= 1);
    if head.framing() == Framing::UntilClose {
        assert!(!head.keep_alive());
    }

    let mut again = ResponseHead::new();
    assert_eq!(again.scan(&input[..end - 1], &LIMITS, "GET"), Ok(Scan::Partial));
    assert_eq!(again.scan(&input[..end], &LIMITS, "HEAD"), Ok(Scan::Complete(end)));
    assert_eq!(again.framing(), Framing::Empty);
    assert_eq!(again.content_length(), head.content_length());
    assert!(again.fields().map(|field| field.value).eq(head.fields().map(|field| field.value)));
});
