//! Development only: builders, databases, the test mirror, the lab.

pub mod lab;
pub mod mirror;
