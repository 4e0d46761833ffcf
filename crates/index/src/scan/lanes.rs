//! 64 values at a time, written so that the compiler makes vector instructions of them.

use crate::segment::column::{Code, Number};

/// Which of 64 values lie between two, both of them in.
#[inline]
pub(crate) fn between<T: Code>(values: &[T; 64], low: T, high: T) -> u64 {
    let mut flags = [0; 64];
    for (flag, value) in flags.iter_mut().zip(values) {
        *flag = u8::from(*value >= low) & u8::from(*value <= high);
    }
    pack(&flags)
}

/// The same for values turned around.
#[inline]
pub(crate) fn turned_between<T: Code>(values: &[T; 64], low: T, high: T) -> u64 {
    let mut flags = [0; 64];
    for (flag, value) in flags.iter_mut().zip(values) {
        let turned = value.turned();
        *flag = u8::from(turned >= low) & u8::from(turned <= high);
    }
    pack(&flags)
}

/// Which of 64 values are this one.
#[inline]
pub(crate) fn equal<N: Number>(values: &[N; 64], wanted: N) -> u64 {
    let mut flags = [0; 64];
    for (flag, value) in flags.iter_mut().zip(values) {
        *flag = u8::from(*value == wanted);
    }
    pack(&flags)
}

/// One bit for each flag, which is 0 or 1: the product brings the lowest bits of eight bytes together in the highest byte.
#[inline]
fn pack(flags: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (place, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= bits << (place * 8);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_its_bit() {
        let bytes: [u8; 64] = std::array::from_fn(|lane| u8::try_from(lane * 4).expect("below 256"));
        assert_eq!(between(&bytes, 0, u8::MAX), !0);
        for lane in 0..64 {
            assert_eq!(between(&bytes, bytes[lane], bytes[lane]), 1 << lane);
            assert_eq!(turned_between(&bytes, bytes[lane].turned(), bytes[lane].turned()), 1 << lane);
        }
        let wide: [u32; 64] = std::array::from_fn(|lane| u32::try_from(lane % 3).expect("small"));
        assert_eq!(equal(&wide, 0).count_ones(), 22);
        assert_eq!(equal(&wide, 1) & 0b111, 0b010);
    }
}
