//! Java: what Maven wrote into archives, nested and shaded ones too, and what its projects ask for.

mod pom;
mod unnamed;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor};

use domain::component::Ecosystem;
use outside::unpack::Limits;
use outside::unpack::archive::{ArchiveLimits, Content, walk_zip};

use self::pom::Coordinates;
use self::unnamed::Signs;
use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name, named};

pub(crate) const MANIFESTS: &[Manifest] = &[
    Manifest {
        name: "Java archives",
        found: FoundBy::Path(is_archive),
        tells: Tells::Installed,
        bytes_max: 1 << 30,
        parse: Parse::Alone(archive),
    },
    Manifest {
        name: "pom.xml",
        found: FoundBy::Path(|path| named(path, "pom.xml")),
        tells: Tells::Declared,
        bytes_max: 8 << 20,
        parse: Parse::Among(pom::project),
    },
];

/// Archives inside archives beyond this are a trap.
const DEPTH_MAX: u32 = 4;
const LIMITS: ArchiveLimits = ArchiveLimits { max_entries: 200_000, max_entry_bytes: 512 << 20 };
/// All that one file and what is nested in it may expand to.
const EXPANDED_MAX: u64 = 4 << 30;

fn is_archive(path: &str) -> bool {
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    ["jar", "war", "ear", "jpi", "hpi"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

fn archive(path: &str, bytes: &[u8], found: &mut Found) {
    look(path, bytes, 0, found);
}

fn look(path: &str, bytes: &[u8], depth: u32, found: &mut Found) {
    let (before, gaps_before) = (found.components.len(), found.gaps.len());
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut poms: BTreeMap<String, Result<Coordinates, String>> = BTreeMap::new();
    let mut signs = Signs::new();
    let limits = Limits { max_bytes: EXPANDED_MAX, max_ratio: 250 };
    let ended = walk_zip(path, Cursor::new(bytes), limits, LIMITS, &mut |entry| -> io::Result<()> {
        let inner = format!("{path}!/{}", entry.path);
        signs.entry(entry.path);
        match entry.content {
            Content::Bytes(bytes) if entry.path == MANIFEST => signs.manifest(bytes),
            Content::Bytes(bytes) if entry.path.ends_with(PROPERTIES) => {
                told.extend(properties(path, bytes, found).then(|| folder(entry.path).to_owned()));
            }
            Content::Bytes(bytes) if is_project(entry.path) => {
                poms.insert(folder(entry.path).to_owned(), pom::artifact(bytes));
            }
            Content::Bytes(bytes) if is_archive(entry.path) => {
                if depth < DEPTH_MAX {
                    look(&inner, bytes, depth + 1, found);
                } else {
                    found.gap(&inner, "it is nested too deep");
                }
            }
            Content::TooLarge(size) if is_archive(entry.path) || tells(entry.path) => {
                found.gap(&inner, format_args!("it has {size} bytes, more than are read"));
            }
            _ => {}
        }
        Ok(())
    });
    if let Err(error) = ended {
        found.gap(path, error);
    }
    // The project file is there beside the short form, and alone where that was left out.
    for (_, pom) in poms.into_iter().filter(|(folder, _)| !told.contains(folder)) {
        match pom {
            Ok(Coordinates { group, artifact, version }) => {
                found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), &version, path);
            }
            Err(reason) => found.gap(path, format_args!("a pom.xml in it: {reason}")),
        }
    }
    if let Some(Coordinates { group, artifact, version }) = signs.artifact(path) {
        let own = found.components[before..].iter().filter(|component| component.path == path);
        let mut artifacts = own.filter_map(|component| component.name.split_once(':'));
        // What Maven wrote is better.
        if !artifacts.any(|(_, told)| told == artifact) {
            found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), &version, path);
        }
    }
    // The file's name is all there is: `artifact-1.2.3.jar`. It names no group, so no advisory can be found by it.
    if found.components.len() == before && found.gaps.len() == gaps_before {
        let name = file_name(path);
        found.gap(path, format_args!("nothing in {name} says which artifact it is"));
    }
}

/// What Maven writes of an artifact.
const PROPERTIES: &str = "/pom.properties";
const MANIFEST: &str = "META-INF/MANIFEST.MF";

fn is_project(path: &str) -> bool {
    path.contains("META-INF/maven/") && named(path, "pom.xml")
}

