//! Which source packages are a Linux kernel: what runs is judged then, and not what is installed.

use domain::component::Ecosystem;

use crate::deb;

/// Flavours of rpm distributions behind `kernel-`; headers, documentation and symbols carry none of the code.
const RPM: [&str; 26] = [
    "rt",
    "alt",
    "aarch64",
    "uek",
    "default",
    "azure",
    "64kb",
    "debug",
    "preempt",
    "vanilla",
    "pae",
    "xen",
    "kvmsmall",
    "zfcpdump",
    "lt",
    "ml",
    "automotive",
    "hwe",
    "source",
    "source-rt",
    "source-azure",
    "syms",
    "docs",
    "headers",
    "obs-build",
    "obs-qa",
];

/// Flavours of Photon and of Alpine behind `linux-`.
const LINUX: [&str; 16] = [
    "lts",
    "virt",
    "edge",
    "stable",
    "vanilla",
    "hardened",
    "rpi",
    "rpi2",
    "asahi",
    "grsec",
    "headers",
    "esx",
    "aws",
    "rt",
    "secure",
    "api-headers",
];

/// Whether a source package of a distribution is a kernel.
pub fn is_source(ecosystem: Ecosystem, source: &str) -> bool {
    let flavour = |prefix: &str, flavours: &[&str]| {
        source
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || flavours.iter().any(|f| rest.strip_prefix('-') == Some(f)))
    };
    // Amazon has several series beside each other: `kernel6.1`.
    let series = || source.strip_prefix("kernel").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match ecosystem {
        Ecosystem::Deb => deb::kernel::is_kernel_source(source),
        Ecosystem::Rpm => flavour("kernel", &RPM) || flavour("linux", &LINUX) || series(),
        Ecosystem::Apk => flavour("linux", &LINUX) && source != "linux",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_and_what_only_sounds_like_one() {
        for (ecosystem, source, expected) in [
            (Ecosystem::Deb, "linux-6.1", true),
            (Ecosystem::Deb, "kernel", false),
            (Ecosystem::Rpm, "kernel", true),
            (Ecosystem::Rpm, "kernel-rt", true),
            (Ecosystem::Rpm, "kernel6.1", true),
            (Ecosystem::Rpm, "kernel-srpm-macros", false),
            (Ecosystem::Rpm, "kernelshark", false),
            (Ecosystem::Rpm, "linux", true),
            (Ecosystem::Rpm, "linux-firmware", false),
            (Ecosystem::Apk, "linux-lts", true),
            (Ecosystem::Apk, "linux-pam", false),
            (Ecosystem::Npm, "kernel", false),
        ] {
            assert_eq!(is_source(ecosystem, source), expected, "{ecosystem} {source}");
        }
    }
}
