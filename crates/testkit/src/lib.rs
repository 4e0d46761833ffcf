//! Development only: builders, databases, the test mirror, the lab.

pub mod db;
pub mod lab;
pub mod mirror;
