//! CVSS: vectors in, exact scores out (methods.md §1).
