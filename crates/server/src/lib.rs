//! The API and the pages, behind one authorisation gate.
