//! Who built a package, where the package itself says that it was not the distribution.

/// Marks that builders put into their versions, with the names that people know them by.
const MARKS: [(&str, &str); 6] = [
    ("~bpo", "backports"),
    ("pgdg", "apt.postgresql.org"),
    ("nodesource", "NodeSource"),
    ("+deb.sury.org", "deb.sury.org"),
    ("~ppa", "a PPA"),
    ("+ppa", "a PPA"),
];

/// Distributions, as packages name them.
const DISTRIBUTIONS: [&str; 3] = ["debian", "ubuntu", "raspbian"];

/// The origin by the version, else by the fields `Origin` and `Vendor`. Empty: the distribution, or nothing tells.
pub(super) fn of(version: &str, fields: [Option<&[u8]>; 2]) -> String {
    if let Some((_, name)) = MARKS.iter().find(|(mark, _)| version.contains(mark)) {
        return (*name).to_owned();
    }
    let given = fields.into_iter().flatten().filter_map(|field| std::str::from_utf8(field).ok());
    let printable = |name: &str| !name.is_empty() && !name.chars().any(char::is_control);
    let other = |name: &&str| printable(name) && !matches!(*name, "none" | "(none)") && !is_distribution(name);
    given.into_iter().find(other).unwrap_or_default().to_owned()
}

pub(super) fn is_distribution(name: &str) -> bool {
    DISTRIBUTIONS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_fields() {
        for (version, origin, vendor, expected) in [
            ("6.1.76-1", None, None, ""),
            ("2.39.2-1~bpo12+1", None, None, "backports"),
            ("16.2-1.pgdg120+2", Some("Debian"), None, "apt.postgresql.org"),
            ("18.20.4-1nodesource1", None, None, "NodeSource"),
            ("8.3.1-1+0~20240121.44+debian12~1.gbpc9d+deb.sury.org", None, None, "deb.sury.org"),
            ("1.2-3~ppa1", None, None, "a PPA"),
            ("1.0", Some("debian"), Some("Ubuntu"), ""),
            ("1.0", Some("Docker"), None, "Docker"),
            ("1.0", None, Some("none"), ""),
            ("1.0", None, Some("Example Inc."), "Example Inc."),
        ] {
            let read = of(version, [origin.map(str::as_bytes), vendor.map(str::as_bytes)]);
            assert_eq!(read, expected, "{version} {origin:?} {vendor:?}");
        }
    }
}
