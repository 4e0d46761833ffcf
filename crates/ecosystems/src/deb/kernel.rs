//! Linux kernel packages: which source they are built from, and what they boot as.

/// Architectures that Debian signs kernels for, with those it may add.
const ARCHITECTURES: [&str; 10] =
    ["amd64", "arm64", "armhf", "armel", "i386", "ppc64el", "s390x", "riscv64", "mips64el", "loong64"];

/// Whether a source package is a kernel: `linux`, or a version of it beside the release's own (`linux-6.1`).
pub fn is_kernel_source(source: &str) -> bool {
    source == "linux"
        || source.strip_prefix("linux-").is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit()) && rest.bytes().all(|c| c.is_ascii_digit() || c == b'.')
        })
}

/// The source that advisories name for a signed kernel: `linux-signed-6.1-amd64` is `linux-6.1`.
pub(crate) fn unsigned_source(source: &str) -> Option<String> {
    let rest = source.strip_prefix("linux-signed")?;
    let rest = match rest.strip_prefix('-') {
        None if rest.is_empty() => return Some("linux".to_owned()),
        None => return None,
        Some(rest) => rest,
    };
    if ARCHITECTURES.contains(&rest) {
        return Some("linux".to_owned());
    }
    let line = rest.rsplit_once('-').filter(|(_, tail)| ARCHITECTURES.contains(tail)).map_or(rest, |(line, _)| line);
    Some(format!("linux-{line}"))
}

/// What a kernel image boots as: `linux-image-6.1.0-18-amd64` is `6.1.0-18-amd64`. `None` for metapackages, debug
/// symbols and everything else.
pub(crate) fn boots_as(binary: &str) -> Option<&str> {
    let rest = binary.strip_prefix("linux-image-")?;
    let rest = rest.strip_prefix("unsigned-").unwrap_or(rest);
    let release = rest.strip_suffix("-unsigned").unwrap_or(rest);
    let mut parts = release.splitn(2, '.');
    let numbered = parts.next().is_some_and(|major| !major.is_empty() && major.bytes().all(|c| c.is_ascii_digit()));
    // A metapackage such as `linux-image-6.1-amd64` would not name an ABI; an image has three numbers.
    let exact = release.bytes().take_while(|c| c.is_ascii_digit() || *c == b'.').filter(|c| *c == b'.').count() >= 2;
    let symbols = release.ends_with("-dbg") || release.ends_with("-dbgsym");
    (numbered && exact && !symbols).then_some(release)
}
