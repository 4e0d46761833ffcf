//! Names of images: `debian`, `ghcr.io/org/app:1.2`, `registry.example:5000/app@sha256:…`.

use std::fmt;
use std::str::FromStr;

/// The registry of names that name none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Where it answers.
const DEFAULT_REGISTRY_HOST: &str = "registry-1.docker.io";
const NAME_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

/// Where an image is to be had, with everything that a short name leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Host, with a port where one is written.
    pub registry: String,
    pub repository: String,
    /// Empty only beside a digest.
    pub tag: String,
    /// It wins over the tag.
    pub digest: Option<Digest>,
}

/// `sha256:` and 64 digits: the only kind that registries use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// The text names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no image: {reason} (expected [registry/]name[:tag][@sha256:digest])")]
pub struct InvalidReference {
    text: String,
    reason: &'static str,
}

/// The text is no digest that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no digest of the form sha256:<64 hexadecimal digits>")]
pub struct InvalidDigest(String);

impl Reference {
    /// The host that answers for the registry.
    pub fn host(&self) -> &str {
        if self.registry == DEFAULT_REGISTRY { DEFAULT_REGISTRY_HOST } else { &self.registry }
    }

    /// What registries call it: the digest where there is one, else the tag.
    pub fn version(&self) -> &str {
        self.digest.as_ref().map_or(&self.tag, Digest::as_str)
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidReference { text: text.to_owned(), reason };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                (name, Some(digest.parse::<Digest>().map_err(|_| invalid("its digest is no SHA-256"))?))
            }
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            // Else the colon stands before a port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (first.to_ascii_lowercase(), rest),
            _ => (DEFAULT_REGISTRY.to_owned(), name),
        };
        let registry = match registry.as_str() {
            "index.docker.io" | DEFAULT_REGISTRY_HOST => DEFAULT_REGISTRY.to_owned(),
            _ => registry,
        };
        let official = registry == DEFAULT_REGISTRY && !path.contains('/');
        let repository = if official { format!("library/{path}") } else { path.to_owned() };
        if path.is_empty() || repository.len() > NAME_BYTES_MAX || !path.split('/').all(is_path_part) {
            return Err(invalid("a name is made of lower-case letters and digits, with . _ - between them"));
        }
        let of_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
        if registry.starts_with(['.', '-', ':']) || !registry.bytes().all(of_host) {
            return Err(invalid("its registry is no host"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("a tag is made of letters, digits and . _ -"));
        }
        let implied = if digest.is_some() { "" } else { "latest" };
        Ok(Self { registry, repository, tag: tag.unwrap_or(implied).to_owned(), digest })
    }
}

fn is_path_part(part: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = part.as_bytes();
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| alphanumeric(Some(b)) || matches!(b, b'.' | b'_' | b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !tag.is_empty()
        && tag.len() <= TAG_BYTES_MAX
        && word(tag.as_bytes()[0])
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl Digest {
    /// The digest of what was hashed.
    pub fn of(hash: sha2::Sha256) -> Self {
        use sha2::Digest as _;
        Self(format!("sha256:{}", hex::encode(hash.finalize())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidDigest(text.chars().take(100).collect())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, whole, host) in [
            ("debian", "docker.io/library/debian:latest", "registry-1.docker.io"),
            ("debian:12-slim", "docker.io/library/debian:12-slim", "registry-1.docker.io"),
            ("index.docker.io/org/app", "docker.io/org/app:latest", "registry-1.docker.io"),
            ("ghcr.io/org/deep/app:1.2", "ghcr.io/org/deep/app:1.2", "ghcr.io"),
            ("localhost/app", "localhost/app:latest", "localhost"),
            ("127.0.0.1:5000/app:1", "127.0.0.1:5000/app:1", "127.0.0.1:5000"),
            ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000"),
            ("registry.example:5000/app", "registry.example:5000/app:latest", "registry.example:5000"),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!((reference.to_string().as_str(), reference.host()), (whole, host), "{text}");
        }
        let pinned: Reference = format!("ghcr.io/app@{digest}").parse().unwrap();
        assert_eq!((pinned.to_string(), pinned.version()), (format!("ghcr.io/app@{digest}"), digest.as_str()));
        let both: Reference = format!("ghcr.io/app:1@{digest}").parse().unwrap();
        assert_eq!((both.tag.as_str(), both.version()), ("1", digest.as_str()));
    }

    #[test]
    fn a_name_that_is_too_long_as_a_whole_is_refused() {
        let name = |length: usize| "a".repeat(length).parse::<Reference>();
        let longest = name(NAME_BYTES_MAX - "library/".len()).unwrap();
        assert_eq!(longest.to_string().parse(), Ok(longest));
        assert!(name(NAME_BYTES_MAX - "library/".len() + 1).is_err());
    }

    #[test]
    fn what_names_no_image_is_refused() {
        for text in [
            "",
            "Debian",
            "app:",
            "a//b",
            "../etc/passwd",
            "ghcr.io/",
            "app@sha256:00",
            "app@sha512:00",
            "user@host.example/app",
            "host.example/app?x=1",
            "evil host.example/app",
            "-app",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        assert!("sha256:0A".parse::<Digest>().is_err());
    }
}
