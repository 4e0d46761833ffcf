//! Names and links of all layers put together. No path is ever given to the system.

use std::collections::BTreeMap;

/// As many links in one path as Linux follows.
const LINKS_MAX: usize = 40;
/// Deeper folders are a trap.
const DEPTH_MAX: usize = 128;
/// Real images have a tenth of that.
const NODES_MAX: usize = 5_000_000;

/// The tree. Nodes are never taken out of it, only left behind.
#[derive(Debug)]
pub(super) struct Nodes(Vec<Node>);

#[derive(Debug)]
struct Node {
    /// The layer that brought it, counted from one.
    layer: u16,
    content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Folder(BTreeMap<Box<str>, u32>),
    /// Where it stands in the spool.
    File {
        position: u64,
        size: u64,
    },
    /// It was not kept.
    TooLarge(u64),
    /// A symbolic link.
    Link(Box<str>),
    /// Another name for what has this path: only on the way in.
    Hardlink(Box<str>),
    Other,
}

/// A folder, with the path that it has after all links.
pub(super) struct Folder {
    pub(super) node: u32,
    pub(super) path: String,
}

/// Where a path leads.
enum Step {
    At(Vec<(u32, String)>),
    /// Its last parts are not there.
    Missing {
        at: Vec<(u32, String)>,
        missing: Vec<String>,
    },
}

impl Default for Nodes {
    fn default() -> Self {
        Self(vec![Node { layer: 0, content: Content::Folder(BTreeMap::new()) }])
    }
}

impl Nodes {
    pub(super) const ROOT: u32 = 0;

    pub(super) fn content(&self, node: u32) -> &Content {
        &self.0[node as usize].content
    }

    pub(super) fn layer(&self, node: u32) -> u16 {
        self.0[node as usize].layer
    }

