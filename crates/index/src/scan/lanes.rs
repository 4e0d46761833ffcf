//! 64 values at a time, with the widest vector instructions of the machine.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, u8x64, u16x32, u32x16};

use crate::segment::column::Code;

/// Neighbouring values: those that are at most `width` once `shift` is added to them, which may wrap around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<T> {
    shift: T,
    width: T,
}

impl<T: Lane> Span<T> {
    /// From one value to another, both of them in. `None`: there are none.
    pub(crate) fn between(low: T, high: T) -> Option<Self> {
        (low <= high).then(|| Self { shift: low.negated(), width: high.plus(low.negated()) })
    }
}

impl<T: Code> Span<T> {
    /// The values that lie there once they are turned.
    pub(crate) fn turned_between(low: T, high: T) -> Option<Self> {
        // Turning takes a value from the last known code, modulo the number of codes: it is its own inverse, and runs of values
        // stay runs of values, though maybe around the end.
        (low <= high).then(|| Self { shift: high.turned().negated(), width: high.plus(low.negated()) })
    }
}

/// A value of a column: an unsigned number that wraps around.
pub(crate) trait Lane: Copy + Default + Ord {
    fn negated(self) -> Self;

    fn plus(self, other: Self) -> Self;

    /// Which of 64 values lie in a span.
    fn within<S: Simd>(simd: S, values: &[Self; 64], span: Span<Self>) -> u64;
}

macro_rules! lane {
    ($number:ty, $vector:ident, $lanes:literal) => {
        impl Lane for $number {
            #[inline]
            fn negated(self) -> Self {
                self.wrapping_neg()
            }

            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn within<S: Simd>(simd: S, values: &[Self; 64], span: Span<Self>) -> u64 {
                let mut word = 0;
                for (place, some) in values.as_chunks::<$lanes>().0.iter().enumerate() {
                    let shifted = $vector::simd_from(simd, *some) + span.shift;
                    word |= shifted.simd_le(span.width).to_bitmask() << (place * $lanes);
                }
                word
            }
        }
    };
}

lane!(u8, u8x64, 64);
lane!(u16, u16x32, 32);
lane!(u32, u32x16, 16);

/// Keeps the rows whose value lies in any of the spans.
pub(crate) fn keep_within<T: Lane>(words: &[[T; 64]], spans: &[Span<T>], mask: &mut [u64]) {
    dispatch!(Level::new(), simd => keep(simd, words, spans, mask));
}

/// Words without rows need not be read; unless they are most, they are read all the same, since memory is read fastest in one go. These
/// are plain loops, since what closures do would not be made of the same instructions.
#[inline(always)]
fn keep<S: Simd, T: Lane>(simd: S, words: &[[T; 64]], spans: &[Span<T>], mask: &mut [u64]) {
    let filled = mask.iter().filter(|word| **word != 0).count();
    let reads_all = filled * 3 > mask.len();
    for (word, values) in mask.iter_mut().zip(words) {
        if reads_all || *word != 0 {
            let mut found = 0;
            for span in spans {
                found |= T::within(simd, values, *span);
            }
            *word &= found;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<T: Lane>(value: T) -> Span<T> {
        Span::between(value, value).expect("it is there")
    }

    /// The same by all instructions that this machine has.
    fn kept<T: Lane>(values: &[T; 64], spans: &[Span<T>]) -> u64 {
        let words = [*values];
        let mut mask = [!0];
        keep_within(&words, spans, &mut mask);
        #[cfg(target_arch = "x86_64")]
        {
            let level = Level::new();
            let mut others = [[!0]; 3];
            level.as_sse2().into_iter().for_each(|simd| keep(simd, &words, spans, &mut others[0]));
            level.as_sse4_2().into_iter().for_each(|simd| keep(simd, &words, spans, &mut others[1]));
            level.as_avx2().into_iter().for_each(|simd| keep(simd, &words, spans, &mut others[2]));
            let is_there = [level.as_sse2().is_some(), level.as_sse4_2().is_some(), level.as_avx2().is_some()];
            for (other, _) in others.iter().zip(is_there).filter(|(_, is)| *is) {
                assert_eq!(*other, mask);
            }
        }
        mask[0]
    }

    #[test]
    fn every_lane_has_its_bit() {
        let bytes: [u8; 64] = std::array::from_fn(|lane| u8::try_from(lane * 4).expect("below 256"));
        assert_eq!(kept(&bytes, Span::between(0, u8::MAX).as_slice()), !0);
        assert_eq!(kept(&bytes, &[]), 0);
        for lane in 0..64 {
            assert_eq!(kept(&bytes, &[one(bytes[lane])]), 1 << lane);
        }
        let wide: [u32; 64] = std::array::from_fn(|lane| u32::try_from(lane % 3).expect("small"));
        assert_eq!(kept(&wide, &[one(0)]).count_ones(), 22);
        assert_eq!(kept(&wide, &[one(1), one(0)]) & 0b111, 0b011);
    }

    #[test]
    fn spans_hold_what_lies_between() {
        let ends = [0_u8, 1, 3, 100, 252, 253, 254, 255];
        let values: [u8; 64] = std::array::from_fn(|lane| ends[lane % 8]);
        for (low, high) in ends.iter().flat_map(|low| ends.map(|high| (*low, high))) {
            let up = kept(&values, Span::between(low, high).as_slice());
            let down = kept(&values, Span::turned_between(low, high).as_slice());
            for (lane, value) in values.iter().enumerate() {
                assert_eq!(up >> lane & 1 == 1, (low..=high).contains(value), "{value} in {low}..={high}");
                assert_eq!(down >> lane & 1 == 1, (low..=high).contains(&value.turned()), "{value} in {low}..={high}");
            }
        }
    }
}
