//! Images by what the command line calls them: a registry's name, an OCI layout, an archive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use domain::inventory::Inventory;
use outside::image::{Image, Login, Reference, Registry, Wanted};
use secrecy::SecretString;
use serde::Deserialize;

use crate::args::{Common, ImageOptions};
use crate::context;
use crate::exit::Usage;
use crate::inspect::read_secret;
use crate::scan;

/// A larger file is no list of logins.
const LOGINS_BYTES_MAX: u64 = 4 << 20;

/// Fetches or opens an image and reads its layers.
pub(crate) fn read(common: &Common, name: &str, options: &ImageOptions) -> anyhow::Result<(String, Inventory)> {
    let spool = std::env::temp_dir();
    let wanted = Wanted { platform: options.platform.as_ref(), spool: &spool };
    let image = match place(name)? {
        Place::File { path, tag } => outside::image::open(path, tag, wanted)?,
        Place::Registry(reference) => context::block_on(pull(common, &reference, options, wanted))?,
    };
    let inventory = engine::inspect::image(&image, &spool)
        .with_context(|| format!("unpack {name} in {}; TMPDIR names another folder", spool.display()))?;
    Ok((name.to_owned(), inventory))
}

enum Place<'a> {
    File { path: &'a Path, tag: Option<&'a str> },
    Registry(Reference),
}

/// A file or folder that is there wins over a name in a registry; behind its name may stand which of its images is meant.
fn place(name: &str) -> anyhow::Result<Place<'_>> {
    let path = Path::new(name);
    if path.exists() {
        scan::refuse_special(path)?;
        return Ok(Place::File { path, tag: None });
    }
    if let Some((path, tag)) = name.rsplit_once(':').filter(|(path, _)| Path::new(path).exists()) {
        return Ok(Place::File { path: Path::new(path), tag: Some(tag) });
    }
    if name.starts_with(['/', '.']) {
        return Err(Usage(format!("there is no file or folder {name}")).into());
    }
    let reference = name.strip_prefix("docker://").unwrap_or(name);
    Ok(Place::Registry(reference.parse().map_err(|error| Usage(format!("{error}")))?))
}

async fn pull(
    common: &Common,
    reference: &Reference,
    options: &ImageOptions,
    wanted: Wanted<'_>,
) -> anyhow::Result<Image> {
    let login = match (&options.registry_user, &options.registry_password_file) {
        (Some(user), Some(file)) => Some(Login { user: user.clone(), password: read_secret(file)? }),
        _ => kept_login(reference)?,
    };
    let never_touch = context::never_touch(common);
    let registry = Registry::new(reference, login, options.plain_http, &never_touch, context::client_options()).await?;
    Ok(registry.pull(wanted).await?)
}

/// The login that `docker login` or `podman login` left behind for a registry.
fn kept_login(reference: &Reference) -> anyhow::Result<Option<Login>> {
    for path in login_files() {
        let Ok(metadata) = path.metadata() else { continue };
        anyhow::ensure!(metadata.len() <= LOGINS_BYTES_MAX, "{} is too large for a list of logins", path.display());
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let login = find_login(&bytes, reference).with_context(|| format!("read the logins of {}", path.display()))?;
        if login.is_some() {
            return Ok(login);
        }
    }
    Ok(None)
}

/// Where docker and podman keep logins; a variable that names the place wins.
fn login_files() -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(file) = folder("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    if let Some(docker) = folder("DOCKER_CONFIG") {
        return vec![docker.join("config.json")];
    }
    let podman = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
    let docker = folder("HOME").map(|folder| folder.join(".docker/config.json"));
    podman.into_iter().chain(docker).collect()
}

fn find_login(bytes: &[u8], reference: &Reference) -> anyhow::Result<Option<Login>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Logins {
        #[serde(default)]
        auths: BTreeMap<String, Kept>,
        #[serde(default)]
        cred_helpers: BTreeMap<String, String>,
        #[serde(default)]
        creds_store: String,
    }
    #[derive(Deserialize)]
    struct Kept {
        #[serde(default)]
        auth: String,
    }
    let logins: Logins = serde_json::from_slice(bytes).context("it is no JSON of that form")?;
    let is_meant = |key: &str| {
        let host = key.trim_start_matches("https://").trim_start_matches("http://");
        let host = host.split('/').next().unwrap_or_default();
        host == reference.registry
            || host == reference.host()
            || (host == "index.docker.io" && reference.registry == "docker.io")
    };
    let kept = logins.auths.iter().find(|(key, _)| is_meant(key));
    if let Some((_, Kept { auth })) = kept.filter(|(_, kept)| !kept.auth.is_empty()) {
        let pair = base64::engine::general_purpose::STANDARD.decode(auth).ok().and_then(|b| String::from_utf8(b).ok());
        let pair = pair.as_deref().and_then(|pair| pair.split_once(':'));
        let (user, password) = pair.with_context(|| format!("the login of {} is damaged", reference.registry))?;
        return Ok(Some(Login { user: user.to_owned(), password: SecretString::from(password.to_owned()) }));
    }
    let helped =
        logins.cred_helpers.keys().any(|key| is_meant(key)) || (kept.is_some() && !logins.creds_store.is_empty());
    if helped {
        tracing::warn!(
            registry = reference.registry,
            "a credential helper keeps this login, and Vigie does not run helpers: use --registry-user and \
             --registry-password-file if the registry refuses"
        );
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn login(text: &str, reference: &str) -> Option<(String, String)> {
        let login = find_login(text.as_bytes(), &reference.parse().unwrap()).unwrap();
        login.map(|login| (login.user, login.password.expose_secret().to_owned()))
    }

    #[test]
    fn logins_are_found_by_their_registry_alone() {
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "YW5hOnNlY3JldDp4"},
            "registry.example:5000": {"auth": "Ym9iOmI="}}, "credsStore": "desktop"}"#;
        assert_eq!(login(text, "debian"), Some(("ana".to_owned(), "secret:x".to_owned())));
        assert_eq!(login(text, "registry.example:5000/app"), Some(("bob".to_owned(), "b".to_owned())));
        assert_eq!(login(text, "registry.example/app"), None);
        assert_eq!(login(r#"{"auths": {"ghcr.io": {}}, "credsStore": "desktop"}"#, "ghcr.io/app"), None);
        assert!(find_login(br#"{"auths": {"ghcr.io": {"auth": "!"}}}"#, &"ghcr.io/app".parse().unwrap()).is_err());
    }

    #[test]
    fn a_file_that_is_there_wins_over_a_registry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.tar");
        std::fs::write(&path, "").unwrap();
        let name = path.display().to_string();
        assert!(matches!(place(&name).unwrap(), Place::File { tag: None, .. }));
        assert!(matches!(place(&format!("{name}:1.2")).unwrap(), Place::File { tag: Some("1.2"), .. }));
        assert!(matches!(place("debian:12").unwrap(), Place::Registry(_)));
        assert!(matches!(place("docker://ghcr.io/app").unwrap(), Place::Registry(_)));
        assert!(place("./missing.tar").is_err() && place("Upper/Case").is_err());
    }
}
