//! The only sockets out and the only unpackers: guarded HTTP client, mirrors, bounded decompression.
