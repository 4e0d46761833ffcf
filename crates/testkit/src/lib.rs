//! Development only: builders, databases, the test mirror, the lab.
