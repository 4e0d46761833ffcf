use domain::inventory::{Area, Inventory};
use ecosystems::capture::{Capture, FollowUp, Probe, Reading};

const OS_RELEASE: &str = "ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
const STATUS: &str = "\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22
Description: x

Package: openssh-server
Status: install ok installed
Architecture: amd64
Source: openssh
Version: 1:9.2p1-2+deb12u2
Description: x

Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2
Description: x

Package: linux-image-6.1.0-18-amd64
Status: install ok installed
Architecture: amd64
Source: linux-signed-amd64 (6.1.76+1)
Version: 6.1.76-1
Description: x

Package: linux-image-6.1.0-21-amd64
Status: install ok installed
Architecture: amd64
Source: linux-signed-amd64 (6.1.90+1)
Version: 6.1.90-1
Description: x

";

/// A running host, by what its files and commands answer.
fn host(change: impl Fn(&str) -> Option<Reading>) -> Capture {
    let mut capture = Capture { live: true, ..Capture::default() };
    for probe in crate::single_probes() {
        let name = match probe {
            Probe::File { path, .. } | Probe::Folder { path, .. } => path.to_owned(),
            Probe::First { .. } => continue,
            Probe::Command(command) => command.words.join(" "),
        };
        let text = match name.as_str() {
            "etc/os-release" => OS_RELEASE,
            "var/lib/dpkg/status" => STATUS,
            "etc/hostname" => "web01\n",
            "etc/machine-id" => "0123456789abcdef0123456789ABCDEF\n",
            "proc/sys/kernel/osrelease" => "6.1.0-18-amd64\n",
            "ip -j addr" => {
                r#"[{"link_type":"ether","address":"3c:ec:ef:00:00:07","addr_info":[{"local":"192.0.2.7"}]},
                {"link_type":"ether","address":"da:a1:19:00:00:01","permaddr":"3c:ec:ef:00:00:08"},
                {"link_type":"ether","address":"02:42:ac:11:00:02"},{"link_type":"loopback","address":"00:00:00:00:00:00"}]"#
            }
            name if name.starts_with("ss ") => "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:((\"sshd\",pid=7,fd=3))\n",
            name if name.ends_with("-ls") => {
                "1 0 lrwxrwxrwx 1 root root 0 Nov 25 03:36 /proc/7/exe -> /usr/sbin/sshd\n"
            }
            name if name.contains("maps") => {
                "1-2 r-xp 0 fe:01 9 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n3-4 r-xp 0 00:00 0 [vdso]\n"
            }
            _ => "",
        };
        let reading = if text.is_empty() { Reading::Missing } else { Reading::Bytes(text.into()) };
        capture.readings.insert(probe, change(&name).unwrap_or(reading));
    }
    capture
}

/// dpkg lists programs as they are, and libraries as they were before the merge of `/usr`.
fn answer(follow_ups: Vec<FollowUp>) -> Vec<(FollowUp, Reading)> {
    let text = "openssh-server: /usr/sbin/sshd\nlibssl3:amd64: /lib/x86_64-linux-gnu/libssl.so.3\n";
    follow_ups.into_iter().map(|follow_up| (follow_up, Reading::Bytes(text.into()))).collect()
}

fn inspect(capture: &Capture) -> Inventory {
    ecosystems::inventory(capture, &answer(ecosystems::follow_ups(capture)))
}

