//! What users of the domain rely on.

mod cvss_properties;
mod cvss_vectors;
mod priority;
mod purl;
mod cpe;
mod priority_properties;
