//! Reads lists of fields (RFC 7541).
//!
//! `h2` decodes them too, but its requests show less than was sent: it cuts a fragment off the path, and drops
//! pseudo-header fields of trailers. So lists are read a second time, for what must be refused.

mod huffman;
mod table;

use table::{Name, Table};

/// The state of a peer's lists.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

/// A list that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenList;

/// The size of the table that a peer may use (RFC 9113 section 6.5.2: the initial value, which is not changed).
const TABLE: usize = 4096;
/// The bytes of a number after its first one. h2 takes no more.
const MOST_DIGITS: u32 = 4;

impl Default for Decoder {
    fn default() -> Self {
        Self { table: Table::new(TABLE), name: Vec::new(), value: Vec::new() }
    }
}

impl Decoder {
    /// Reads a complete list. `found` gets the name and value of each field.
    ///
    /// # Errors
    /// [`BrokenList`]. The state of the peer is lost, and its connection cannot be used.
    pub fn read(&mut self, list: &[u8], mut found: impl FnMut(&[u8], &[u8])) -> Result<(), BrokenList> {
        let mut rest = list;
        while let Some(&first) = rest.first() {
            self.step(first, &mut rest, &mut found).ok_or(BrokenList)?;
        }
        Ok(())
    }

    fn step(&mut self, first: u8, rest: &mut &[u8], found: &mut impl FnMut(&[u8], &[u8])) -> Option<()> {
        if first & 0x80 != 0 {
            let (name, value) = self.table.get(number(rest, 7)?)?;
            found(name, value);
            return Some(());
        }
        if first & 0xe0 == 0x20 {
            let size = number(rest, 5)?;
            self.table.resize((size <= TABLE).then_some(size)?);
            return Some(());
        }
        let is_added = first & 0x40 != 0;
        let index = number(rest, if is_added { 6 } else { 4 })?;
        let known = match index {
            0 => {
                self.name.clear();
                string(rest, &mut self.name)?;
                None
            }
            // Not copied: an index of a byte may stand for a name of 4 kB.
            _ => Some(self.table.name(index)?),
        };
        self.value.clear();
        string(rest, &mut self.value)?;
        found(known.as_ref().map_or(&self.name, Name::as_bytes), &self.value);
        if is_added {
            let name = known.unwrap_or_else(|| Name::Added(self.name.as_slice().into()));
            self.table.add(name, &self.value);
        }
        Some(())
    }
}

/// Reads a number whose first digits are the last `bits` bits of a byte (RFC 7541 section 5.1).
fn number(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let (&first, mut after) = rest.split_first()?;
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(first) & most;
    if value == most {
        for digit in 0..MOST_DIGITS {
            let (&next, more) = after.split_first()?;
            after = more;
            value = value.checked_add(usize::from(next & 0x7f) << (7 * digit))?;
            if next & 0x80 == 0 {
                *rest = after;
                return Some(value);
            }
        }
        return None;
    }
    *rest = after;
    Some(value)
}

/// Reads a string (RFC 7541 section 5.2).
fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
    let is_coded = rest.first()? & 0x80 != 0;
    let length = number(rest, 7)?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    if is_coded {
        return huffman::decode(bytes, out);
    }
    out.extend_from_slice(bytes);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn read(decoder: &mut Decoder, list: &[u8]) -> Result<String, BrokenList> {
        let mut text = String::new();
        decoder.read(list, |name, value| {
            text += &format!("{}: {}\n", name.escape_ascii(), value.escape_ascii());
        })?;
        Ok(text)
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 sections C.3, without Huffman, and C.4, with it.
        for lists in [
            [
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ],
            [
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ],
        ] {
            let mut decoder = Decoder::default();
            let [first, second, third] = lists.map(|list| read(&mut decoder, &hex(list)).unwrap());
            assert_eq!(first, ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n");
            assert_eq!(second, format!("{first}cache-control: no-cache\n"));
            assert_eq!(
                third,
                ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n\
                 custom-key: custom-value\n"
            );
        }
    }

    #[test]
    fn entries_leave_the_table_as_it_fills() {
        let literal = |value: &str| [&[0x40, 1, b'x', value.len() as u8], value.as_bytes()].concat();
        let mut decoder = Decoder::default();
        for at in 0..100 {
            read(&mut decoder, &literal(&format!("{at:0100}"))).unwrap();
        }
        // Each counts 133, so 30 are in.
        let last = read(&mut decoder, &[0x80 | 62]).unwrap();
        assert!(last.ends_with("099\n"), "{last}");
        assert!(read(&mut decoder, &[0x80 | 91]).unwrap().ends_with("070\n"));
        assert_eq!(read(&mut decoder, &[0x80 | 92]), Err(BrokenList));
        assert_eq!(read(&mut decoder, &[0x20]), Ok(String::new()));
        assert_eq!(read(&mut decoder, &[0x80 | 62]), Err(BrokenList), "its size is 0");
        assert_eq!(read(&mut decoder, &hex("3fe21f")), Err(BrokenList), "4097 is more than was granted");
    }

    proptest::proptest! {
        /// Whatever comes, a list is read or broken, and what the table keeps has its bound.
        #[test]
        fn any_bytes_are_read(lists in proptest::collection::vec(proptest::collection::vec(0_u8.., 0..300), 0..20)) {
            let mut decoder = Decoder::default();
            for list in lists {
                let _ = decoder.read(&list, |name, value| assert!(name.len() + value.len() < 10_000));
                assert!(decoder.table.size() <= TABLE);
            }
        }
    }

    #[test]
    fn what_is_no_list_is_broken() {
        // Index 0, a number without an end, a string that is cut, an end marker inside, and a padding of zeros or of a byte.
        for list in [
            "80",
            "ff8080808080808001",
            "82408561",
            "4001618",
            "40016184ffffffff",
            "4001618118",
            "40016182 1fff",
        ] {
            assert_eq!(read(&mut Decoder::default(), &hex(list)), Err(BrokenList), "{list}");
        }
    }
}