/// Whether an entry may say which artifact it is.
fn tells(path: &str) -> bool {
    path == MANIFEST || path.ends_with(PROPERTIES) || is_project(path)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What Maven writes: `groupId`, `artifactId`, `version`. Says whether it did.
fn properties(path: &str, bytes: &[u8], found: &mut Found) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let field = |wanted: &str| {
        let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
        pairs.map(|(name, value)| (name.trim(), value.trim())).find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    match (field("groupId"), field("artifactId"), field("version")) {
        (Some(group), Some(artifact), Some(version)) if !version.contains("${") => {
            found.package(Ecosystem::Maven, &format!("{group}:{artifact}"), version, path);
            true
        }
        _ => {
            found.gap(path, "a pom.properties in it names no artifact");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn jar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in files {
            zip.start_file(*path, zip::write::SimpleFileOptions::default()).expect("it starts");
            zip.write_all(bytes).expect("it writes");
        }
        zip.finish().expect("it ends").into_inner()
    }

    fn pom(artifact: &str) -> Vec<u8> {
        format!("#words\ngroupId=org.example\nartifactId={artifact}\nversion=1.0\n").into_bytes()
    }

    #[test]
    fn nested_and_shaded_archives_tell_all_of_their_artifacts() {
        let inner = jar(&[("META-INF/maven/org.example/inner/pom.properties", &pom("inner"))]);
        let outer = jar(&[
            ("META-INF/maven/org.example/outer/pom.properties", &pom("outer")),
            ("META-INF/maven/org.example/shaded/pom.properties", &pom("shaded")),
            ("BOOT-INF/lib/inner.jar", &inner),
        ]);
        let mut found = Found::default();
        archive("app.jar", &outer, &mut found);
        let told: Vec<_> = found.components.iter().map(|c| (c.source.as_str(), c.path.as_str())).collect();
        assert_eq!(
            told,
            [
                ("org.example:outer", "app.jar"),
                ("org.example:shaded", "app.jar"),
                ("org.example:inner", "app.jar!/BOOT-INF/lib/inner.jar")
            ]
        );
        assert!(found.gaps.is_empty());
    }

    #[test]
    fn the_project_file_tells_where_the_short_form_is_missing() {
        let own = b"<project><parent><groupId>g</groupId><artifactId>p</artifactId><version>2</version></parent>\
            <artifactId>alone</artifactId></project>";
        let unclear =
            b"<project><groupId>g</groupId><artifactId>u</artifactId><version>${revision}</version></project>";
        let file = jar(&[
            ("META-INF/maven/org.example/beside/pom.xml", own),
            ("META-INF/maven/org.example/beside/pom.properties", &pom("beside")),
            ("META-INF/maven/g/alone/pom.xml", own),
            ("META-INF/maven/g/u/pom.xml", unclear),
            ("pom.xml", own),
        ]);
        let mut found = Found::default();
        archive("app.jar", &file, &mut found);
        let told: Vec<_> = found.components.iter().map(|c| (c.source.as_str(), c.version.as_str())).collect();
        assert_eq!(told, [("org.example:beside", "1.0"), ("g:alone", "2")]);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        assert_eq!(gaps, ["a pom.xml in it: nothing here defines ${revision}"]);
    }

    #[test]
    fn what_maven_wrote_outweighs_the_name_of_the_file() {
        let class: (&str, &[u8]) = ("org/springframework/security/oauth2/A.class", b"x");
        let properties =
            b"groupId=org.springframework.security.oauth\nartifactId=spring-security-oauth2\nversion=2.5\n";
        let told = |files: &[(&str, &[u8])]| {
            let mut found = Found::default();
            archive("lib/spring-security-oauth2-2.5.jar", &jar(files), &mut found);
            assert!(found.gaps.is_empty());
            found.components.into_iter().map(|c| c.source).collect::<Vec<_>>()
        };
        assert_eq!(told(&[class]), ["org.springframework.security:spring-security-oauth2"]);
        assert_eq!(
            told(&[class, ("META-INF/maven/g/a/pom.properties", properties)]),
            ["org.springframework.security.oauth:spring-security-oauth2"]
        );
    }

    #[test]
    fn what_is_too_large_to_be_read_is_said_and_nothing_else() {
        let mut file = jar(&[("META-INF/maven/g/a/pom.properties", &pom("a"))]);
        // The size before packing, as the directory at the end says it.
        let directory = memchr::memmem::find(&file, b"PK\x01\x02").expect("it has one");
        file[directory + 24..directory + 28].copy_from_slice(&(1_u32 << 30).to_le_bytes());
        let mut found = Found::default();
        archive("bomb.jar", &file, &mut found);
        let gaps: Vec<_> = found.gaps.iter().map(|gap| (gap.subject.as_str(), gap.reason.as_str())).collect();
        let reason = "it has 1073741824 bytes, more than are read";
        assert_eq!(gaps, [("bomb.jar!/META-INF/maven/g/a/pom.properties", reason)]);
    }

    #[test]
    fn what_says_nothing_and_what_is_damaged_are_gaps() {
        let mut found = Found::default();
        archive("a.jar", &jar(&[("A.class", b"x")]), &mut found);
        archive("b.jar", b"PK\x03\x04 no zip", &mut found);
        let whole = jar(&[("META-INF/maven/g/a/pom.properties", &pom("a"))]);
        archive("c.jar", &whole[..whole.len() / 2], &mut found);
        assert_eq!((found.components.len(), found.gaps.len()), (0, 3), "{found:?}");
    }
}
