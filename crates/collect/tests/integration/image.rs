//! Layers that nobody should have written: nothing leaves the image, nothing hangs, what is good is kept.

use std::io::Write as _;
use std::path::Path;

use collect::connectors::image::Layered;
use ecosystems::capture::Reading;
use ecosystems::tree::Tree as _;
use outside::image::Wanted;
use tar::{EntryType, Header};

/// One entry of a layer: its path, its kind, its content or target.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

const FILE: EntryType = EntryType::Regular;
const LINK: EntryType = EntryType::Symlink;
const HARD: EntryType = EntryType::Link;
const FOLDER: EntryType = EntryType::Directory;

/// A tar archive whose names are written as they are, which no honest tool does.
fn tar_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for &(path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        let is_link = matches!(kind, LINK | HARD);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        header.set_cksum();
        builder.append(&header, if is_link { &[][..] } else { content }).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A Docker archive of layers as they are, applied on top of each other.
fn apply(layers: &[Vec<u8>]) -> Layered {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}/layer.tar")).collect();
    let digests: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": digests}});
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": null, "Layers": names}]);
    let mut builder = tar::Builder::new(std::fs::File::create(&archive).unwrap());
    let mut append = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
    };
    append("config.json", config.to_string().as_bytes());
    append("manifest.json", manifest.to_string().as_bytes());
    for (name, layer) in names.iter().zip(layers) {
        append(name, layer);
    }
    builder.into_inner().unwrap().flush().unwrap();
    let image = outside::image::open(&archive, None, Wanted { platform: None, spool: folder.path() }).unwrap();
    let mut tree = Layered::new(folder.path()).unwrap();
    for layer in &image.layers {
        tree.apply(layer);
    }
    tree
}

/// Of the bytes as they are unpacked; a packed layer's is not looked at by these tests.
fn digest(layer: &[u8]) -> String {
    use sha2::Digest as _;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(layer)))
}

fn gaps(tree: &Layered) -> Vec<String> {
    tree.gaps().iter().map(|gap| gap.reason.clone()).collect()
}

fn files(tree: &Layered) -> Vec<String> {
    tree.files(&|_| true).paths
}

#[test]
fn nothing_leaves_the_image() {
    let secret = Path::new("/etc/hostname");
    assert!(secret.exists(), "what a link must not reach is there");
    let tree = apply(&[tar_of(&[
        ("../outside", FILE, b"x"),
        ("a/../../outside", FILE, b"x"),
        ("/absolute", FILE, b"inside"),
        ("link", LINK, b"/etc/hostname"),
        ("up", LINK, b"../../../../../etc/hostname"),
        ("hard", HARD, b"/etc/hostname"),
        ("out", LINK, b"/"),
        ("out/through", FILE, b"inside"),
    ])]);
    assert_eq!(tree.read("absolute", 10), Reading::Bytes(b"inside".to_vec()));
    assert_eq!(tree.read("through", 10), Reading::Bytes(b"inside".to_vec()));
    for path in ["link", "up", "../etc/hostname", "hard", "outside"] {
        assert_eq!(tree.read(path, 1000), Reading::Missing, "{path}");
    }
    assert_eq!(
        gaps(&tree),
        [
            "its path would leave the image",
            "its path would leave the image",
            "it is another name of a file that is not there"
        ]
    );
}

#[test]
fn whiteouts_opaque_folders_and_links_between_layers() {
    let base = tar_of(&[
        ("etc/", FOLDER, b""),
        ("etc/kept", FILE, b"1"),
        ("etc/gone", FILE, b"1"),
        ("opt/app/old", FILE, b"1"),
        ("usr/lib/", FOLDER, b""),
        ("lib", LINK, b"usr/lib"),
        ("once", FILE, b"1"),
    ]);
    let top = tar_of(&[
        ("./etc/.wh.gone", FILE, b""),
        ("opt/app/new", FILE, b"2"),
        ("opt/app/.wh..wh..opq", FILE, b""),
        ("lib/x.so", FILE, b"2"),
        ("twice", HARD, b"once"),
        (".wh..wh.aufs", FILE, b""),
        (".wh.never-there", FILE, b""),
    ]);
    let digests = [digest(&base), digest(&top)];
    let tree = apply(&[base, top]);
    assert_eq!(files(&tree), ["etc/kept", "once", "opt/app/new", "twice", "usr/lib/x.so"]);
    assert_eq!(gaps(&tree), Vec::<String>::new());
    let layers = ["etc/kept", "opt/app/new", "lib/x.so", "twice"].map(|path| tree.layer(path));
    assert_eq!(layers, [&digests[0], &digests[1], &digests[1], &digests[1]]);
    assert!(tree.is_changed("etc/gone") && tree.is_changed("lib") && !tree.is_changed("var/lib/dpkg/status"));
}