    /// What a path leads to, its links followed. The error is why nobody can tell.
    pub(super) fn find(&self, path: &str) -> Result<Option<u32>, &'static str> {
        match self.resolve(path.split('/').collect())? {
            Step::At(at) => Ok(at.last().map(|(node, _)| *node)),
            Step::Missing { .. } => Ok(None),
        }
    }

    /// A path as it is after all links, as far as it is there.
    pub(super) fn real_path(&self, path: &str) -> String {
        match self.resolve(path.split('/').collect()) {
            Ok(Step::At(at)) => joined(&at),
            Ok(Step::Missing { at, missing }) => {
                let parts = names(&at).chain(missing.iter().map(String::as_str));
                parts.collect::<Vec<_>>().join("/")
            }
            Err(_) => path.to_owned(),
        }
    }

    /// The folder of that path, made where it is not there: layers need not list the folders of their files.
    pub(super) fn folder(&mut self, parts: &[&str], layer: u16) -> Result<Folder, &'static str> {
        let mut at = match self.resolve(parts.to_vec())? {
            Step::At(at) => at,
            Step::Missing { mut at, missing } => {
                for name in missing {
                    let parent = at.last().map_or(Self::ROOT, |(node, _)| *node);
                    let node = self.add(Content::Folder(BTreeMap::new()), layer)?;
                    self.children(parent).ok_or("a folder on its way is a file")?.insert(name.as_str().into(), node);
                    at.push((node, name));
                }
                at
            }
        };
        if at.len() > DEPTH_MAX {
            return Err("its path is too deep");
        }
        let path = joined(&at);
        let (node, _) = at.pop().ok_or("it has no folder")?;
        match self.content(node) {
            Content::Folder(_) => Ok(Folder { node, path }),
            _ => Err("a folder on its way is a file"),
        }
    }

    /// Puts something into a folder: a folder goes together with one that is there, anything else replaces it. The error is
    /// why it cannot be there.
    pub(super) fn insert(&mut self, parent: u32, name: &str, content: Content, layer: u16) -> Result<(), &'static str> {
        let there = self.children(parent).and_then(|children| children.get(name).copied());
        let content = match content {
            Content::Folder(_) if there.is_some_and(|node| matches!(self.content(node), Content::Folder(_))) => {
                return Ok(());
            }
            Content::Hardlink(target) => match self.find(&target).ok().flatten().map(|node| self.content(node)) {
                Some(&Content::File { position, size }) => Content::File { position, size },
                Some(&Content::TooLarge(size)) => Content::TooLarge(size),
                Some(Content::Other) => Content::Other,
                _ => return Err("it is another name of a file that is not there"),
            },
            other => other,
        };
        let node = self.add(content, layer)?;
        let children = self.children(parent).ok_or("a folder on its way is a file")?;
        children.insert(name.into(), node);
        Ok(())
    }

    /// Removes what lower layers brought by that name; what this layer brought itself stays.
    pub(super) fn remove(&mut self, parent: u32, name: &str, layer: u16) {
        let Some(node) = self.children(parent).and_then(|children| children.get(name).copied()) else { return };
        if self.remove_older(node, layer, 0)
            && let Some(children) = self.children(parent)
        {
            children.remove(name);
        }
    }

    /// Removes everything that lower layers brought into a folder.
    pub(super) fn remove_children(&mut self, folder: u32, layer: u16) {
        let names: Vec<Box<str>> = self.children(folder).map(|c| c.keys().cloned().collect()).unwrap_or_default();
        for name in names {
            self.remove(folder, &name, layer);
        }
    }

    /// Empties a node of what is older than a layer. Tells whether nothing is left.
    fn remove_older(&mut self, node: u32, layer: u16, depth: usize) -> bool {
        let own = self.layer(node) == layer;
        if depth > DEPTH_MAX {
            return !own;
        }
        let Some(children) = self.children(node) else { return !own };
        let all = std::mem::take(children);
        let left: BTreeMap<Box<str>, u32> =
            all.into_iter().filter(|(_, child)| !self.remove_older(*child, layer, depth + 1)).collect();
        let empty = left.is_empty();
        if let Some(children) = self.children(node) {
            *children = left;
        }
        !own && empty
    }

    fn add(&mut self, content: Content, layer: u16) -> Result<u32, &'static str> {
        if self.0.len() >= NODES_MAX {
            return Err("the image has too many files");
        }
        let number = u32::try_from(self.0.len()).map_err(|_| "the image has too many files")?;
        self.0.push(Node { layer, content });
        Ok(number)
    }

    fn children(&mut self, node: u32) -> Option<&mut BTreeMap<Box<str>, u32>> {
        match &mut self.0.get_mut(node as usize)?.content {
            Content::Folder(children) => Some(children),
            _ => None,
        }
    }

    /// Follows a path with all its links, `..` and `/` ending at the root.
    fn resolve(&self, parts: Vec<&str>) -> Result<Step, &'static str> {
        let mut at = vec![(Self::ROOT, String::new())];
        let mut left: Vec<String> = parts.into_iter().rev().map(str::to_owned).collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.len().saturating_sub(1).max(1));
                    continue;
                }
                _ => {}
            }
            let here = at.last().map_or(Self::ROOT, |(node, _)| *node);
            let Content::Folder(children) = self.content(here) else {
                left.push(part);
                return Ok(missing(at, left));
            };
            let Some(&child) = children.get(part.as_str()) else {
                left.push(part);
                return Ok(missing(at, left));
            };
            let Content::Link(target) = self.content(child) else {
                at.push((child, part));
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return Err("its links lead in a circle");
            }
            if target.starts_with('/') {
                at.truncate(1);
            }
            left.extend(target.rsplit('/').map(str::to_owned));
        }
        Ok(Step::At(at))
    }
}

/// What is left of a path, in its order; `..` in it leads back out of folders that are not there.
fn missing(mut at: Vec<(u32, String)>, left: Vec<String>) -> Step {
    let mut missing = Vec::new();
    for part in left.into_iter().rev() {
        match part.as_str() {
            "" | "." => {}
            ".." => {
                if missing.pop().is_none() {
                    at.truncate(at.len().saturating_sub(1).max(1));
                }
            }
            _ => missing.push(part),
        }
    }
    Step::Missing { at, missing }
}

fn joined(at: &[(u32, String)]) -> String {
    names(at).collect::<Vec<_>>().join("/")
}

