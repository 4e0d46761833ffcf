//! What single types ask for, by the definitions of package-url.

use super::Purl;

/// Types whose namespaces have no case.
const CASELESS_NAMESPACE: [&str; 14] = [
    "alpm",
    "apk",
    "bitbucket",
    "brew",
    "composer",
    "deb",
    "github",
    "gitlab",
    "hex",
    "luarocks",
    "qpkg",
    "rpm",
    "vscode-extension",
    "yocto",
];
/// Types whose names have no case.
const CASELESS_NAME: [&str; 17] = [
    "alpm",
    "apk",
    "bitbucket",
    "bitnami",
    "brew",
    "chrome-extension",
    "composer",
    "deb",
    "github",
    "gitlab",
    "hex",
    "luarocks",
    "oci",
    "otp",
    "pub",
    "pypi",
    "vscode-extension",
];
/// Types whose versions have no case.
const CASELESS_VERSION: [&str; 4] = ["huggingface", "oci", "pypi", "vscode-extension"];
/// Types without namespaces.
const NO_NAMESPACE: [&str; 18] = [
    "bazel",
    "bitnami",
    "cargo",
    "chrome-extension",
    "cocoapods",
    "conda",
    "cran",
    "gem",
    "hackage",
    "julia",
    "mlflow",
    "nuget",
    "oci",
    "opam",
    "otp",
    "pub",
    "pypi",
    "vcpkg",
];
/// Types that tell nothing without a namespace. For others that ask for one, inventories leave it out where they do not
/// know it (the distribution of a package) or there is none (Go's `stdlib`).
const NEEDS_NAMESPACE: [&str; 5] = ["bitbucket", "git", "github", "swift", "vscode-extension"];

/// Puts the parts into the spelling that the type asks for, or says what it does not allow.
pub(super) fn normalise(purl: &mut Purl) -> Result<(), String> {
    let kind = purl.kind.as_str();
    if NO_NAMESPACE.contains(&kind) && !purl.namespace.is_empty() {
        return Err(format!("the type {kind} has no namespaces"));
    }
    if NEEDS_NAMESPACE.contains(&kind) && purl.namespace.is_empty() {
        return Err(format!("the type {kind} needs a namespace"));
    }
    if CASELESS_NAMESPACE.contains(&kind) {
        purl.namespace = purl.namespace.to_lowercase();
    }
    if CASELESS_NAME.contains(&kind) {
        purl.name = purl.name.to_lowercase();
    }
    if CASELESS_VERSION.contains(&kind) {
        purl.version = purl.version.to_lowercase();
    }
    match kind {
        "chrome-extension" => check_chrome_extension(purl),
        "cpan" => {
            purl.namespace = purl.namespace.to_uppercase();
            if purl.name.contains("::") { Err("it names a module, not a distribution".to_owned()) } else { Ok(()) }
        }
        "julia" => need(purl, "uuid"),
        // Databricks has no case, Azure has.
        "mlflow" => {
            if purl.qualifiers.get("repository_url").is_some_and(|url| url.contains("databricks")) {
                purl.name = purl.name.to_lowercase();
            }
            Ok(())
        }
        "pub" => {
            let other = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit());
            purl.name = purl.name.replace(other, "_");
            Ok(())
        }
        "pypi" => {
            purl.name = purl.name.replace('_', "-");
            Ok(())
        }
        "swid" => need(purl, "tag_id"),
        _ => Ok(()),
    }
}

fn need(purl: &Purl, key: &str) -> Result<(), String> {
    if purl.qualifiers.contains_key(key) {
        Ok(())
    } else {
        Err(format!("the type {} needs the qualifier {key}", purl.kind))
    }
}

fn check_chrome_extension(purl: &Purl) -> Result<(), String> {
    if purl.name.len() != 32 || !purl.name.bytes().all(|c| matches!(c, b'a'..=b'p')) {
        return Err("the name is no identifier of an extension".to_owned());
    }
    let number = |word: &str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_digit());
    if purl.version.is_empty() || purl.version.split('.').count() <= 4 && purl.version.split('.').all(number) {
        Ok(())
    } else {
        Err("the version is no one to four numbers".to_owned())
    }
}
