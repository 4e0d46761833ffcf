//! Changes to inputs, all of them following from one number.

/// Longer inputs are cut.
const BYTES_MAX: usize = 256 << 10;

/// Pieces on which parsers stumble.
const PIECES: [&[u8]; 24] = [
    b"0",
    b"-1",
    b"00",
    b"18446744073709551616",
    b"9999999999999999999999999999",
    b"1e309",
    b"NaN",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n\n",
    b"[",
    b"{",
    b"]}",
    b"<![CDATA[",
    b"&amp;",
    b"../",
    b"%00",
    b"~",
    "é\u{202e}".as_bytes(),
];

/// SplitMix64: as good as any for this, and eight lines.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// A number below the bound; zero where the bound is zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.next() % bound).expect("it is below a usize")
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let most = if self.below(4) == 0 { length - start } else { (length - start).min(16) };
        start..start + self.below(most + 1)
    }
}

/// Changes an input in one to four places; `other` lends pieces.
pub(crate) fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        once(bytes, other, random);
    }
    bytes.truncate(BYTES_MAX);
}

fn once(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let length = bytes.len();
    match random.below(10) {
        0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
        1 if length > 0 => {
            let at = random.below(length);
            bytes[at] = u8::try_from(random.below(256)).expect("it is below 256");
        }
        2 => drop(bytes.drain(random.range(length))),
        3 => bytes.truncate(random.below(length + 1)),
        4 => {
            let piece = bytes[random.range(length)].to_vec();
            insert(bytes, &piece, random);
        }
        5 => {
            let piece = &other[random.range(other.len())];
            insert(bytes, piece, random);
        }
        6 => {
            let piece = &other[random.range(other.len())];
            bytes.splice(random.range(length), piece.iter().copied());
        }
        // Something often, for what nests and what counts.
        7 if random.below(8) == 0 => {
            let piece = bytes[random.range(length)].to_vec();
            let times = 1 << random.below(12);
            insert(bytes, &piece.repeat(times), random);
        }
        8 => replace_number(bytes, random),
        _ => insert(bytes, PIECES[random.below(PIECES.len())], random),
    }
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], random: &mut Random) {
    if bytes.len() + piece.len() <= BYTES_MAX {
        let at = random.below(bytes.len() + 1);
        bytes.splice(at..at, piece.iter().copied());
    }
}

/// Puts another number in the place of one.
fn replace_number(bytes: &mut Vec<u8>, random: &mut Random) {
    let from = random.below(bytes.len() + 1);
    let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
    let length = bytes[start..].iter().position(|c| !c.is_ascii_digit()).unwrap_or(bytes.len() - start);
    let number: &[u8] = PIECES[random.below(7)];
    bytes.splice(start..start + length, number.iter().copied());
}
