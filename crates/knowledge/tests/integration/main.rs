//! The knowledge file: what goes in comes out, damage is noticed, and matching decides what it can.

mod damage;
mod kernels;
mod lookup;
mod matching;
mod samples;
mod take_over;
