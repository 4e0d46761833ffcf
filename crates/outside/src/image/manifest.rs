//! What an image says of itself: index, manifest, configuration. OCI's forms and Docker's, which differ in names only.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::{Digest, ImageError};

/// Most bytes of an index, a manifest or a configuration.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 8 << 20;
/// An index may point to an index, and no deeper.
pub(super) const INDEX_DEPTH_MAX: usize = 3;
/// Real images have at most 127 layers.
const LAYERS_MAX: usize = 1024;

/// What registries are asked for.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// An index of several images, or one image.
pub(super) enum Manifest {
    Index(Vec<Descriptor>),
    Image { config: Descriptor, layers: Vec<Descriptor> },
}

/// Something by its digest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    digest: String,
    pub(super) size: u64,
    platform: Option<PlatformWords>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
struct PlatformWords {
    os: String,
    architecture: String,
    #[serde(default)]
    variant: String,
}

/// The system that an image is for: `linux/amd64`, `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    /// Empty: any.
    pub variant: String,
}

/// What an image's configuration says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub os: String,
    /// In Go's words: `amd64`, `arm64`.
    pub architecture: String,
    /// The digests of the layers, unpacked, the lowest first.
    pub diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u32>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Descriptor {
    pub(super) fn digest(&self) -> Result<Digest, ImageError> {
        self.digest.parse().map_err(ImageError::Digest)
    }

    /// Whether it is an image, and no statement about one (a signature, a provenance).
    fn is_image(&self) -> bool {
        let attested = self.annotations.get("vnd.docker.reference.type").is_some_and(|kind| kind.starts_with("attest"));
        !attested && self.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    }

    fn serves(&self, wanted: &Platform) -> bool {
        self.platform.as_ref().is_some_and(|here| {
            let variant = wanted.variant.is_empty() || wanted.variant == here.variant;
            here.os == wanted.os && here.architecture == wanted.architecture && variant
        })
    }
}

/// Reads an index or a manifest; `name` is for messages.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Manifest, ImageError> {
    let malformed = |reason: String| ImageError::Malformed { name: name.to_owned(), reason };
    let document: Document = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if document.schema_version == Some(1) {
        return Err(malformed("it has Docker's schema 1, which was given up in 2019: push the image anew".to_owned()));
    }
    match document {
        Document { manifests: Some(manifests), .. } => Ok(Manifest::Index(manifests)),
        Document { config: Some(config), layers: Some(layers), .. } => {
            if layers.len() > LAYERS_MAX {
                return Err(malformed(format!("it has more than {LAYERS_MAX} layers")));
            }
            if !is_config(&config.media_type) {
                return Err(malformed(format!("it is no image but {:?}", config.media_type)));
            }
            Ok(Manifest::Image { config, layers })
        }
        _ => Err(malformed("it is neither an index nor a manifest of an image".to_owned())),
    }
}

fn is_config(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
    )
}

/// The image of an index for a platform; without a wish, the one for this machine, or the only one.
pub(super) fn choose<'a>(
    name: &str,
    index: &'a [Descriptor],
    wanted: Option<&Platform>,
) -> Result<&'a Descriptor, ImageError> {
    let images: Vec<&Descriptor> = index.iter().filter(|descriptor| descriptor.is_image()).collect();
    let here = Platform::here();
    if let Some(found) = images.iter().find(|image| image.serves(wanted.unwrap_or(&here))) {
        return Ok(found);
    }
    if let ([only], None) = (&images[..], wanted) {
        return Ok(only);
    }
    let told = |p: &PlatformWords| Platform {
        os: p.os.clone(),
        architecture: p.architecture.clone(),
        variant: p.variant.clone(),
    };
    let of = |image: &&Descriptor| match &image.platform {
        Some(platform) => told(platform).to_string(),
        None => "one that names no platform".to_owned(),
    };
    let there: Vec<String> = images.iter().map(of).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(ImageError::NoPlatform { name: name.to_owned(), wanted: wanted.unwrap_or(&here).to_string(), there })
}

