//! One publisher a file: fetch and parse into records; never sees the database.
