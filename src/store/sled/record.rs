//! The format of a record: a version, a checksum over key and payload, and the payload.

/// The value to store for a payload under `key`.
pub(super) fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD + payload.len());
    value.push(VERSION);
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.extend_from_slice(payload);
    value
}

/// The payload of a value that was stored under `key`.
///
/// # Errors
/// A description of the error for people, without any content of the record.
pub(super) fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let Some((&[version, ref sum @ ..], payload)) = value.split_first_chunk::<HEAD>() else {
        return Err("it is too short");
    };
    if version != VERSION {
        return Err("it was written by another version of portcullis");
    }
    if *sum != checksum(key, payload).to_le_bytes() {
        return Err("its checksum does not hold");
    }
    Ok(payload)
}

/// The checksum includes the key, so that a record found under another key is detected.
fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(key);
    sum.update(payload);
    sum.finalize()
}

const VERSION: u8 = 1;

/// Length of version and checksum in bytes.
const HEAD: usize = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn gives_back_what_was_sealed(key: Vec<u8>, payload: Vec<u8>) {
            let value = seal(&key, &payload);
            prop_assert_eq!(unseal(&key, &value), Ok(&*payload));
        }

        #[test]
        fn sees_every_flipped_bit(payload: Vec<u8>, place: prop::sample::Index, bit in 0_u8..8) {
            let mut value = seal(b"u1", &payload);
            let place = place.index(value.len());
            value[place] ^= 1 << bit;
            prop_assert!(unseal(b"u1", &value).is_err());
        }
    }

    #[test]
    fn a_record_stands_under_its_own_key_only() {
        assert!(unseal(b"u2", &seal(b"u1", b"row")).is_err());
        assert!(unseal(b"u1", b"").is_err());
        assert!(unseal(b"u1", &seal(b"u1", b"row")[..6]).is_err());
    }
}
