//! The truth in SQL, on SQLite and PostgreSQL: the only crate that speaks SQL.
