//! Container images: whatever form one comes in, it is the same image, and the same as its root directory.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use testkit::image::{self, Draft, Registry};

use crate::vigie::{Vigie, finished, package, write_root};

const AT: &str = "2024-01-13T08:00:00Z";

/// The bill of an image; incomplete ones end with another code.
fn bill(vigie: &Vigie, target: &str, options: &[&str]) -> Value {
    let args = [&["sbom", target][..], options].concat();
    serde_json::from_str(&vigie.expect(0, AT, &args)).unwrap()
}

/// Components as text, with or without the layers that brought them.
fn components(bill: &Value, with_layers: bool) -> Vec<String> {
    let mut components = bill["components"].as_array().unwrap().clone();
    for properties in components.iter_mut().filter_map(|component| component["properties"].as_array_mut()) {
        properties.retain(|property| with_layers || property["name"] != "vigie:layer");
    }
    components.iter().map(Value::to_string).collect()
}

fn layer<'a>(bill: &'a Value, name: &str) -> Option<&'a str> {
    let component = bill["components"].as_array().unwrap().iter().find(|component| component["name"] == name)?;
    let properties = component["properties"].as_array().unwrap();
    properties.iter().find(|property| property["name"] == "vigie:layer")?["value"].as_str()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_form_of_an_image_gives_one_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let Some(debian) = image::debian(folder.path()) else { return };
    let registry = Registry::start(&folder.path().join("registry"));
    let at = |name: &str| text(&folder.path().join(name));
    let (docker_archive, oci_archive, zstd) = (at("docker.tar"), at("oci.tar"), at("zstd"));
    image::copy(&debian.oci(), &registry.url("vigie/app:1.0"));
    image::copy(&debian.oci(), &format!("docker-archive:{docker_archive}:vigie/app:1.0"));
    image::copy(&debian.oci(), &format!("oci-archive:{oci_archive}"));
    image::copy_with(&["--dest-compress", "--dest-compress-format=zstd"], &debian.oci(), &format!("oci:{zstd}"));

    let vigie = Vigie::new();
    let by_reference = bill(&vigie, &registry.reference("vigie/app:1.0"), &[]);
    let expected = components(&by_reference, true);
    assert!(expected.len() > 100, "a Debian system: {}", expected.len());
    let purl = by_reference["metadata"]["component"]["purl"].as_str().unwrap();
    let digest = purl.strip_prefix("pkg:oci/app@").and_then(|rest| rest.split('?').next()).unwrap().replace("%3A", ":");
    for target in [
        registry.reference(&format!("vigie/app@{digest}")),
        text(&debian.layout()),
        format!("{}:app", debian.layout().display()),
        docker_archive.clone(),
        oci_archive,
        zstd,
    ] {
        assert_eq!(components(&bill(&vigie, &target, &[]), true), expected, "{target}");
    }
    let root = bill(&vigie, &text(&debian.root()), &[]);
    assert_eq!(components(&root, false), components(&by_reference, false), "as the root directory");

    // Each package with the layer that brought it; what a layer removed is gone.
    let base = layer(&by_reference, "libc6").unwrap();
    let upgrade = layer(&by_reference, "vigie-demo-web").unwrap();
    assert_ne!(base, upgrade);
    assert_eq!(layer(&by_reference, "vigie-demo-db"), Some(base));
    assert_eq!(layer(&by_reference, "vigie-demo-kept"), Some(upgrade));
    assert_eq!([layer(&by_reference, "vigie-demo-old"), layer(&by_reference, "vigie-demo-gone")], [None, None]);

    // Judged as any system is: without knowledge everything is unknown, and nothing is clean.
    let report = vigie.json(2, AT, &["scan", "image", &docker_archive]);
    assert_eq!(report["asset"]["name"], docker_archive);
    assert_eq!((&report["asset"]["distribution"], &report["asset"]["release"]), (&"debian".into(), &"bookworm".into()));
}

#[test]
fn a_registry_with_a_login_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let draft = Draft::new(folder.path());
    write_root(&draft.root(), "bookworm", &package("demo", "1.0-1"));
    draft.commit();
    let registry = Registry::with_login(&folder.path().join("registry"));
    let login = format!("--dest-creds={}:{}", image::USER, image::PASSWORD);
    image::copy_with(&[&login], &draft.oci(), &registry.url("app:1"));
    let reference = registry.reference("app:1");
    let vigie = Vigie::new();
    let password = vigie.path("password");
    std::fs::write(&password, image::PASSWORD).unwrap();
    let password = text(&password);

    let refused = |args: &[&str]| {
        let Output { status, stderr, .. } = vigie.command(AT, args).env("HOME", folder.path()).output().unwrap();
        assert_eq!(status.code(), Some(70));
        String::from_utf8(stderr).unwrap()
    };
    let said = refused(&["sbom", &reference]);
    assert!(said.contains("refuses") && said.contains("--registry-user"), "{said}");
    let wrong = text(&folder.path().join("wrong"));
    std::fs::write(&wrong, "wrong").unwrap();
    let options = ["--registry-user", image::USER, "--registry-password-file"];
    let said = refused(&[&["sbom", &reference][..], &options, &[&wrong]].concat());
    assert!(said.contains("the login does not suffice"), "{said}");
    assert!(said.contains("refuses") && !said.contains("wrong"), "{said}");

    let expected = components(&bill(&vigie, &reference, &[&options[..], &[&password]].concat()), true);
    assert_eq!(expected.len(), 2, "the system and its one package");

    // The login that docker keeps is used too: its user and password, in Base64.
    let docker = folder.path().join("docker");
    std::fs::create_dir(&docker).unwrap();
    let registry_name = reference.split('/').next().unwrap();
    let kept = format!("{{\"auths\": {{\"{registry_name}\": {{\"auth\": \"dmlnaWU6cmVnaXN0cnkgcGFzc3dvcmQ=\"}}}}}}");
    std::fs::write(docker.join("config.json"), kept).unwrap();
    let args = ["sbom", &reference];
    let output = vigie.command(AT, &args).env("DOCKER_CONFIG", &docker).env_remove("REGISTRY_AUTH_FILE").output();
    let bill: Value = serde_json::from_str(&finished(0, output.unwrap(), &args)).unwrap();
    assert_eq!(components(&bill, true), expected);

    // A forbidden range is not touched, whatever the image is called.
    let said = refused(&["sbom", &reference, "--never-touch", "127.0.0.0/8"]);
    assert!(said.contains("never-touch range 127.0.0.0/8"), "{said}");
}
