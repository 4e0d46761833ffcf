//! What to do first, here, and why.
