//! The compiled knowledge base: build, open, look up, match.
