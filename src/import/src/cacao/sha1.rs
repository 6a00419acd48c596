//! Ids made of names, as RFC 9562 (section 5.5) has them. SHA-1 is what it asks for; nothing is protected by it.

use std::fmt::Write as _;

/// The name space of what rrb exports.
const SPACE: [u8; 16] =
    [0x9b, 0x1d, 0x6c, 0x52, 0x3e, 0x0f, 0x4c, 0x1a, 0x8d, 0x7e, 0x5f, 0x21, 0x6a, 0x90, 0xc4, 0x3b];

/// A UUID of version 5.
pub fn uuid_v5(name: &str) -> String {
    let hash = sha1(&[SPACE.as_slice(), name.as_bytes()].concat());
    let mut out = String::new();
    for (i, byte) in hash.iter().take(16).enumerate() {
        let byte = match i {
            6 => (byte & 0x0f) | 0x50,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        let dash = if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(out, "{dash}{byte:02x}");
    }
    out
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((bytes.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|c| c.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte))).collect();
        for i in 16..80 {
            let of = |back: usize| words.get(i - back).copied().unwrap_or(0);
            words.push((of(3) ^ of(8) ^ of(14) ^ of(16)).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in words.iter().enumerate() {
            let (mix, constant) = match i {
                0..20 => ((b & c) | (!b & d), 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (all, one) in state.iter_mut().zip([a, b, c, d, e]) {
            *all = all.wrapping_add(one);
        }
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        let hex = |text: &str| sha1(text.as_bytes()).iter().fold(String::new(), |out, b| format!("{out}{b:02x}"));
        assert_eq!(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(hex(long), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    }

    #[test]
    fn an_id_has_the_version_and_is_the_same_for_the_same_name() {
        let id = uuid_v5("a");
        assert_eq!(id, uuid_v5("a"));
        assert_ne!(id, uuid_v5("b"));
        assert_eq!((id.len(), id.get(14..15)), (36, Some("5")), "{id}");
        assert!(id.get(19..20).is_some_and(|c| "89ab".contains(c)), "{id}");
    }
}
