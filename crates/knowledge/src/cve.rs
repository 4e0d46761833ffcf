//! CVE identifiers as numbers: of a hundred thousand flaws nothing is known but a score, and most of a row would be its name.

/// The rest of a key is a row among the names.
pub(crate) const NAMED: u32 = 1 << 31;

const NUMBER_BITS: u32 = 25;
const FIRST_YEAR: u32 = 1990;
const LAST_YEAR: u32 = FIRST_YEAR + (1 << (31 - NUMBER_BITS)) - 1;

/// The number of `CVE-2024-3094`, year above, serial number below. `None`: not in the usual form, so it needs its name.
pub(crate) fn key(text: &str) -> Option<u32> {
    let (year, serial) = text.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // Leading zeros only fill up to four digits, so that the number gives the same text back.
    let usual = year.len() == 4 && (serial.len() == 4 || (serial.len() > 4 && !serial.starts_with('0')));
    if !usual || serial.len() > 8 || !digits(year) || !digits(serial) {
        return None;
    }
    let (year, serial) = (year.parse::<u32>().ok()?, serial.parse::<u32>().ok()?);
    let fits = (FIRST_YEAR..=LAST_YEAR).contains(&year) && serial < 1 << NUMBER_BITS;
    fits.then(|| (year - FIRST_YEAR) << NUMBER_BITS | serial)
}

/// The text of a number, without an allocation: a search compares with many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; 17],
    start: usize,
}

impl Name {
    pub(crate) fn of(key: u32) -> Self {
        let mut name = Self { bytes: [0; 17], start: 17 };
        name.number(key & ((1 << NUMBER_BITS) - 1));
        name.text(b"-");
        name.number(((key & !NAMED) >> NUMBER_BITS) + FIRST_YEAR);
        name.text(b"CVE-");
        name
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII was put in.
        std::str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }

    fn text(&mut self, text: &[u8]) {
        let end = self.start;
        self.start -= text.len();
        self.bytes[self.start..end].copy_from_slice(text);
    }

    /// Four digits or more.
    fn number(&mut self, mut number: u32) {
        let end = self.start;
        while number > 0 || end - self.start < 4 {
            let digit = u8::try_from(number % 10).unwrap_or_default();
            self.text(&[b'0' + digit]);
            number /= 10;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn only_what_comes_back_as_it_was_is_a_number() {
        for text in ["CVE-1999-0001", "CVE-2024-3094", "CVE-2021-44228", "CVE-2025-1000000", "CVE-2053-33554431"] {
            assert_eq!(key(text).map(|key| Name::of(key).as_str().to_owned()), Some(text.to_owned()));
        }
        let named =
            ["CVE-2024-094", "CVE-2024-00094", "CVE-1989-0001", "CVE-2054-0001", "CVE-2024-33554432", "CVE-2024-"];
        for text in
            named.into_iter().chain(["GHSA-jfh8-c2jp-5v3q", "CVE-2024-+123", "cve-2024-3094", "CVE-2024-123456789"])
        {
            assert_eq!(key(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_number_has_its_own_name(number in 0..NAMED) {
            prop_assert_eq!(key(Name::of(number).as_str()), Some(number));
        }

        #[test]
        fn arbitrary_text_comes_back_or_is_none(text in "(CVE-)?[0-9]{0,5}-?[0-9]{0,10}") {
            prop_assert!(key(&text).is_none_or(|key| Name::of(key).as_str() == text));
        }
    }
}
