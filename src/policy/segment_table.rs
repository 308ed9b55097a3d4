//! The literals of path patterns in one hash table, so that a look-up costs one hash however many there are.
//!
//! Only policy files add literals. Clients only look them up, so no client can make the table grow or provoke
//! collisions.

/// The edges of the trie: from a node by a literal to the next node.
#[derive(Debug)]
pub(super) struct SegmentTable {
    ignore_case: bool,
    /// A power of two, at most half of it occupied, so that every probe sequence ends at a free slot.
    slots: Vec<Slot>,
    taken: usize,
    /// The middles of long literals, which their keys leave out, one after the other.
    middles: Vec<u8>,
}

/// Half a cache line, and aligned so that it is never split between two.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Slot {
    ends: [u64; 2],
    len: u32,
    from: u32,
    /// The next node; 0 = the slot is free, because no edge leads to the root.
    to: u32,
    /// The start of a long literal's middle in `middles`.
    middle: u32,
}

/// A literal in its table's letter case: all of it up to 16 bytes, else its first and last 8 bytes.
#[derive(Clone, Copy)]
struct Key {
    ends: [u64; 2],
    len: u32,
}

/// Capacity of the first allocation; a power of two.
const FIRST_SLOTS: usize = 8;

impl SegmentTable {
    pub(super) fn new(ignore_case: bool) -> Self {
        Self { ignore_case, slots: Vec::new(), taken: 0, middles: Vec::new() }
    }

    /// Adds an edge. `to` is not the root, 0.
    pub(super) fn insert(&mut self, from: u32, word: &str, to: u32) {
        let Some((key, middle)) = self.key(word.as_bytes()) else { return };
        let at = u32::try_from(self.middles.len()).unwrap_or(u32::MAX);
        let hash = self.hash(from, key, middle);
        let slot = Slot { ends: key.ends, len: key.len, from, to, middle: at };
        if self.ignore_case {
            self.middles.extend(middle.iter().map(u8::to_ascii_lowercase));
        } else {
            self.middles.extend_from_slice(middle);
        }
        // At half full, probe sequences stay short, and there is always a free slot.
        if self.taken * 2 >= self.slots.len() {
            self.grow();
        }
        self.put(hash, slot);
        self.taken += 1;
    }

    /// The node that `word` leads to.
    pub(super) fn find(&self, from: u32, word: &str) -> Option<u32> {
        let (key, middle) = self.key(word.as_bytes())?;
        let mask = self.slots.len().checked_sub(1)?;
        // Linear probing: the next slot is in the same or the next cache line.
        let mut place = self.hash(from, key, middle);
        loop {
            let slot = self.slots.get(place & mask)?;
            // Entries are never removed, so a free slot ends the sequence.
            if slot.to == 0 {
                return None;
            }
            // Up to 16 bytes the key is the whole literal; the middle is compared only for longer ones.
            let fits = slot.ends == key.ends && slot.len == key.len && slot.from == from;
            if fits && (middle.is_empty() || self.is_middle(slot, middle)) {
                return Some(slot.to);
            }
            place = place.wrapping_add(1);
        }
    }

    fn is_middle(&self, slot: &Slot, middle: &[u8]) -> bool {
        let known = self.known_middle(slot);
        if self.ignore_case { known.eq_ignore_ascii_case(middle) } else { known == middle }
    }

    fn known_middle(&self, slot: &Slot) -> &[u8] {
        let end = slot.middle.saturating_add(slot.len.saturating_sub(16));
        let (start, end) = (usize::try_from(slot.middle).ok(), usize::try_from(end).ok());
        start.zip(end).and_then(|(start, end)| self.middles.get(start..end)).unwrap_or_default()
    }

