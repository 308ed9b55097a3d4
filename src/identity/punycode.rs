//! Labels of internationalized domains as encoded for DNS (RFC 3492).

use std::iter;

/// The prefix of an encoded label (RFC 5890, section 2.3.1).
const PREFIX: &str = "xn--";

/// Decodes a label; `None` if it is not encoded or not valid.
pub(super) fn decoded(label: &str) -> Option<String> {
    let carried = label.strip_prefix(PREFIX)?;
    let (basic, digits) = carried.rsplit_once('-').unwrap_or(("", carried));
    let mut read: Vec<char> = basic.chars().collect();
    // The initial values and the constants below are those of RFC 3492 section 5.
    let (mut code, mut at, mut bias) = (0x80_u32, 0_usize, 72);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let delta = number(&mut digits, bias)?;
        let length = read.len() + 1;
        bias = adapt(delta, length, at == 0);
        // Checked: a client chooses the label, and an overflow makes it invalid (RFC 3492 section 6.4).
        at = at.checked_add(delta)?;
        code = code.checked_add(u32::try_from(at / length).ok()?)?;
        at %= length;
        read.insert(at, char::from_u32(code)?);
        at += 1;
    }
    Some(read.into_iter().collect())
}

/// The length of a label as encoded for DNS.
pub(super) fn length(label: &str) -> usize {
    if label.is_ascii() {
        return label.len();
    }
    let basic = label.chars().filter(char::is_ascii).count();
    let mut length = PREFIX.len() + basic + usize::from(basic > 0);
    let mut handled = basic;
    let mut delta = 0_usize;
    let mut bias = 72;
    let mut next = 0x80_u32;
    while let Some(smallest) = label.chars().map(u32::from).filter(|code| *code >= next).min() {
        delta = delta.saturating_add((smallest - next) as usize * (handled + 1));
        for code in label.chars().map(u32::from) {
            if code < smallest {
                delta = delta.saturating_add(1);
            } else if code == smallest {
                length += digits(delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.saturating_add(1);
        next = smallest + 1;
    }
    length
}

/// A variable-length integer (RFC 3492, section 3.3).
fn number(digits: &mut impl Iterator<Item = u8>, bias: usize) -> Option<usize> {
    let (mut sum, mut weight) = (0_usize, 1_usize);
    for threshold in thresholds(bias) {
        let digit = match digits.next()? {
            byte @ b'a'..=b'z' => usize::from(byte - b'a'),
            byte @ b'A'..=b'Z' => usize::from(byte - b'A'),
            byte @ b'0'..=b'9' => usize::from(byte - b'0') + 26,
            _ => return None,
        };
        sum = sum.checked_add(digit.checked_mul(weight)?)?;
        if digit < threshold {
            break;
        }
        weight = weight.checked_mul(36 - threshold)?;
    }
    Some(sum)
}

/// The number of digits of `delta` as a variable-length integer.
fn digits(delta: usize, bias: usize) -> usize {
    let mut rest = delta;
    1 + thresholds(bias)
        .take_while(|threshold| {
            let more = rest >= *threshold;
            if more {
                rest = (rest - threshold) / (36 - threshold);
            }
            more
        })
        .count()
}

fn thresholds(bias: usize) -> impl Iterator<Item = usize> {
    iter::successors(Some(36), |place| Some(place + 36_usize))
        .map(move |place| place.saturating_sub(bias).clamp(1, 26))
}

/// The bias for the next integer (RFC 3492, section 6.1).
fn adapt(delta: usize, handled: usize, first: bool) -> usize {
    let mut delta = delta / if first { 700 } else { 2 };
    delta += delta / handled;
    let mut rounds = 0;
    while delta > 455 {
        delta /= 35;
        rounds += 36;
    }
    rounds + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 3492, section 7.1, and what node's `punycode` makes of some names.
    #[test]
    fn measures_and_reads_labels_as_dns_carries_them() {
        for (label, carried) in [
            ("é", "xn--9ca"),
            ("bücher", "xn--bcher-kva"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("почемужеонинеговорятпорусски", "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(length(label), carried.len(), "{label}");
            assert_eq!(decoded(carried).as_deref(), Some(label));
        }
        assert_eq!(length("plain"), 5);
        for broken in ["plain", "xn--a_", "xn--99999999", "xn--\u{e9}"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_label_makes_it_panic(label in "(xn--)?\\PC{0,20}") {
            let _ = (decoded(&label), length(&label));
        }
    }
}
