//! A container image as a tree of files: its layers put on top of each other, without unpacking one file to a path.
//!
//! The content of every file goes to one unnamed spool file; names, links and whiteouts are put together in memory. What
//! a hostile layer writes can therefore reach nothing but its own tree.

mod nodes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use domain::inventory::{Area, Gap};
use ecosystems::capture::Reading;
use ecosystems::tree::{Files, Target, Tree};
use outside::image::Layer;
use outside::unpack::tar::{Header, Kind};

use self::nodes::{Content, Nodes};
use super::FOLDER_BYTES_MAX;

/// Larger files are not kept: nothing that tells of packages is as large.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Most bytes of all files of an image.
const SPOOL_BYTES_MAX: u64 = 64 << 30;
/// Most complaints of one layer that are told one by one.
const GAPS_MAX: usize = 20;
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// Bookkeeping of a file system of the past.
const BOOKKEEPING: &str = ".wh..wh.";

/// The layers that were applied so far, as one tree.
#[derive(Debug)]
pub struct Layered {
    nodes: Nodes,
    /// Digests of the layers, the lowest first.
    layers: Vec<String>,
    spool: File,
    spooled: u64,
    /// Folders in which the newest layer changed something.
    changed: BTreeSet<String>,
    gaps: Vec<Gap>,
}

impl Layered {
    /// An empty tree. The spool file has no name, and goes with the tree.
    pub fn new(spool: &Path) -> io::Result<Self> {
        Ok(Self {
            nodes: Nodes::default(),
            layers: Vec::new(),
            spool: tempfile::tempfile_in(spool)?,
            spooled: 0,
            changed: BTreeSet::new(),
            gaps: Vec::new(),
        })
    }

    /// Puts a layer on top. What is wrong with it becomes a gap; what was read of it before stays.
    pub fn apply(&mut self, layer: &Layer) {
        self.layers.push(layer.diff_id.to_string());
        self.changed.clear();
        let number = u16::try_from(self.layers.len()).unwrap_or(u16::MAX);
        let mut gaps = Vec::new();
        let mut untold = 0_u64;
        let walked = self.walk(layer, number, &mut |path, reason| {
            if gaps.len() < GAPS_MAX {
                gaps.push(gap(path, reason.to_owned()));
            } else {
                untold += 1;
            }
        });
        if untold > 0 {
            gaps.push(gap(layer.diff_id.as_str(), format!("{untold} more of its entries could not be understood")));
        }
        if let Err(error) = walked {
            gaps.push(gap(layer.diff_id.as_str(), error.to_string()));
        }
        self.gaps.append(&mut gaps);
    }

    /// Whether the newest layer brought, replaced or removed a file, or anything in it where it is a folder.
    pub fn is_changed(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.changed.contains(&self.nodes.real_path(parent)) || self.changed.contains(&self.nodes.real_path(path))
    }

