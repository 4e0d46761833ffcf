//! The only data that goes to `apt-get`: package names with versions, each checked against Debian's own rules.

use std::collections::BTreeMap;

/// Packages in one upgrade; more are several upgrades. Their names then always fit one command line.
const SELECTIONS_MAX: usize = 500;
const NAME_CHARS_MAX: usize = 128;
const VERSION_CHARS_MAX: usize = 128;

/// One binary package and the version wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selection {
    package: String,
    version: String,
}

/// Why a text is no selection. It shows what was given, since it never reached a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("{0:?} is no name of a Debian package")]
    Name(String),
    #[error("{0:?} is no version of a Debian package")]
    Version(String),
    #[error("there is nothing to upgrade")]
    Empty,
    #[error("{0} packages in one upgrade are too many: at most {SELECTIONS_MAX}")]
    TooMany(usize),
    #[error("{package} is wanted in two versions: {versions}")]
    TwoVersions { package: String, versions: String },
}

impl Selection {
    /// A package's name may carry an architecture: `libc6:i386`.
    pub fn new(package: &str, version: &str) -> Result<Self, SelectionError> {
        if !is_name(package) {
            return Err(SelectionError::Name(package.to_owned()));
        }
        if !is_version(version) {
            return Err(SelectionError::Version(version.to_owned()));
        }
        Ok(Selection { package: package.to_owned(), version: version.to_owned() })
    }

    pub fn package(&self) -> &str {
        &self.package
    }

    pub fn version(&self) -> &str {
        &self.version
    }
}

/// What one upgrade is to reach: at least one package, each in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selections(BTreeMap<String, String>);

impl Selections {
    pub fn new(selections: impl IntoIterator<Item = Selection>) -> Result<Self, SelectionError> {
        let mut versions = BTreeMap::new();
        for Selection { package, version } in selections {
            let before = versions.insert(package.clone(), version.clone());
            if let Some(before) = before.filter(|before| *before != version) {
                return Err(SelectionError::TwoVersions { package, versions: format!("{before}, {version}") });
            }
        }
        match versions.len() {
            0 => Err(SelectionError::Empty),
            count if count > SELECTIONS_MAX => Err(SelectionError::TooMany(count)),
            _ => Ok(Selections(versions)),
        }
    }

    /// Packages with their versions, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(package, version)| (package.as_str(), version.as_str()))
    }

    /// Input of the dry run and of the upgrade: `package=version`, one a line.
    pub fn lines(&self) -> Vec<u8> {
        self.iter().map(|(package, version)| format!("{package}={version}\n")).collect::<String>().into_bytes()
    }

    /// Input of [`POLICY`](super::POLICY) for packages whose versions are not chosen yet.
    pub fn package_lines<T: AsRef<str>>(packages: &[T]) -> Result<Vec<u8>, SelectionError> {
        match packages.len() {
            0 => return Err(SelectionError::Empty),
            count if count > SELECTIONS_MAX => return Err(SelectionError::TooMany(count)),
            _ => {}
        }
        let mut lines = String::new();
        for package in packages.iter().map(AsRef::as_ref) {
            if !is_name(package) {
                return Err(SelectionError::Name(package.to_owned()));
            }
            lines.push_str(package);
            lines.push('\n');
        }
        Ok(lines.into_bytes())
    }
}

/// Debian policy 5.6.1 and 5.6.8. A hyphen at the end would tell `apt-get` to remove the package.
fn is_name(text: &str) -> bool {
    let (name, architecture) = text.split_once(':').unwrap_or((text, "any"));
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    let in_architecture = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (2..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(in_name)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !name.ends_with('-')
        && (1..=32).contains(&architecture.len())
        && architecture.bytes().all(in_architecture)
        && architecture.starts_with(|first: char| first.is_ascii_lowercase())
}

/// Debian policy 5.6.12. A hyphen or plus at the end would be an order to `apt-get`.
fn is_version(text: &str) -> bool {
    let in_version = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte);
    (1..=VERSION_CHARS_MAX).contains(&text.len())
        && text.bytes().all(in_version)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.ends_with(['-', '+', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debian_allows_is_taken() {
        for package in ["libc6", "g++", "libstdc++6", "0ad", "python3.11-minimal", "libc6:i386", "libc6:kfreebsd-amd64"]
        {
            assert!(Selection::new(package, "1:2.3~rc1-4+deb12u1").is_ok(), "{package}");
        }
    }

    #[test]
    fn nothing_that_could_mean_something_else_is_taken() {
        let names =
            ["", "-y", "a;b", "foo-", "a b", "a\nb", "../x", "foo/stable", "foo=1", "Foo", "é1", "a:", "a1:-b", "a*"];
        for name in names {
            assert_eq!(Selection::new(name, "1"), Err(SelectionError::Name(name.to_owned())));
        }
        for version in ["", "-1", "1-", "1+", "1 2", "1\n2", "$(id)", "1;2", "1/2", "1*", "~1", "1:"] {
            assert_eq!(Selection::new("foo", version), Err(SelectionError::Version(version.to_owned())));
        }
        assert!(Selection::new(&"a".repeat(129), "1").is_err());
    }

    #[test]
    fn selections_are_whole_and_clear() {
        let selection = |package: &str, version: &str| Selection::new(package, version).unwrap();
        let selections = Selections::new([selection("b2", "2"), selection("a1", "1:1"), selection("b2", "2")]).unwrap();
        assert_eq!(String::from_utf8(selections.lines()).unwrap(), "a1=1:1\nb2=2\n");
        assert_eq!(Selections::new([]), Err(SelectionError::Empty));
        assert!(matches!(
            Selections::new([selection("a1", "1"), selection("a1", "2")]),
            Err(SelectionError::TwoVersions { .. })
        ));
        let many = (0..501).map(|number| selection(&format!("p{number}"), "1"));
        assert_eq!(Selections::new(many), Err(SelectionError::TooMany(501)));
    }

    #[test]
    fn package_lines_are_checked_too() {
        assert_eq!(Selections::package_lines(&["libc6", "bash"]), Ok(b"libc6\nbash\n".to_vec()));
        assert_eq!(Selections::package_lines(&["--help"]), Err(SelectionError::Name("--help".to_owned())));
        assert_eq!(Selections::package_lines::<&str>(&[]), Err(SelectionError::Empty));
    }
}
