//! The binary as its users run it.

mod vigie;
mod contract;
mod honesty;
mod whole_loop;
mod browser;
mod killed;
mod served;
