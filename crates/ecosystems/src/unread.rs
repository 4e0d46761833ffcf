//! Lockfiles that Vigie knows by their names and does not read. Each is a gap: an application with such a file has packages
//! that nobody judged.

use crate::manifest::{Found, FoundBy, Manifest, Parse, Tells, file_name};

pub(crate) const MANIFESTS: &[Manifest] = &[Manifest {
    name: "lockfiles that are not read",
    found: FoundBy::Path(|path| known(path).is_some()),
    tells: Tells::Declared,
    bytes_max: 64 << 20,
    parse: Parse::Alone(note),
}];

/// A name of a file, the package world that it is of, and a text in it where others use the name too.
type Known = (&'static str, &'static str, &'static str);

const NAMES: [Known; 34] = [
    ("mix.lock", "Elixir", ""),
    ("rebar.lock", "Erlang", ""),
    ("manifest.toml", "Gleam", "packages = ["),
    ("conan.lock", "Conan", ""),
    ("vcpkg-lock.json", "vcpkg", ""),
    ("Package.resolved", "Swift", ""),
    ("Podfile.lock", "CocoaPods", ""),
    ("Cartfile.resolved", "Carthage", ""),
    ("pubspec.lock", "Dart", ""),
    ("stack.yaml.lock", "Haskell", ""),
    ("cabal.project.freeze", "Haskell", ""),
    ("renv.lock", "R", ""),
    ("packrat.lock", "R", ""),
    ("Manifest.toml", "Julia", "[["),
    ("conda-lock.yml", "conda", ""),
    ("pixi.lock", "conda", ""),
    ("environment.yml", "conda", "dependencies:"),
    ("deno.lock", "Deno", ""),
    ("bower.json", "Bower", ""),
    ("paket.lock", "Paket", ""),
    ("Gopkg.lock", "Go's dep", ""),
    ("glide.lock", "Go's Glide", ""),
    ("Godeps.json", "Go's godep", ""),
    ("cpanfile.snapshot", "Perl", ""),
    ("luarocks.lock", "Lua", ""),
    ("shard.lock", "Crystal", ""),
    ("nimble.lock", "Nim", ""),
    ("dub.selections.json", "D", ""),
    ("elm.json", "Elm", ""),
    ("spago.lock", "PureScript", ""),
    ("build.sbt.lock", "sbt", ""),
    ("deps-lock.json", "Clojure", ""),
    ("maven_install.json", "Bazel", ""),
    ("MODULE.bazel.lock", "Bazel", ""),
];

fn known(path: &str) -> Option<&'static Known> {
    const OCAML: Known = (".opam.locked", "OCaml", "");
    let name = file_name(path);
    NAMES.iter().find(|(known, ..)| *known == name).or_else(|| name.ends_with(OCAML.0).then_some(&OCAML))
}

fn note(path: &str, bytes: &[u8], found: &mut Found) {
    let Some((_, world, text)) = known(path) else { return };
    if memchr::memmem::find(bytes, text.as_bytes()).is_some() {
        found.gap(path, format_args!("lockfiles of {world} are not read, so what it names is unknown"));
    }
}
