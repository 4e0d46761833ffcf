//! Operating systems by their CPE names, as vendors write them beside packages.

use domain::component::Release;
use domain::cpe::Cpe;

/// Red Hat's longer-lived minor releases, by the product of their CPE.
const STREAMS: [(&str, &str); 5] =
    [("rhel_eus", "eus"), ("rhel_aus", "aus"), ("rhel_tus", "tus"), ("rhel_e4s", "e4s"), ("rhel_els", "els")];

/// The release that a CPE name stands for, with its repositories. `None`: another product.
pub(super) fn release(cpe: &Cpe) -> Option<Release> {
    let (vendor, product) = (cpe.vendor.plain()?, cpe.product.plain()?);
    let version = cpe.version.plain()?;
    let named = |distribution: &str, name: String| Some(Release { distribution: distribution.to_owned(), name });
    match (vendor, product) {
        // The system below Red Hat Virtualization has packages of its own.
        ("redhat", "enterprise_linux") if cpe.edition.plain() == Some("hypervisor") => None,
        ("redhat", "enterprise_linux") => named("rhel", version.split('.').next()?.to_owned()),
        ("redhat", product) => {
            let (_, stream) = STREAMS.iter().find(|(name, _)| *name == product)?;
            named("rhel", format!("{version}-{stream}"))
        }
        ("suse", "sles" | "sle-module-basesystem" | "sle-module-server-applications") => {
            let pack = cpe.update.plain().and_then(|update| update.strip_prefix("sp"));
            named("sles", pack.map_or_else(|| version.to_owned(), |pack| format!("{version}.{pack}")))
        }
        ("opensuse", "leap") => named("opensuse-leap", version.to_owned()),
        ("openeuler", "openeuler") => named("openeuler", version.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_lines_are_kept_apart() {
        for (cpe, expected) in [
            ("cpe:/o:redhat:enterprise_linux:8", Some("rhel 8")),
            ("cpe:/a:redhat:enterprise_linux:9::appstream", Some("rhel 9")),
            ("cpe:/o:redhat:enterprise_linux:10.0", Some("rhel 10")),
            ("cpe:/o:redhat:rhel_eus:9.2::baseos", Some("rhel 9.2-eus")),
            ("cpe:/a:redhat:rhel_e4s:8.4::appstream", Some("rhel 8.4-e4s")),
            ("cpe:/o:suse:sles:15:sp4", Some("sles 15.4")),
            ("cpe:/a:redhat:satellite:6.15::el8", None),
            ("cpe:/o:redhat:enterprise_linux:8::hypervisor", None),
            ("cpe:/o:redhat:enterprise_linux", None),
        ] {
            let cpe = Cpe::parse(cpe).expect("a CPE name");
            assert_eq!(release(&cpe).map(|release| release.to_string()).as_deref(), expected);
        }
    }
}
