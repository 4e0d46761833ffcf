//! Files that tell of packages anywhere in a tree: lockfiles, records of installed packages, archives, programs.
//!
//! One package world a file: it lists its manifests, and [`MANIFESTS`] lists the worlds. A parser takes bytes and never
//! touches a disk; what it cannot understand is a gap, and the good part is kept.

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap};

use crate::{cargo, composer, gem, golang, gradle, maven, npm, nuget, pypi, sbom};

/// A kind of file that tells of packages.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    /// What people call it: `package-lock.json`.
    pub name: &'static str,
    pub found: FoundBy,
    pub tells: Tells,
    /// A larger file is a gap.
    pub bytes_max: u64,
    pub parse: Parse,
}

/// How a file is read. Paths are relative to the tree's root, without a leading slash.
#[derive(Debug, Clone, Copy)]
pub enum Parse {
    /// By its own bytes.
    Alone(fn(path: &str, bytes: &[u8], found: &mut Found)),
    /// With a look at the files that it builds on.
    Among(fn(path: &str, bytes: &[u8], others: Others<'_>, found: &mut Found)),
}

/// Reads another file of the same tree. `None`: it is not there, or cannot be read.
pub type Others<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// How such a file is recognised.
#[derive(Debug, Clone, Copy)]
pub enum FoundBy {
    /// By its path below the root.
    Path(fn(path: &str) -> bool),
    /// By its first bytes: a program (ELF, Mach-O, PE) that no distribution package owns.
    Program,
}

/// What being named in such a file means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// The package is there.
    Installed,
    /// An application asks for it: counts where applications are looked at, not where systems are.
    Declared,
}

impl Manifest {
    /// Reads one such file.
    pub fn read(&self, path: &str, bytes: &[u8], others: Others<'_>, found: &mut Found) {
        match self.parse {
            Parse::Alone(parse) => parse(path, bytes, found),
            Parse::Among(parse) => parse(path, bytes, others, found),
        }
    }
}

/// What files told.
#[derive(Debug, Default)]
pub struct Found {
    pub components: Vec<Component>,
    pub gaps: Vec<Gap>,
}

/// Every manifest, in the order of the guide.
pub fn manifests() -> impl Iterator<Item = &'static Manifest> {
    const MANIFESTS: &[&[Manifest]] = &[
        pypi::MANIFESTS,
        npm::MANIFESTS,
        golang::MANIFESTS,
        maven::MANIFESTS,
        gradle::MANIFESTS,
        gem::MANIFESTS,
        cargo::MANIFESTS,
        composer::MANIFESTS,
        nuget::MANIFESTS,
        sbom::MANIFESTS,
    ];
    MANIFESTS.iter().copied().flatten()
}

/// Longer names and versions are none.
const NAME_BYTES_MAX: usize = 512;

impl Found {
    /// Notes one package; what cannot be a name or a version is a gap.
    pub(crate) fn package(&mut self, ecosystem: Ecosystem, name: &str, version: &str, path: &str) {
        let legal =
            |text: &str| !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.chars().any(char::is_control);
        if !legal(name) || !legal(version) {
            let name: String = name.chars().take(60).collect();
            return self.gap(path, format_args!("{name:?} has no usable name or version"));
        }
        self.components.push(Component {
            ecosystem,
            source: ecosystem.canonical_name(name),
            source_version: version.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            path: path.to_owned(),
            ..Component::default()
        });
    }

    pub(crate) fn gap(&mut self, path: &str, reason: impl std::fmt::Display) {
        let reason = reason.to_string().lines().next().unwrap_or_default().to_owned();
        self.gaps.push(Gap { area: Area::Packages, subject: path.to_owned(), reason });
    }
}

/// The last part of a path.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The path of what a file names relative to its own folder. `None`: it leads out of the tree.
pub(crate) fn sibling(path: &str, relative: &str) -> Option<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let relative = relative.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!relative.starts_with('/')).then(|| parts.join("/"))
}