    fn put(&mut self, hash: usize, slot: Slot) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut place = hash;
        while let Some(free) = self.slots.get_mut(place & mask) {
            if free.to == 0 {
                *free = slot;
                return;
            }
            place = place.wrapping_add(1);
        }
    }

    fn grow(&mut self) {
        let wanted = (self.slots.len() * 2).max(FIRST_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![Slot::default(); wanted]);
        for slot in old.into_iter().filter(|slot| slot.to != 0) {
            let key = Key { ends: slot.ends, len: slot.len };
            let hash = self.hash(slot.from, key, self.known_middle(&slot));
            self.put(hash, slot);
        }
    }

    /// The key of a literal, and the middle that it leaves out.
    fn key<'w>(&self, word: &'w [u8]) -> Option<(Key, &'w [u8])> {
        let (ends, middle): (_, &[u8]) = match (word.first_chunk::<8>(), word.last_chunk::<8>()) {
            (Some(first), Some(last)) => {
                let middle = word.get(8..word.len() - 8).filter(|_| word.len() > 16).unwrap_or_default();
                ([u64::from_le_bytes(*first), u64::from_le_bytes(*last)], middle)
            }
            _ => ([short(word), 0], &[]),
        };
        let ends = if self.ignore_case { ends.map(lower) } else { ends };
        Some((Key { ends, len: u32::try_from(word.len()).ok()? }, middle))
    }

    /// A fast hash without protection against collisions, because keys come from files only. Every input byte
    /// affects the low bits.
    fn hash(&self, from: u32, key: Key, middle: &[u8]) -> usize {
        let [first, last] = key.ends;
        let mut hash = mix(first ^ u64::from(from).rotate_left(40), last ^ u64::from(key.len));
        for chunk in middle.chunks(8) {
            let word = short(chunk);
            hash = mix(hash, if self.ignore_case { lower(word) } else { word });
        }
        usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
    }
}

/// Up to eight bytes as a number, which is unique among texts of the same length.
fn short(word: &[u8]) -> u64 {
    if let Some(whole) = word.first_chunk::<8>() {
        return u64::from_le_bytes(*whole);
    }
    if let (Some(first), Some(last)) = (word.first_chunk::<4>(), word.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match word {
        [] => 0,
        [one] => u64::from(*one),
        [first, second] => u64::from(*first) | u64::from(*second) << 8,
        [first, second, .., last] => u64::from(*first) | u64::from(*second) << 8 | u64::from(*last) << 16,
    }
}

/// ASCII letters in lower case, eight bytes at a time.
fn lower(word: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let low = word & all(0x7f);
    // The first sum has bit 7 set from `A` on, the second one behind `Z`.
    let (from_a, behind_z) = (low + all(0x80 - b'A'), low + all(0x80 - b'Z' - 1));
    let upper = (from_a ^ behind_z) & !word & all(0x80);
    word | upper >> 2
}

/// Both halves of a product, so that every bit of one input affects every bit of the result.
fn mix(a: u64, b: u64) -> u64 {
    // The constants keep short keys, most of whose bits are 0, from giving a product of 0.
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    let high = u64::try_from(product >> 64).unwrap_or(0);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or(0);
    high ^ low
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn lowers_letters_and_nothing_else() {
        for byte in 0..=u8::MAX {
            let expected = u64::from_le_bytes([byte.to_ascii_lowercase(); 8]);
            assert_eq!(lower(u64::from_le_bytes([byte; 8])), expected, "{byte}");
        }
        assert_eq!(lower(u64::from_le_bytes(*b"aZ@[{}Az")), u64::from_le_bytes(*b"az@[{}az"));
    }

    #[test]
    fn many_words_lie_apart() {
        let mut table = SegmentTable::new(true);
        for number in 1..=10_000 {
            table.insert(0, &format!("m{number}"), number);
        }
        for number in 1..=10_000 {
            assert_eq!(table.find(0, &format!("M{number}")), Some(number));
        }
        let free: Vec<bool> = table.slots.iter().map(|slot| slot.to == 0).collect();
        let longest = free.split(|is_free| *is_free).map(<[bool]>::len).max();
        assert!(longest < Some(64), "{longest:?} in a row");
    }

    proptest! {
        /// The table finds what a map finds.
        #[test]
        fn agrees_with_a_map(
            ignore_case: bool,
            words in vec((0u32..3, "[aAbé@`]{0,3}|[aA]{7,9}|[aAb]{15,18}|a{3,6}[xX]{14,22}"), 1..60),
            others in vec((0u32..3, "[aAbé@`]{0,3}|[aA]{7,9}|[aAb]{15,18}|a{3,6}[xX]{14,22}"), 1..60),
        ) {
            let fold = |word: &str| if ignore_case { word.to_ascii_lowercase() } else { word.to_owned() };
            let (mut table, mut map) = (SegmentTable::new(ignore_case), HashMap::new());
            for (from, word) in &words {
                let to = u32::try_from(map.len()).unwrap() + 1;
                map.entry((*from, fold(word))).or_insert_with(|| {
                    table.insert(*from, word, to);
                    to
                });
            }
            for (from, word) in words.iter().chain(&others) {
                prop_assert_eq!(table.find(*from, word), map.get(&(*from, fold(word))).copied(), "{} {:?}", from, word);
            }
        }
    }
}
