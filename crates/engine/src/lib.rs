//! The verbs of the loop, one file each.
