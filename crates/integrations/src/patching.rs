//! Patch tools: what the package manager of an asset would do, and doing it.
//!
//! To add one, write `patching/<tool>.rs`: constant commands whose data goes in by standard input, a type for that data
//! which cannot hold anything else, and a parser for the tool's own dry run. The dry run is the plan.

pub mod apt;