#[test]
fn a_running_host() {
    let inventory = inspect(&host(|_| None));
    assert_eq!(inventory.gaps, []);
    assert_eq!(inventory.platform.release.as_ref().unwrap().to_string(), "debian bookworm");
    assert_eq!(inventory.platform.architecture.as_deref(), Some("amd64"));
    assert_eq!(inventory.identity.hostname.as_deref(), Some("web01"));
    assert_eq!(inventory.identity.machine_id.as_deref(), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(inventory.identity.addresses, ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(inventory.components.as_ref().map(Vec::len), Some(5));
    assert_eq!(inventory.running_kernel.as_deref(), Some("6.1.0-18-amd64"));
    assert_eq!(inventory.reboot_required, Some(true), "a newer kernel is installed");
    assert_eq!(inventory.stale_packages.as_deref(), Some(&["libssl3".to_owned()][..]));
    let listeners = inventory.listeners.unwrap();
    let [listener] = &listeners[..] else { panic!("{listeners:?}") };
    assert_eq!((listener.process.as_deref(), listener.package.as_deref()), (Some("sshd"), Some("openssh-server")));
}

/// What a host answers to the questions of who it is.
fn who(name: &str) -> Option<Reading> {
    let text = match name {
        "etc/hosts" => {
            "127.0.0.1 localhost\n127.0.1.1 Web01.example.org web01 # by the installer\n10.0.0.9 web010.example.org\n"
        }
        "sys/class/dmi/id/product_uuid" => "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n",
        "sys/class/dmi/id/product_serial" => "ABC1234\n",
        "sys/class/dmi/id/sys_vendor" => "Dell Inc.\n",
        "var/lib/cloud/data/instance-id" => "i-0123456789abcdef0\n",
        "etc/ssh/ssh_host_ed25519_key.pub" => {
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPVDqZHtUKqLwyPPO9cpNwlSyRGrNR1VvCKoZ6qbyZ3T root@web01\n"
        }
        _ => return None,
    };
    Some(Reading::Bytes(text.into()))
}

#[test]
fn who_a_host_is() {
    let identity = inspect(&host(who)).identity;
    assert_eq!(identity.fqdn.as_deref(), Some("web01.example.org"));
    assert_eq!(identity.serial.as_deref(), Some("dell inc./abc1234"));
    assert_eq!(identity.cloud_instance.as_deref(), Some("aws/i-0123456789abcdef0"));
    assert_eq!(identity.macs, ["3c:ec:ef:00:00:07", "3c:ec:ef:00:00:08"], "none that is made up");
    // As `ssh-keygen -lf` prints it.
    assert_eq!(identity.ssh_host_keys, ["SHA256:UtkGxJghKw1wpncuQ8xoDm6KXlW1vf04s6zy98Scdcw"]);
    let swapped = "16192eec-9990-af7c-fd21-012345abcdef";
    assert_eq!(identity.system_uuid.as_deref(), Some(swapped), "the lesser of both byte orders");

    // What is not to be read without more rights is unknown, and no gap.
    let denied = inspect(&host(|name| {
        name.starts_with("sys/class/dmi").then(|| Reading::Failed("permission denied".to_owned())).or_else(|| who(name))
    }));
    assert_eq!((denied.identity.serial, denied.identity.system_uuid), (None, None));
    assert_eq!(denied.gaps, []);

    // A container is not the machine that it runs on.
    let inside = inspect(&host(|name| {
        (name == "run/systemd/container").then(|| Reading::Bytes(b"lxc\n".to_vec())).or_else(|| who(name))
    }));
    let identity = inside.identity;
    assert_eq!((identity.serial, identity.system_uuid, identity.cloud_instance), (None, None, None));
    assert_eq!((identity.macs.len(), identity.ssh_host_keys.len()), (0, 1));

    // An identifier from a file that somebody wrote is no provider's.
    let seeded = inspect(&host(|name| {
        (name == "var/lib/cloud/data/instance-id").then(|| Reading::Bytes(b"iid-datasource-none\n".to_vec()))
    }));
    assert_eq!(seeded.identity.cloud_instance, None);
}

#[test]
fn paths_go_in_by_standard_input() {
    let follow_ups = ecosystems::follow_ups(&host(|_| None));
    let [follow_up] = &follow_ups[..] else { panic!("{follow_ups:?}") };
    let paths: Vec<&[u8]> = follow_up.stdin.split(|byte| *byte == 0).collect();
    assert_eq!(
        paths,
        [
            &b"/usr/bin/dpkg"[..],
            b"/usr/lib/x86_64-linux-gnu/libssl.so.3",
            b"/lib/x86_64-linux-gnu/libssl.so.3",
            b"/usr/sbin/sshd",
            b"/sbin/sshd",
            b""
        ]
    );
}

#[test]
fn what_cannot_be_read_is_unknown_and_a_gap() {
    let areas = |inventory: &Inventory| inventory.gaps.iter().map(|gap| gap.area).collect::<Vec<_>>();
    let failing = |part: &'static str| {
        inspect(&host(move |name| name.contains(part).then(|| Reading::Failed("permission denied".to_owned()))))
    };

    let inventory = failing("dpkg/status");
    assert_eq!(inventory.components, None);
    assert!(areas(&inventory).contains(&Area::Packages));

    let inventory = failing("osrelease");
    assert_eq!((inventory.running_kernel.as_ref(), inventory.reboot_required), (None, None));
    assert!(areas(&inventory).contains(&Area::Kernel));

    let inventory = failing("ss ");
    assert_eq!(inventory.listeners, None);
    assert!(areas(&inventory).contains(&Area::Listeners));

    let inventory = failing("maps");
    assert_eq!(inventory.stale_packages, None);
    assert!(areas(&inventory).contains(&Area::Restart));

    let inventory = failing("os-release");
    assert_eq!(inventory.platform.release, None);
    assert!(areas(&inventory).contains(&Area::Platform));

    let inventory = failing("ip ");
    assert!(inventory.identity.addresses.is_empty());
    assert!(areas(&inventory).contains(&Area::Identity));
}

#[test]
fn owners_that_nobody_names_leave_stale_packages_unknown() {
    let capture = host(|_| None);
    let inventory = ecosystems::inventory(&capture, &[]);
    assert_eq!(inventory.stale_packages, None);
}

#[test]
fn without_root_listeners_have_no_process() {
    let inventory = inspect(&host(|name| {
        let text = "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n";
        name.starts_with("ss ").then(|| Reading::Bytes(text.into()))
    }));
    assert_eq!(inventory.listeners.unwrap()[0].process, None);
}

#[test]
fn a_root_directory_lacks_what_only_runs() {
    let capture = Capture { live: false, ..host(|_| None) };
    let inventory = ecosystems::inventory(&capture, &[]);
    assert_eq!(inventory.gaps, []);
    assert_eq!((inventory.running_kernel, inventory.reboot_required, inventory.stale_packages), (None, None, None));
    assert_eq!(inventory.listeners, None);
    assert!(ecosystems::follow_ups(&capture).is_empty());
}

#[test]
fn no_package_database_is_no_empty_list() {
    let inventory = inspect(&host(|name| name.contains("dpkg").then_some(Reading::Missing)));
    assert_eq!(inventory.components, None);
    assert!(!inventory.packages_complete());
}

#[test]
fn an_image_without_a_package_manager_has_a_file_for_each_package() {
    let stanza = |name: &str| format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n").into_bytes();
    let files = ["base", "tzdata"].map(|name| (name.to_owned(), stanza(name)));
    let files = files.into_iter().chain([("base.md5sums".to_owned(), b"0 usr/x\n".to_vec())]).collect();
    let mut capture = Capture::default();
    let folder = ecosystems::deb::probes().iter().find(|probe| matches!(probe, Probe::Folder { .. })).unwrap();
    capture.readings.insert(*folder, Reading::Files(files));
    let inventory = ecosystems::inventory(&capture, &[]);
    let names: Vec<String> = inventory.components.unwrap().iter().map(|component| component.name.clone()).collect();
    assert_eq!(names, ["base", "tzdata"]);
}