/// Whether a path's last part is this name.
pub(crate) fn named(path: &str, name: &str) -> bool {
    file_name(path) == name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    /// A path, a small file, and what it tells.
    const SAMPLES: &[(&str, &str, &str)] = &[
        (
            "Cargo.lock",
            "[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\nname = \"demo\"\nversion = \"1.2.3\"\nsource = \"registry+x\"\n",
            "cargo demo 1.2.3",
        ),
        (
            "a/go.mod",
            "module x\ngo 1.19\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b v2.0.0 // indirect\n)\nreplace example.org/b => example.org/c v3.0.0\n",
            "golang example.org/a v1.0.0, golang example.org/c v3.0.0",
        ),
        (
            "requirements.txt",
            "Flask_Demo[x]==1.0 ; python_version > '3' \\\n --hash=sha256:0\nother>=2\n# words\n",
            "pypi flask-demo 1.0",
        ),
        ("requirements/base.txt", "a == 1.0\nb===2.0 --hash=sha256:0\n-c constraints.txt\n", "pypi a 1.0, pypi b 2.0"),
        ("pylock.toml", "lock-version = '1.0'\n[[packages]]\nname = \"demo\"\nversion = \"1.0\"\n", "pypi demo 1.0"),
        (
            "uv.lock",
            "[[package]]\nname = \"own\"\nversion = \"0\"\nsource = { editable = \".\" }\n[[package]]\nname = \"demo\"\nversion = \"1.0\"\nsource = { registry = \"x\" }\n",
            "pypi demo 1.0",
        ),
        ("dist-packages/demo-1.0.egg-info", "Metadata-Version: 1.1\nName: demo\nVersion: 1.0\n", "pypi demo 1.0"),
        ("poetry.lock", "[[package]]\nname = \"demo\"\nversion = \"1.0\"\n", "pypi demo 1.0"),
        ("Pipfile.lock", "{\"default\":{\"demo\":{\"version\":\"==1.0\"}},\"develop\":{}}", "pypi demo 1.0"),
        (
            "lib/site-packages/demo-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\nName: no\n",
            "pypi demo 1.0",
        ),
        (
            "package-lock.json",
            "{\"lockfileVersion\":3,\"packages\":{\"\":{\"name\":\"own\",\"version\":\"1\"},\"node_modules/@a/b\":{\"version\":\"1.0.0\"},\"node_modules/c/node_modules/d\":{\"version\":\"2.0.0\"}}}",
            "npm @a/b 1.0.0, npm d 2.0.0",
        ),
        (
            "x/package-lock.json",
            "{\"lockfileVersion\":1,\"dependencies\":{\"a\":{\"version\":\"1.0.0\",\"dependencies\":{\"b\":{\"version\":\"2.0.0\"}}}}}",
            "npm a 1.0.0, npm b 2.0.0",
        ),
        (
            "yarn.lock",
            "# yarn lockfile v1\n\n\"@a/b@^1.0.0\", \"@a/b@^1.1.0\":\n  version \"1.1.0\"\n  dependencies:\n    c \"^2\"\n\nc@^2:\n  version \"2.0.0\"\n",
            "npm @a/b 1.1.0, npm c 2.0.0",
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '6.0'\npackages:\n\n  /@a/b@1.0.0(c@2.0.0):\n    resolution: {}\n  /d/3.0.0:\n    dev: true\n",
            "npm @a/b 1.0.0, npm d 3.0.0",
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: 5.4\npackages:\n  /@a/b/1.0.0_@babel+core@7.0.0:\n    dev: false\n  /c/2.0.0_react@17.0.2:\n  /d/3.0.0/e@1.0.0:\n",
            "npm @a/b 1.0.0, npm c 2.0.0, npm d 3.0.0",
        ),
        (
            "pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  '@a/b@1.0.0':\n    resolution: {}\n  ? c@2.0.0\n  : resolution: {}\nsnapshots:\n  d@3.0.0: {}\n",
            "npm @a/b 1.0.0, npm c 2.0.0",
        ),
        (
            "yarn.lock",
            "__metadata:\n  version: 8\n\n\"@a/b@npm:^1.0.0, @a/b@npm:^1.1.0\":\n  version: 1.1.0\n  resolution: \"@a/b@npm:1.1.0\"\n\n\"own@^1, own@workspace:packages/own\":\n  version: 0.0.0-use.local\n\n\"alias@npm:real@^2\":\n  version: 2.0.0\n",
            "npm @a/b 1.1.0, npm real 2.0.0",
        ),
        ("bun.lock", "{\"lockfileVersion\":0,\"packages\":{\"a\":[\"@a/b@1.0.0\",\"\",{},\"x\"],}}", "npm @a/b 1.0.0"),
        ("app/node_modules/a/package.json", "{\"name\":\"a\",\"version\":\"1.0.0\"}", "npm a 1.0.0"),
        (
            "Gemfile.lock",
            "GEM\n  remote: x\n  specs:\n    a (1.0)\n      b (>= 1)\n    b (2.0-x86_64-linux)\n\nPLATFORMS\n  ruby\n",
            "gem a 1.0, gem b 2.0",
        ),
        ("usr/specifications/a-b-1.0.gemspec", "", "gem a-b 1.0"),
        (
            "composer.lock",
            "{\"packages\":[{\"name\":\"A/B\",\"version\":\"v1.0\"}],\"packages-dev\":[]}",
            "composer a/b 1.0",
        ),
        (
            "packages.lock.json",
            "{\"version\":1,\"dependencies\":{\"net8.0\":{\"Demo\":{\"type\":\"Direct\",\"resolved\":\"1.0.0\"}}}}",
            "nuget demo 1.0.0",
        ),
        (
            "obj/project.assets.json",
            "{\"version\":3,\"targets\":{},\"libraries\":{\"Demo/1.0.0\":{\"type\":\"package\"},\"Own/1.0.0\":{\"type\":\"project\"}}}",
            "nuget demo 1.0.0",
        ),
        (
            "packages.config",
            "<?xml version=\"1.0\"?><packages><package id=\"Demo\" version=\"1.0.0\" targetFramework=\"net48\" /></packages>",
            "nuget demo 1.0.0",
        ),
        (
            "a.csproj",
            "<Project><ItemGroup><PackageReference Include=\"Demo\" Version=\"1.0.0\"/></ItemGroup></Project>",
            "nuget demo 1.0.0",
        ),
        (
            "pom.xml",
            "<project><version>2</version><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>${project.version}</version></dependency></dependencies></project>",
            "maven g:a 2",
        ),
        (
            "gradle.lockfile",
            "# words\ng:a:1.0=compileClasspath,runtimeClasspath\ng:b:2.0=testRuntimeClasspath\nempty=annotationProcessor\n",
            "maven g:a 1.0, maven g:b 2.0",
        ),
        ("buildscript-gradle.lockfile", "g:a:1.0=classpath\nempty=\n", "maven g:a 1.0"),
        ("gradle/dependency-locks/compileClasspath.lockfile", "g:a:1.0\n", "maven g:a 1.0"),
        (
            "x/app.spdx",
            "SPDXVersion: SPDX-2.2\nPackageName: a\nExternalRef: PACKAGE-MANAGER purl pkg:cargo/a@1\n",
            "cargo a 1",
        ),
        (
            "app.deps.json",
            "{\"libraries\":{\"Demo/1.0.0\":{\"type\":\"package\"},\"Own/1.0.0\":{\"type\":\"project\"}}}",
            "nuget demo 1.0.0",
        ),
    ];

    /// A path, a small file, and the one gap that it leaves.
    const OPEN: &[(&str, &str, &str)] = &[
        ("requirements.txt", "a==1.0\nb\nc>=1\nd==1.*\n", "3 requirements name no single version"),
        (
            "requirements.txt",
            "-e git+https://x/y\nz @ https://x/z.whl\n--index-url https://x\n-r requirements-dev.txt\n",
            "2 packages come from elsewhere than an index",
        ),
        ("requirements/base.txt", "-r ../other.txt\n", "it goes on in \"../other.txt\", which is not looked at"),
        ("pylock.dev.toml", "[[packages]]\nname = \"a\"\n", "1 packages come from elsewhere than an index"),
        ("Pipfile.lock", "{\"docs\":{\"a\":{\"git\":\"x\"}}}", "1 packages come from elsewhere than an index"),
        (
            "package-lock.json",
            "{\"packages\":{\"\":{},\"node_modules/a\":{\"resolved\":\"x\"},\"node_modules/b\":{\"link\":true}}}",
            "1 packages come from elsewhere than a registry",
        ),
        (
            "package-lock.json",
            "{\"dependencies\":{\"a\":{\"version\":\"file:a\"}}}",
            "1 packages come from elsewhere than a registry",
        ),
        (
            "pnpm-lock.yaml",
            "packages:\n  github.com/a/b/0c:\n    x: y\n  file:a:\n  a@https://x/y.tgz:\n",
            "3 packages come from elsewhere than a registry",
        ),
        ("bun.lockb", "x", "bun's binary lockfile is not read: `bun install --save-text-lockfile` writes bun.lock"),
        (
            "Gemfile.lock",
            "GIT\n  remote: x\n  specs:\n    a (1.0)\nPATH\n  specs:\n    own (1)\n",
            "1 gems come from elsewhere than a gem server",
        ),
        (
            "go.mod",
            "module x\ngo 1.16\nrequire a.org/a v1.0.0\n",
            "a go.mod of Go before 1.17 does not say what its modules need in turn",
        ),
        (
            "x/app.cdx.json",
            "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"type\":\"library\",\"purl\":\"pkg:deb/debian/a@1?distro=debian-12\"},{\"type\":\"library\",\"purl\":\"pkg:npm/a@1\"}]}",
            "1 deb packages of a system are judged by `vigie scan sbom` alone",
        ),
        ("bom.json", "{}", "bom.json is neither CycloneDX nor SPDX"),
        ("gradle.lockfile", "a:b\n", "\"a:b\" names no artifact"),
    ];

    #[test]
    fn what_a_file_leaves_open_is_a_gap() {
        for (path, text, expected) in OPEN {
            let found = crate::tree::file(path, text.as_bytes()).expect("the path is known");
            let gaps: Vec<_> = found.gaps.iter().map(|gap| gap.reason.as_str()).collect();
            assert_eq!(gaps, [*expected], "{path}");
        }
    }

    fn tell(path: &str, bytes: &[u8]) -> String {
        let found = crate::tree::file(path, bytes).expect("the path is known");
        let one = |c: &Component| format!("{} {} {}", c.ecosystem, c.source, c.source_version);
        found.components.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn every_kind_of_file_tells_of_its_packages() {
        for (path, text, expected) in SAMPLES {
            assert_eq!(tell(path, text.as_bytes()), *expected, "{path}");
        }
    }

    #[test]
    fn go_programs_carry_their_modules() {
        let mut program = b"\x7fELF-and-more\xff Go buildinf:\x08\x02".to_vec();
        program.resize(13 + 32, 0);
        for text in [
            "go1.21.3".to_owned(),
            format!(
                "{0}path\tx\nmod\texample.org/own\t(devel)\t\ndep\texample.org/a\tv1.0.0\th1:x\ndep\texample.org/b\tv2.0.0\n=>\texample.org/c\tv3.0.0\th1:x\n{0}",
                "0123456789abcdef"
            ),
        ] {
            program
                .push(u8::try_from(text.len() & 0x7f).expect("seven bits") | if text.len() > 127 { 0x80 } else { 0 });
            if text.len() > 127 {
                program.push(u8::try_from(text.len() >> 7).expect("a short text"));
            }
            program.extend_from_slice(text.as_bytes());
        }
        assert_eq!(
            tell("opt/app", &program),
            "golang stdlib 1.21.3, golang example.org/a v1.0.0, golang example.org/c v3.0.0"
        );
    }

    proptest! {
        #[test]
        fn damage_never_panics(place in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            for (path, text, _) in SAMPLES.iter().filter(|(_, text, _)| !text.is_empty()) {
                let mut bytes = text.as_bytes().to_vec();
                let place = place.index(bytes.len());
                if cut { bytes.truncate(place) } else { bytes[place] = byte }
                let _ = crate::tree::file(path, &bytes);
            }
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for (path, _, _) in SAMPLES {
                let _ = crate::tree::file(path, &bytes);
            }
        }
    }
}