    /// What could not be read so far.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn walk(&mut self, layer: &Layer, number: u16, complain: &mut dyn FnMut(&str, &str)) -> io::Result<()> {
        // What a file that broke off left behind the last whole one is written over.
        self.spool.seek(SeekFrom::Start(self.spooled))?;
        let mut spool = BufWriter::with_capacity(1 << 18, self.spool.try_clone()?);
        let (nodes, changed, spooled) = (&mut self.nodes, &mut self.changed, &mut self.spooled);
        layer.walk(&mut |header, content| {
            let parts: Vec<&str> = header.path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
            let Some((&name, parents)) = parts.split_last() else { return Ok(()) };
            if parts.contains(&"..") {
                complain(&header.path, "its path would leave the image");
                return Ok(());
            }
            let parent = match nodes.folder(parents, number) {
                Ok(parent) => parent,
                Err(reason) => {
                    complain(&header.path, reason);
                    return Ok(());
                }
            };
            match name {
                OPAQUE => nodes.remove_children(parent.node, number),
                name if name.starts_with(BOOKKEEPING) => return Ok(()),
                name => match name.strip_prefix(WHITEOUT) {
                    Some(name) => nodes.remove(parent.node, name, number),
                    None => {
                        let content = kept(header, content, &mut spool, spooled)?;
                        if let Err(reason) = nodes.insert(parent.node, name, content, number) {
                            complain(&header.path, reason);
                        }
                    }
                },
            }
            changed.insert(parent.path);
            Ok(())
        })?;
        spool.flush()
    }

    fn regular(&self, path: &str) -> Result<(u64, u64), Reading> {
        match self.nodes.find(path) {
            Ok(Some(node)) => match self.nodes.content(node) {
                Content::File { position, size } => Ok((*position, *size)),
                Content::TooLarge(size) => Err(Reading::Failed(format!("it has {size} bytes, and was not kept"))),
                Content::Folder(_) | Content::Link(_) | Content::Hardlink(_) | Content::Other => {
                    Err(Reading::Failed("it is not a regular file".to_owned()))
                }
            },
            Ok(None) => Err(Reading::Missing),
            Err(reason) => Err(Reading::Failed(reason.to_owned())),
        }
    }

    fn bytes(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, Reading> {
        let (position, size) = self.regular(path)?;
        if size > bytes_max {
            return Err(Reading::Failed(format!("it is larger than {bytes_max} bytes")));
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
        let read = self.spool.read_exact_at(&mut bytes, position);
        read.map(|()| bytes).map_err(|error| Reading::Failed(format!("could not read it: {error}")))
    }

    fn files(
        &self,
        path: &str,
        files_max: usize,
        bytes_max: usize,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<BTreeMap<String, Vec<u8>>, Reading> {
        let folder = match self.nodes.find(path) {
            Ok(Some(node)) => node,
            Ok(None) => return Err(Reading::Missing),
            Err(reason) => return Err(Reading::Failed(reason.to_owned())),
        };
        let Content::Folder(children) = self.nodes.content(folder) else { return Err(Reading::Missing) };
        let mut files = BTreeMap::new();
        let mut left = FOLDER_BYTES_MAX;
        for name in children.keys().filter(|name| wanted(name)) {
            let path = format!("{path}/{name}");
            let is_file = matches!(
                self.nodes.find(&path).map(|node| node.map(|node| self.nodes.content(node))),
                Ok(Some(Content::File { .. } | Content::TooLarge(_)))
            );
            if !is_file {
                continue;
            }
            if files.len() == files_max {
                return Err(Reading::Failed(format!("it has more than {files_max} files")));
            }
            let bytes = self.bytes(&path, bytes_max.min(left) as u64).map_err(|reading| match reading {
                Reading::Failed(reason) => Reading::Failed(format!("{name}: {reason}")),
                other => other,
            })?;
            left -= bytes.len();
            files.insert(name.to_string(), bytes);
        }
        Ok(files)
    }
}

/// What becomes of an entry's content: that of a file goes to the spool.
fn kept(
    header: &Header,
    content: &mut dyn Read,
    spool: &mut BufWriter<File>,
    spooled: &mut u64,
) -> io::Result<Content> {
    Ok(match &header.kind {
        Kind::Folder => Content::Folder(BTreeMap::new()),
        Kind::Symlink(target) => Content::Link(target.as_str().into()),
        Kind::Hardlink(target) => Content::Hardlink(target.as_str().into()),
        Kind::Other => Content::Other,
        Kind::File if header.size > FILE_BYTES_MAX => Content::TooLarge(header.size),
        Kind::File => {
            let position = *spooled;
            if header.size > SPOOL_BYTES_MAX - position {
                return Err(io::Error::other(format!("all its files have more than {SPOOL_BYTES_MAX} bytes")));
            }
            let size = io::copy(content, spool)?;
            *spooled += size;
            // The reader takes the end of the archive for the end of the file.
            if size != header.size {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{} is cut off", header.path)));
            }
            Content::File { position, size }
        }
    })
}

fn gap(subject: &str, reason: String) -> Gap {
    Gap { area: Area::Packages, subject: subject.to_owned(), reason }
}

impl Tree for Layered {
    fn files(&self, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Files {
        let mut files = Files::default();
        let mut folders = vec![(String::new(), Nodes::ROOT)];
        while let Some((folder, node)) = folders.pop() {
            let Content::Folder(children) = self.nodes.content(node) else { continue };
            for (name, &child) in children {
                let path = if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
                match self.nodes.content(child) {
                    // What the kernel shows as files is none.
                    Content::Folder(_) if matches!(path.as_str(), "proc" | "sys" | "dev") => {}
                    Content::Folder(_) => folders.push((path, child)),
                    _ if !wanted(&path) => {}
                    Content::File { .. } | Content::TooLarge(_) => files.paths.push(path),
                    Content::Link(_) => files.links.push(path),
                    Content::Other => files.special.push(path),
                    // They are what they name by now.
                    Content::Hardlink(_) => {}
                }
            }
        }
        files.paths.sort_unstable();
        files
    }

    fn target(&self, link: &str) -> Target {
        match self.nodes.find(link).ok().flatten().map(|node| self.nodes.content(node)) {
            Some(Content::File { .. } | Content::TooLarge(_)) => Target::File(self.nodes.real_path(link)),
            Some(Content::Folder(_)) => Target::Folder,
            Some(Content::Other) => Target::Special,
            Some(Content::Link(_) | Content::Hardlink(_)) | None => Target::Nothing,
        }
    }

    fn read(&self, path: &str, bytes_max: u64) -> Reading {
        self.bytes(path, bytes_max).map_or_else(|reading| reading, Reading::Bytes)
    }

    fn folder(&self, path: &str, files_max: usize, bytes_max: usize, wanted: &dyn Fn(&str) -> bool) -> Reading {
        self.files(path, files_max, bytes_max, wanted).map_or_else(|reading| reading, Reading::Files)
    }

    fn head(&self, path: &str) -> Option<[u8; 16]> {
        let (position, size) = self.regular(path).ok()?;
        let mut head = [0; 16];
        let count = head.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        self.spool.read_exact_at(&mut head[..count], position).ok()?;
        Some(head)
    }

    fn layer(&self, path: &str) -> &str {
        let layer = self.nodes.find(path).ok().flatten().map_or(0, |node| self.nodes.layer(node));
        usize::from(layer).checked_sub(1).and_then(|index| self.layers.get(index)).map_or("", String::as_str)
    }
}
