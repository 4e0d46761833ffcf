//! Everything that needs more than one module of the engine.

mod ingest;
