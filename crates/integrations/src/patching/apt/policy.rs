//! Reads `apt-cache policy`: which versions of a package there are.

use std::collections::BTreeMap;

/// What apt knows of one package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// `None`: not installed.
    pub installed: Option<String>,
    /// What an upgrade would bring. `None`: apt has no version to offer.
    pub candidate: Option<String>,
    /// Every version that apt knows, its own order: newest first. The installed one counts.
    pub versions: Vec<String>,
}

/// A line that `apt-cache policy` does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of apt-cache policy is not understood: {text:?}")]
pub struct PolicyUnreadable {
    pub line: usize,
    pub text: String,
}

/// Reads the versions of each package. One that apt does not know is not in the answer.
pub fn parse_policy(output: &[u8]) -> Result<BTreeMap<String, Candidate>, PolicyUnreadable> {
    let mut candidates: BTreeMap<String, Candidate> = BTreeMap::new();
    let mut package = None;
    for (index, line) in output.split(|byte| *byte == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line);
        let unclear = || PolicyUnreadable { line: index + 1, text: text.chars().take(200).collect() };
        if text.trim().is_empty() {
            continue;
        }
        if !text.starts_with(' ') {
            let name = text.strip_suffix(':').ok_or_else(unclear)?;
            candidates.entry(name.to_owned()).or_default();
            package = Some(name.to_owned());
            continue;
        }
        let candidate = package.as_ref().and_then(|package| candidates.get_mut(package)).ok_or_else(unclear)?;
        let version = |text: &str| (text != "(none)").then(|| text.to_owned());
        if let Some(installed) = text.strip_prefix("  Installed: ") {
            candidate.installed = version(installed);
        } else if let Some(offered) = text.strip_prefix("  Candidate: ") {
            candidate.candidate = version(offered);
        } else if let Some(known) = text.strip_prefix("     ").or_else(|| text.strip_prefix(" *** ")) {
            // Deeper lines say where a version comes from.
            if !known.starts_with(' ') {
                candidate.versions.push(known.split(' ').next().ok_or_else(unclear)?.to_owned());
            }
        }
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_tells_all_versions() {
        let candidates = parse_policy(include_bytes!("../testdata/policy.txt")).unwrap();
        let candidate = |installed: &str, candidate: &str| Candidate {
            installed: Some(installed.to_owned()),
            candidate: Some(candidate.to_owned()),
            versions: vec![candidate.to_owned(), installed.to_owned()],
        };
        let expected = [
            ("vigie-demo-db".to_owned(), candidate("1:15.2-1+b1", "1:15.2-1+deb12u3")),
            ("vigie-demo-web".to_owned(), candidate("1.0-1", "1.0-1+deb12u1")),
        ];
        assert_eq!(candidates, BTreeMap::from(expected));
    }

    #[test]
    fn a_package_that_is_not_installed_has_no_version() {
        let output = b"linux-image-amd64:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n     6.1.1-1 -1\n        100 /var/lib/dpkg/status\n";
        let candidates = parse_policy(output).unwrap();
        let versions = vec!["6.1.1-1".to_owned()];
        assert_eq!(candidates["linux-image-amd64"], Candidate { installed: None, candidate: None, versions });
    }

    #[test]
    fn an_unknown_line_is_named() {
        let error = parse_policy(b"bash:\n  Installed: 1\nE: broken").unwrap_err();
        assert_eq!(error.to_string(), "line 3 of apt-cache policy is not understood: \"E: broken\"");
        assert!(parse_policy(b"  Installed: 1").is_err());
    }
}
