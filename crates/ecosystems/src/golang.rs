//! Go: `go.mod`, and what the toolchain writes into programs.

use std::collections::HashMap;

use domain::component::Ecosystem;

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "go.mod",
        found: FoundBy::Path(|path| named(path, "go.mod")),
        tells: Tells::Declared,
        bytes_max: 16 << 20,
        parse: Parse::Alone(module),
    },
    Manifest {
        name: "Go programs",
        found: FoundBy::Program,
        tells: Tells::Installed,
        bytes_max: 512 << 20,
        parse: Parse::Alone(program),
    },
];

/// What stands in front of the build information in a program.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// On which places it stands.
const ALIGNMENT: usize = 16;
/// What is in front of the texts.
const HEAD_BYTES: usize = 32;
/// What stands on both sides of the list of modules.
const SENTINEL_BYTES: usize = 16;

fn module(path: &str, bytes: &[u8], found: &mut Found) {
    let text = String::from_utf8_lossy(bytes);
    let (mut required, mut replaced) = (Vec::new(), HashMap::new());
    // Without a word of its own a module counts as one of Go 1.16.
    let mut minor = 16;
    let mut block = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (verb, rest) = match words.as_slice() {
            [] => continue,
            [")"] => {
                block.clear();
                continue;
            }
            [verb, "("] => {
                block = (*verb).to_owned();
                continue;
            }
            rest if !block.is_empty() => (block.as_str(), rest),
            [verb, rest @ ..] => (*verb, rest),
        };
        match (verb, rest) {
            ("go", [version]) => {
                let mut parts = version.split('.');
                let major = parts.next().and_then(|major| major.parse().ok()).unwrap_or(1_u32);
                minor = if major > 1 { u32::MAX } else { parts.next().and_then(|m| m.parse().ok()).unwrap_or(0) };
            }
            ("require", [name, version]) => required.push(((*name).to_owned(), (*version).to_owned())),
            // Every version of a module, or one. Somebody's own folder has no version.
            ("replace", [old, "=>", new @ ..]) => {
                drop(replaced.insert(((*old).to_owned(), String::new()), target(new)))
            }
            ("replace", [old, version, "=>", new @ ..]) => {
                replaced.insert(((*old).to_owned(), (*version).to_owned()), target(new));
            }
            _ => {}
        }
    }
    if minor < 17 && !required.is_empty() {
        found.gap(path, "a go.mod of Go before 1.17 does not say what its modules need in turn");
    }
    for (name, version) in required {
        // What is said of one version outweighs what is said of all.
        let of_one = (name.clone(), version.clone());
        match replaced.get(&of_one).or_else(|| replaced.get(&(of_one.0, String::new()))) {
            None => found.package(Ecosystem::Golang, &name, &version, path),
            Some(Some((name, version))) => found.package(Ecosystem::Golang, name, version, path),
            Some(None) => found.gap(path, format_args!("{name} is replaced by a folder, which has no version")),
        }
    }
}

/// The module that takes another's place. `None`: a folder does.
fn target(words: &[&str]) -> Option<(String, String)> {
    match words {
        [name, version] => Some(((*name).to_owned(), (*version).to_owned())),
        _ => None,
    }
}

/// Reads the form that Go writes since 1.18; older programs are a gap.
fn program(path: &str, bytes: &[u8], found: &mut Found) {
    let (version, modules) = match build_information(bytes) {
        Build::Texts(version, modules) => (version, modules),
        Build::Old => {
            return found.gap(path, "it was built by a Go older than 1.18, whose list of modules is not read");
        }
        Build::Cut => return found.gap(path, "its build information is cut off"),
        Build::None => return,
    };
    let version = String::from_utf8_lossy(version);
    if let Some(version) = version.split_whitespace().next().and_then(|word| word.strip_prefix("go")) {
        found.package(Ecosystem::Golang, "stdlib", version, path);
    }
    let end = modules.len().saturating_sub(SENTINEL_BYTES);
    let modules = String::from_utf8_lossy(modules.get(SENTINEL_BYTES..end).unwrap_or_default()).into_owned();
    let mut last: Option<(String, String)> = None;
    let mut is_list = false;
    for line in modules.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words.as_slice() {
            ["dep" | "mod", name, version, ..] => {
                is_list = true;
                if let Some((name, version)) = last.replace(((*name).to_owned(), (*version).to_owned())) {
                    dependency(&name, &version, path, found);
                }
            }
            // It takes the place of the line before.
            ["=>", name, version, ..] => last = Some(((*name).to_owned(), (*version).to_owned())),
            _ => {}
        }
    }
    if let Some((name, version)) = last {
        dependency(&name, &version, path, found);
    }
    if !is_list {
        // Built without modules, as distributions do.
        found.gap(path, "it does not say which modules it was built from");
    }
}

/// What a program says of how it was built.
enum Build<'a> {
    /// The version of Go, and the modules.
    Texts(&'a [u8], &'a [u8]),
    /// Pointers to texts, as before Go 1.18.
    Old,
    Cut,
    /// It is no program of Go.
    None,
}

/// Finds the build information as Go's own `debug/buildinfo` does. Other programs have the magic too, as whoever looks for it
/// does: only what stands on the right place and makes sense counts.
fn build_information(bytes: &[u8]) -> Build<'_> {
    let mut best = Build::None;
    for start in memchr::memmem::find_iter(bytes, MAGIC).filter(|start| start % ALIGNMENT == 0) {
        let head = &bytes[start..];
        let (Some(pointer_bytes), Some(flags)) = (head.get(MAGIC.len()), head.get(MAGIC.len() + 1)) else { break };
        if !matches!(pointer_bytes, 4 | 8) || *flags > 3 {
            continue;
        }
        // Bit 1 of the flags: the texts follow the head. Before 1.18 there were pointers to them.
        if flags & 2 == 0 {
            best = Build::Old;
            continue;
        }
        let texts = head.get(HEAD_BYTES..).and_then(|rest| {
            let (version, rest) = text(rest)?;
            let (modules, _) = text(rest)?;
            Some((version, modules))
        });
        match texts {
            Some((version, modules)) => return Build::Texts(version, modules),
            None => best = Build::Cut,
        }
    }
    best
}

fn dependency(name: &str, version: &str, path: &str, found: &mut Found) {
    // A program's own module has often no version.
    if version != "(devel)" && !version.is_empty() {
        found.package(Ecosystem::Golang, name, version, path);
    }
}

/// A text with its length in front, and what follows it.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut place) = (0_usize, 0);
    loop {
        let byte = *bytes.get(place)?;
        length |= usize::from(byte & 0x7f).checked_shl(u32::try_from(7 * place).ok()?)?;
        place += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if place > 4 {
            return None;
        }
    }
    let rest = bytes.get(place..)?;
    (length <= rest.len()).then(|| rest.split_at(length))
}
