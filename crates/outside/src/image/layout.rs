//! Images in files: an OCI layout in a folder or an archive, and what `docker save` writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::manifest::{self, Config, DOCUMENT_BYTES_MAX, Descriptor, INDEX_DEPTH_MAX, Manifest};
use super::section::Section;
use super::{Content, Digest, Image, ImageError, LAYER_BYTES_MAX, Layer, Reference, Wanted};
use crate::unpack::{self, Limits, Packing, tar};

/// Files of an archive: some for each layer.
const ARCHIVE_ENTRIES_MAX: u64 = 100_000;
/// Links from layer to layer in old archives.
const LINKS_MAX: usize = 8;

/// Opens an image in a folder or an archive. `tag`: which one, where there are several.
pub fn open(path: &Path, tag: Option<&str>, wanted: Wanted<'_>) -> Result<Image, ImageError> {
    let name = path.display().to_string();
    let files = Files::open(path, wanted.spool).map_err(|source| ImageError::Read { name: name.clone(), source })?;
    let store = Store { name, files };
    if store.has("index.json") {
        store.oci(tag, wanted)
    } else if store.has("manifest.json") {
        store.docker(tag)
    } else {
        let reason = "it has neither index.json (an OCI layout) nor manifest.json (a Docker archive)".to_owned();
        Err(ImageError::Malformed { name: store.name, reason })
    }
}

struct Store {
    name: String,
    files: Files,
}

enum Files {
    Folder(PathBuf),
    Archive { file: Arc<File>, entries: BTreeMap<String, Entry> },
}

enum Entry {
    At { position: u64, size: u64 },
    Link(String),
}

impl Files {
    fn open(path: &Path, spool: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let name = path.display().to_string();
        let mut file = File::open(path)?;
        let mut beginning = [0; 8];
        let is_packed = file.read_exact(&mut beginning).is_ok() && Packing::of(&beginning).is_some();
        file.rewind()?;
        if is_packed {
            let mut plain = tempfile::tempfile_in(spool)?;
            io::copy(&mut unpack::reader(&name, file, Limits::bytes(LAYER_BYTES_MAX))?, &mut plain)?;
            plain.rewind()?;
            file = plain;
        }
        let mut entries = BTreeMap::new();
        tar::walk_seek(&name, BufReader::new(&file), ARCHIVE_ENTRIES_MAX, &mut |header, _| {
            let entry = match &header.kind {
                tar::Kind::File => Entry::At { position: header.position, size: header.size },
                tar::Kind::Symlink(target) => Entry::Link(beside(&header.path, target)),
                tar::Kind::Hardlink(target) => Entry::Link(plain(target)),
                tar::Kind::Folder | tar::Kind::Other => return Ok(()),
            };
            entries.insert(plain(&header.path), entry);
            Ok(())
        })?;
        Ok(Self::Archive { file: Arc::new(file), entries })
    }

    fn section(&self, path: &str) -> io::Result<Section> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(path);
                // Opening a pipe would wait for a writer.
                if !path.metadata()?.is_file() {
                    return Err(io::Error::other("it is not a regular file"));
                }
                Section::whole(File::open(path)?)
            }
            Self::Archive { file, entries } => {
                let mut path = path;
                for _ in 0..LINKS_MAX {
                    match entries.get(path) {
                        Some(Entry::At { position, size }) => return Section::new(Arc::clone(file), *position, *size),
                        Some(Entry::Link(target)) => path = target,
                        None => return Err(io::Error::new(io::ErrorKind::NotFound, "the archive has no such file")),
                    }
                }
                Err(io::Error::other("its links lead in a circle"))
            }
        }
    }
}

/// A path of an archive in one spelling.
fn plain(path: &str) -> String {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

/// The target of a link, from the root of the archive.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    plain(&parts.join("/"))
}

impl Store {
    fn has(&self, path: &str) -> bool {
        self.files.section(path).is_ok()
    }