/// Reads an image's configuration.
pub(super) fn config(name: &str, bytes: &[u8]) -> Result<Config, ImageError> {
    #[derive(Deserialize)]
    struct Words {
        #[serde(default)]
        os: String,
        #[serde(default)]
        architecture: String,
        rootfs: Rootfs,
    }
    #[derive(Deserialize)]
    struct Rootfs {
        #[serde(default)]
        diff_ids: Vec<String>,
    }
    let malformed = |reason: String| ImageError::Malformed { name: name.to_owned(), reason };
    let words: Words = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let diff_ids: Result<_, _> = words.rootfs.diff_ids.iter().map(|text| text.parse()).collect();
    Ok(Config { os: words.os, architecture: words.architecture, diff_ids: diff_ids.map_err(ImageError::Digest)? })
}

impl Platform {
    /// Linux on this machine's kind of processor.
    fn here() -> Self {
        let architecture = if cfg!(target_arch = "x86_64") {
            "amd64"
        } else if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "unknown"
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: String::new() }
    }
}

/// The text names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no platform (expected one such as linux/amd64 or linux/arm/v7)")]
pub struct InvalidPlatform(String);

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, ""),
            [os, architecture, variant] if !variant.is_empty() => (os, architecture, variant),
            _ => return Err(InvalidPlatform(text.to_owned())),
        };
        if os.is_empty() || architecture.is_empty() {
            return Err(InvalidPlatform(text.to_owned()));
        }
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[(&str, &str)]) -> Vec<Descriptor> {
        platforms
            .iter()
            .map(|(os, architecture)| Descriptor {
                media_type: String::new(),
                digest: format!("sha256:{}", "0".repeat(64)),
                size: 1,
                platform: Some(PlatformWords {
                    os: (*os).to_owned(),
                    architecture: (*architecture).to_owned(),
                    variant: String::new(),
                }),
                annotations: BTreeMap::new(),
            })
            .collect()
    }

    #[test]
    fn the_platform_that_is_wanted_or_the_only_one() {
        let architecture = |index: &[Descriptor], wanted: Option<&str>| {
            let wanted = wanted.map(|text| text.parse::<Platform>().unwrap());
            choose("app", index, wanted.as_ref())
                .map(|chosen| chosen.platform.as_ref().unwrap().architecture.clone())
                .map_err(|error| error.to_string())
        };
        let many = index(&[("linux", "s390x"), ("linux", "riscv64"), ("unknown", "unknown")]);
        assert_eq!(architecture(&many, Some("linux/riscv64")), Ok("riscv64".to_owned()));
        assert_eq!(
            architecture(&many, Some("linux/mips")),
            Err("app has no image for linux/mips (it has linux/s390x, linux/riscv64): name one with --platform"
                .to_owned())
        );
        assert_eq!(architecture(&index(&[("linux", "s390x")]), None), Ok("s390x".to_owned()));
        let error = |index: &[Descriptor]| architecture(index, Some("linux/mips")).unwrap_err();
        assert!(error(&[]).contains("(it has none)"), "{}", error(&[]));
        let mut unnamed = index(&[("linux", "s390x")]);
        unnamed[0].platform = None;
        assert!(error(&unnamed).contains("(it has one that names no platform)"), "{}", error(&unnamed));
    }

    #[test]
    fn what_is_no_image_says_so() {
        let refused = |text: &str| parse("app", text.as_bytes()).map(|_| ()).unwrap_err().to_string();
        assert!(refused(r#"{"schemaVersion": 1, "fsLayers": []}"#).contains("schema 1"));
        assert!(refused("{}").ends_with("it is neither an index nor a manifest of an image"));
        let chart = r#"{"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "", "size": 1},
            "layers": []}"#;
        assert!(refused(chart).ends_with("it is no image but \"application/vnd.cncf.helm.config.v1+json\""));
        assert!("linux".parse::<Platform>().is_err() && "linux/arm/v7/x".parse::<Platform>().is_err());
    }
}
