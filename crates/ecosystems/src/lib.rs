//! One package world a file: names, version order, what to read, how to parse it.

pub mod capture;
