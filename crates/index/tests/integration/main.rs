//! What users of the index rely on. Every answer is compared with one that is computed from plain rows, one by one.

mod dice;
mod model;
mod answers;
mod lists;
mod counts;
mod updates;
mod checkpoint;