#[test]
fn circles_and_depths_end() {
    let deep = vec!["d"; 49].join("/");
    let tree = apply(&[tar_of(&[
        ("a", LINK, b"b"),
        ("b", LINK, b"a"),
        ("a/file", FILE, b"x"),
        ("etc/os-release", LINK, b"os-release"),
        (&deep, FILE, b"deep"),
        ("good", FILE, b"good"),
    ])]);
    assert_eq!(tree.read("etc/os-release", 10), Reading::Failed("its links lead in a circle".to_owned()));
    assert_eq!(tree.read("good", 10), Reading::Bytes(b"good".to_vec()));
    assert_eq!(tree.read(&deep, 3), Reading::Failed("it is larger than 3 bytes".to_owned()));
    assert_eq!(gaps(&tree), ["its links lead in a circle"]);
}

#[test]
fn a_cut_layer_a_wrong_digest_and_a_bomb_are_told_and_the_rest_is_kept() {
    let good = tar_of(&[("good", FILE, b"good")]);
    let mut cut = tar_of(&[("first", FILE, b"first"), ("second", FILE, &[b'x'; 2000])]);
    cut.truncate(2000);
    let tree = apply(&[good.clone(), cut]);
    assert_eq!(tree.read("good", 10), Reading::Bytes(b"good".to_vec()));
    assert_eq!(tree.read("first", 10), Reading::Bytes(b"first".to_vec()));
    assert_eq!(gaps(&tree).len(), 1);
    assert!(gaps(&tree)[0].contains("cut off"), "{:?}", gaps(&tree));

    // What the cut file left in the spool moves nothing that comes after it.
    let long = vec![b'x'; 1 << 20];
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(&tar_of(&[("first", FILE, b"first"), ("long", FILE, &long)])).unwrap();
    let mut damaged = packed.finish().unwrap();
    damaged.truncate(700_000);
    let tree = apply(&[damaged, tar_of(&[("after", FILE, b"after")])]);
    assert_eq!(tree.read("first", 10), Reading::Bytes(b"first".to_vec()));
    assert_eq!(tree.read("after", 10), Reading::Bytes(b"after".to_vec()));
    assert!(gaps(&tree)[0].contains("ends too early"), "{:?}", gaps(&tree));

    // Packed, so its digest is not the one of its content.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&good).unwrap();
    let tree = apply(&[packed.finish().unwrap()]);
    assert!(gaps(&tree)[0].contains("its digest should be sha256:"), "{:?}", gaps(&tree));

    let zeros = vec![0; 1 << 26];
    let mut bomb = zstd::Encoder::new(Vec::new(), 19).unwrap();
    bomb.write_all(&tar_of(&[("zeros", FILE, &zeros)])).unwrap();
    let tree = apply(&[bomb.finish().unwrap()]);
    assert!(gaps(&tree)[0].contains("decompression bomb"), "{:?}", gaps(&tree));
}

#[test]
fn a_size_that_lies_and_complaints_without_end_are_bounded() {
    let mut lying = tar_of(&[("lie", FILE, b"x")]);
    let mut header = Header::new_gnu();
    header.set_entry_type(FILE);
    header.as_old_mut().name[..3].copy_from_slice(b"lie");
    header.set_size(1 << 40);
    header.set_cksum();
    lying[..512].copy_from_slice(header.as_bytes());
    let tree = apply(&[lying]);
    assert_eq!(tree.read("lie", 10), Reading::Failed("it has 1099511627776 bytes, and was not kept".to_owned()));
    assert!(gaps(&tree)[0].contains("ends too early"), "{:?}", gaps(&tree));

    let tree = apply(&[tar_of(&vec![("../x", FILE, &b"x"[..]); 100])]);
    assert_eq!((gaps(&tree).len(), gaps(&tree)[20].as_str()), (21, "80 more of its entries could not be understood"));
}
