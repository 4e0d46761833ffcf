//! Entries of lists, each read by itself: one with a value of the wrong type does not take the others with it.

use serde::Deserialize;
use serde_json::Value;

/// One entry of a list or a map.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry<T> {
    Read(T),
    /// Kept so that it can be named.
    Odd(Value),
}

/// Values are named by so many characters.
const NAME_CHARS_MAX: usize = 60;

impl<T> Entry<T> {
    /// What was read, or what is wrong.
    pub(crate) fn read(&self) -> Result<&T, String> {
        match self {
            Self::Read(entry) => Ok(entry),
            Self::Odd(value) => Err(odd(&name(value))),
        }
    }

    /// The same for an entry that has its name beside it.
    pub(crate) fn read_as(&self, name: &str) -> Result<&T, String> {
        self.read().map_err(|_| odd(&name.chars().take(NAME_CHARS_MAX).collect::<String>()))
    }
}

/// Why such an entry is no package.
pub(crate) const ODD: &str = "it has a value of the wrong type";

fn odd(name: &str) -> String {
    format!("{name:?} cannot be read: {ODD}")
}

/// What people would call it, else how it begins.
pub(crate) fn name(value: &Value) -> String {
    let names = ["name", "purl", "SPDXID", "spdxId", "bom-ref"];
    let named = names.iter().find_map(|key| value.get(key)?.as_str());
    named.map_or_else(|| value.to_string(), str::to_owned).chars().take(NAME_CHARS_MAX).collect()
}