/// The names on the way, without the root, which has none.
fn names(at: &[(u32, String)]) -> impl Iterator<Item = &str> {
    at.iter().skip(1).map(|(_, name)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(nodes: &mut Nodes, path: &str, content: Content, layer: u16) -> Result<(), &'static str> {
        let parts: Vec<&str> = path.split('/').collect();
        let (name, parents) = parts.split_last().unwrap();
        let parent = nodes.folder(parents, layer)?.node;
        nodes.insert(parent, name, content, layer)
    }

    fn file(position: u64) -> Content {
        Content::File { position, size: 1 }
    }

    fn position(nodes: &Nodes, path: &str) -> Option<u64> {
        match nodes.content(nodes.find(path).unwrap()?) {
            Content::File { position, .. } => Some(*position),
            _ => None,
        }
    }

    #[test]
    fn a_whiteout_takes_what_lower_layers_brought_and_nothing_else() {
        let mut nodes = Nodes::default();
        put(&mut nodes, "etc/a", file(1), 1).unwrap();
        put(&mut nodes, "etc/deep/b", file(2), 1).unwrap();
        put(&mut nodes, "etc/deep/new", file(3), 2).unwrap();
        let etc = nodes.find("etc").unwrap().unwrap();
        nodes.remove(etc, "deep", 2);
        nodes.remove(etc, "nothing", 2);
        assert_eq!([position(&nodes, "etc/a"), position(&nodes, "etc/deep/b")], [Some(1), None]);
        assert_eq!(
            position(&nodes, "etc/deep/new"),
            Some(3),
            "it came before its folder's whiteout, in the same layer"
        );
        nodes.remove_children(Nodes::ROOT, 3);
        assert_eq!(nodes.find("etc").unwrap(), None);
    }

    #[test]
    fn links_stay_in_the_tree_and_end() {
        let mut nodes = Nodes::default();
        put(&mut nodes, "lib", Content::Link("usr/lib".into()), 1).unwrap();
        put(&mut nodes, "usr/lib/os", Content::Link("../../../../etc/os".into()), 1).unwrap();
        put(&mut nodes, "etc/os", file(1), 1).unwrap();
        put(&mut nodes, "lib/through", file(2), 2).unwrap();
        put(&mut nodes, "loop", Content::Link("/loop".into()), 1).unwrap();
        assert_eq!(position(&nodes, "lib/os"), Some(1));
        assert_eq!(position(&nodes, "usr/lib/through"), Some(2), "written through a link of a lower layer");
        assert_eq!(nodes.real_path("lib/new/x"), "usr/lib/new/x");
        assert_eq!(nodes.find("loop"), Err("its links lead in a circle"));
        assert_eq!(nodes.find("lib/gone/../../../x"), Ok(None));
        assert!(nodes.folder(&["etc", "os", "below"], 1).is_err(), "a file has nothing below it");
    }

    #[test]
    fn files_and_folders_replace_each_other() {
        let mut nodes = Nodes::default();
        put(&mut nodes, "a/b", file(1), 1).unwrap();
        put(&mut nodes, "a", Content::Folder(BTreeMap::new()), 2).unwrap();
        assert_eq!(position(&nodes, "a/b"), Some(1), "a folder over a folder keeps what is in it");
        put(&mut nodes, "a", file(2), 3).unwrap();
        assert_eq!((position(&nodes, "a"), nodes.find("a/b").unwrap()), (Some(2), None));
        put(&mut nodes, "hard", Content::Hardlink("a".into()), 4).unwrap();
        assert_eq!(position(&nodes, "hard"), Some(2));
        let refused = put(&mut nodes, "hard", Content::Hardlink("gone".into()), 4);
        assert_eq!(refused, Err("it is another name of a file that is not there"));
    }

    #[test]
    fn no_path_is_deeper_than_the_limit() {
        let mut nodes = Nodes::default();
        assert!(nodes.folder(&["x"; DEPTH_MAX - 1], 1).is_ok());
        assert!(nodes.folder(&["x"; DEPTH_MAX], 1).is_err());
    }
}
