//! Development only: builders, databases, the test mirror, the lab, real images, a running server.

pub mod bench;
pub mod db;
pub mod estate;
pub mod image;
pub mod lab;
pub mod mirror;
pub mod postgres;
pub mod server;
pub mod disk;
pub mod tls;
