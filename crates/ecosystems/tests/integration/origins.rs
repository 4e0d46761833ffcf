//! Who distributes a package, on a system that does not run.

use ecosystems::capture::Reading;
use ecosystems::tree::capture;

use crate::owners::Files;

const STATUS: &str = "\
Package: nginx
Status: install ok installed
Architecture: amd64
Version: 1.26.1-1~bookworm
Description: x

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2
Description: x

";
const RELEASE: &str = "Origin: nginx\nLabel: nginx\nSuite: bookworm\nMD5Sum:\n Origin: not a field\n";
const LIST: &str = "Package: nginx\nArchitecture: amd64\nVersion: 1.26.1-1~bookworm\nFilename: x\n";

fn origins(files: &[(&'static str, &str)]) -> (Vec<String>, Vec<String>) {
    let os_release = "ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
    let all = [("etc/os-release", os_release), ("var/lib/dpkg/status", STATUS)];
    let tree = Files(all.iter().chain(files).map(|(path, text)| (*path, text.as_bytes().to_vec())).collect());
    let capture = capture(&tree, &ecosystems::probes().copied().collect::<Vec<_>>());
    let mut inventory = ecosystems::inventory(&capture, &[]);
    ecosystems::host::origins(&tree, &mut inventory);
    let told = |component: &domain::component::Component| format!("{} {}", component.name, component.origin);
    let components = inventory.components.iter().flatten().map(|component| told(component)).collect();
    (components, inventory.gaps.into_iter().map(|gap| gap.subject).filter(|subject| subject.contains("apt")).collect())
}

#[test]
fn a_package_of_another_archive_has_its_name() {
    let (told, gaps) = origins(&[
        ("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease", "Origin: Debian\nLabel: Debian\n"),
        ("var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages", LIST),
        ("var/lib/apt/lists/nginx.org_packages_debian_dists_bookworm_InRelease", RELEASE),
        ("var/lib/apt/lists/nginx.org_packages_debian_dists_bookworm_nginx_binary-amd64_Packages", LIST),
    ]);
    assert_eq!(told, ["bash ", "nginx nginx"]);
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn a_packed_list_is_a_gap_and_no_lists_are_none() {
    let packed = "var/lib/apt/lists/nginx.org_packages_debian_dists_bookworm_nginx_binary-amd64_Packages.lz4";
    let release = "var/lib/apt/lists/nginx.org_packages_debian_dists_bookworm_InRelease";
    let (told, gaps) = origins(&[(release, RELEASE), (packed, "packed")]);
    assert_eq!(told, ["bash ", "nginx a third party"]);
    assert_eq!(gaps, [format!("/{packed}")]);
    assert_eq!(origins(&[]).1, Vec::<String>::new());
}

#[test]
fn a_command_that_never_ran_leaves_no_gap() {
    let files = Files([("var/lib/dpkg/status", STATUS.as_bytes().to_vec())].into());
    let mut capture = capture(&files, &ecosystems::probes().copied().collect::<Vec<_>>());
    capture.readings.retain(|_, reading| *reading != Reading::Missing);
    let inventory = ecosystems::inventory(&capture, &[]);
    assert!(inventory.gaps.iter().all(|gap| !gap.subject.contains("apt")), "{:?}", inventory.gaps);
}