    fn document(&self, path: &str) -> Result<Vec<u8>, ImageError> {
        let name = || format!("{path} of {}", self.name);
        let failed = |source| ImageError::Read { name: name(), source };
        let section = self.files.section(path).map_err(failed)?;
        if section.size() > DOCUMENT_BYTES_MAX {
            let reason = format!("it has more than {DOCUMENT_BYTES_MAX} bytes");
            return Err(ImageError::Malformed { name: name(), reason });
        }
        let mut bytes = Vec::new();
        section.reader().read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// A document by its digest, verified.
    fn blob(&self, descriptor: &Descriptor) -> Result<(Digest, Vec<u8>), ImageError> {
        let wanted = descriptor.digest()?;
        let bytes = self.document(&blob_path(&wanted))?;
        let got = Digest::of(Sha256::new_with_prefix(&bytes));
        if got != wanted {
            return Err(ImageError::WrongDigest { name: self.name.clone(), wanted, got });
        }
        Ok((wanted, bytes))
    }

    fn oci(&self, tag: Option<&str>, wanted: Wanted<'_>) -> Result<Image, ImageError> {
        let mut parsed = manifest::parse(&self.name, &self.document("index.json")?)?;
        let mut digest = None;
        let mut called = None;
        for depth in 0..INDEX_DEPTH_MAX {
            let Manifest::Index(mut index) = parsed else { break };
            // An archive of a part of an image keeps the whole index.
            index.retain(|entry| entry.digest().is_ok_and(|digest| self.has(&blob_path(&digest))));
            if depth == 0 {
                index = self.named(index, tag)?;
                called = index.first().and_then(full_name);
            }
            let chosen = manifest::choose(&self.name, &index, wanted.platform)?;
            let (found, bytes) = self.blob(chosen)?;
            parsed = manifest::parse(&self.name, &bytes)?;
            digest = Some(found);
        }
        let Manifest::Image { config, layers } = parsed else {
            let reason = "its indexes point to each other".to_owned();
            return Err(ImageError::Malformed { name: self.name.clone(), reason });
        };
        let config = manifest::config(&self.name, &self.blob(&config)?.1)?;
        let layers = layers
            .iter()
            .map(|layer| {
                let digest = layer.digest()?;
                Ok((blob_path(&digest), Some(digest)))
            })
            .collect::<Result<Vec<_>, ImageError>>()?;
        self.image(called, digest, config, layers)
    }

    /// The images of an index that have a name; without a wish, those of the only name.
    fn named(&self, index: Vec<Descriptor>, tag: Option<&str>) -> Result<Vec<Descriptor>, ImageError> {
        let mut names: Vec<String> = index.iter().filter_map(written_name).collect();
        names.sort();
        names.dedup();
        match tag {
            Some(tag) => {
                let named: Vec<Descriptor> =
                    index.into_iter().filter(|d| written_name(d).is_some_and(|name| is_called(&name, tag))).collect();
                if named.is_empty() {
                    return Err(self.no_tag(tag, &names));
                }
                Ok(named)
            }
            None if names.len() > 1 => Err(ImageError::Several { name: self.name.clone(), there: names.join(", ") }),
            None => Ok(index),
        }
    }

    fn no_tag(&self, tag: &str, names: &[String]) -> ImageError {
        ImageError::NoTag { name: self.name.clone(), wanted: tag.to_owned(), there: names.join(", ") }
    }

    fn docker(&self, tag: Option<&str>) -> Result<Image, ImageError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Saved {
            config: String,
            #[serde(default)]
            repo_tags: Option<Vec<String>>,
            layers: Vec<String>,
        }
        let malformed = |reason: String| ImageError::Malformed { name: self.name.clone(), reason };
        let saved: Vec<Saved> =
            serde_json::from_slice(&self.document("manifest.json")?).map_err(|error| malformed(error.to_string()))?;
        let names: Vec<String> = saved.iter().flat_map(|saved| saved.repo_tags.iter().flatten().cloned()).collect();
        let chosen = match tag {
            Some(tag) => saved
                .iter()
                .find(|saved| saved.repo_tags.iter().flatten().any(|name| is_called(name, tag)))
                .ok_or_else(|| self.no_tag(tag, &names))?,
            None => match &saved[..] {
                [only] => only,
                [] => return Err(malformed("its manifest.json lists no image".to_owned())),
                _ => return Err(ImageError::Several { name: self.name.clone(), there: names.join(", ") }),
            },
        };
        let config = manifest::config(&self.name, &self.document(&plain(&chosen.config))?)?;
        let called = chosen.repo_tags.iter().flatten().next().and_then(|name| name.parse().ok());
        let layers = chosen.layers.iter().map(|path| (plain(path), None)).collect();
        self.image(called, None, config, layers)
    }

    fn image(
        &self,
        reference: Option<Reference>,
        digest: Option<Digest>,
        config: Config,
        layers: Vec<(String, Option<Digest>)>,
    ) -> Result<Image, ImageError> {
        super::same_count(&self.name, &config, layers.len())?;
        let layers = config
            .diff_ids
            .iter()
            .zip(layers)
            .map(|(diff_id, (path, digest))| {
                let content = match self.files.section(&path) {
                    Ok(section) => Content::Here(section, digest),
                    Err(error) => Content::Missing(format!("{path}: {error}")),
                };
                Layer { diff_id: diff_id.clone(), content }
            })
            .collect();
        Ok(Image { name: self.name.clone(), reference, digest, config, layers })
    }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// What an index calls an image, by the names that tools write: a tag, or a whole reference.
fn written_name(descriptor: &Descriptor) -> Option<String> {
    let annotation = |name: &str| descriptor.annotations.get(name);
    annotation("io.containerd.image.name").or_else(|| annotation("org.opencontainers.image.ref.name")).cloned()
}

/// The reference that an index gives, where it is a whole one.
fn full_name(descriptor: &Descriptor) -> Option<Reference> {
    written_name(descriptor).filter(|name| name.contains('/')).and_then(|name| name.parse().ok())
}

fn is_called(name: &str, tag: &str) -> bool {
    name == tag || name.strip_suffix(tag).is_some_and(|rest| rest.ends_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_layers_are_followed_inside_the_archive() {
        assert_eq!(beside("abc/layer.tar", "../def/layer.tar"), "def/layer.tar");
        assert_eq!(beside("./abc/layer.tar", "layer2.tar"), "abc/layer2.tar");
        assert_eq!(beside("layer.tar", "../../../etc/passwd"), "etc/passwd");
        assert!(is_called("docker.io/library/app:1", "1") && is_called("1", "1") && !is_called("app:11", "1"));
    }
}
