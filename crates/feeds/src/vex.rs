//! What the dialects of VEX have in common: a status of one product towards one flaw, and what it means for packages.

use domain::advisory::{Advisory, PackageKind, Rank, Statement, Versions};
use domain::component::{Ecosystem, Release};
use domain::cpe::Cpe;
use domain::purl::Purl;
use domain::vulnerability::VulnerabilityId;

use crate::products::{all_versions, version_in};
use crate::vers;

/// Whether a product has a flaw, in the words that all dialects share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Status {
    /// And what is planned.
    Affected(Plan),
    NotAffected,
    Fixed,
    UnderInvestigation,
}

/// What will be done about it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Plan {
    #[default]
    Unknown,
    /// Later.
    Deferred,
    /// Nothing.
    WontFix,
    /// Nothing, since support has ended.
    OutOfSupport,
}

/// The package that a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Subject {
    pub(crate) ecosystem: Ecosystem,
    pub(crate) release: Release,
    /// In its canonical spelling.
    pub(crate) package: String,
    pub(crate) kind: PackageKind,
    pub(crate) module: String,
    /// The package-url of what holds it. Empty: whatever does.
    pub(crate) product: String,
    /// Versions by their specifier (`vers:…`), where they are more than one. Empty: see `version`.
    pub(crate) range: String,
    /// Empty: every version.
    pub(crate) version: String,
}

impl Subject {
    /// The package of a package-url. A distribution's needs the release that it belongs to: `platform`, else its own word.
    /// `None`: of no world that Vigie knows, or of no release.
    pub(crate) fn of_purl(purl: &Purl, platform: Option<&Release>) -> Option<Self> {
        let (ecosystem, package) = purl.component_key()?;
        let release = match ecosystem.is_distribution() {
            false => Release::none(),
            true => match platform {
                Some(release) => release.clone(),
                None => {
                    let (distribution, version) = purl.distro()?;
                    ecosystems::sbom::release(distribution, version)?
                }
            },
        };
        let arch = purl.qualifiers.get("arch").map(String::as_str);
        // The rpms of one source differ in what they are affected by; of the others, advisories speak of sources.
        let kind = match (ecosystem, arch) {
            (Ecosystem::Rpm, arch) if arch != Some("src") => PackageKind::Binary,
            _ => PackageKind::Source,
        };
        let module = purl.qualifiers.get("rpmmod").map(|module| stream(module)).unwrap_or_default();
        let version = purl.full_version();
        Some(Self { ecosystem, release, package, kind, module, product: String::new(), range: String::new(), version })
    }

    /// The product of a CPE name. `None`: it does not name one.
    pub(crate) fn of_cpe(cpe: &Cpe) -> Option<Self> {
        Some(Self {
            ecosystem: Ecosystem::Generic,
            release: Release::none(),
            package: cpe.key()?,
            kind: PackageKind::Source,
            module: String::new(),
            product: String::new(),
            range: String::new(),
            version: version_in(cpe).unwrap_or_default(),
        })
    }

    /// The module's stream; `*` where only the version tells that it is built in a module: another world than plain builds.
    pub(crate) fn stream(&self) -> &str {
        let is_modular = self.ecosystem == Ecosystem::Rpm && ecosystems::rpm::is_modular(&self.version);
        if self.module.is_empty() && is_modular { "*" } else { &self.module }
    }

    /// Whether it is the same package, of whatever version.
    pub(crate) fn is_same_package(&self, other: &Self) -> bool {
        let Self { ecosystem, release, package, kind, module, product, range: _, version: _ } = self;
        (ecosystem, kind) == (&other.ecosystem, &other.kind)
            && *release == other.release
            && [package, module, product] == [&other.package, &other.module, &other.product]
    }

    /// What a status says of the package's versions. `None`: nothing that a verdict could use.
    pub(crate) fn statement(&self, status: Status) -> Option<Statement> {
        if !self.range.is_empty() {
            // Whoever made the subject looked at its range.
            let versions = vers::parse(&self.range).ok()?;
            return match status {
                Status::Affected(_) => Some(Statement::AffectedIn(versions)),
                Status::Fixed | Status::NotAffected => Some(Statement::NotAffectedIn(versions)),
                Status::UnderInvestigation => None,
            };
        }
        let this = || Versions { ranges: Vec::new(), exact: vec![self.version.clone()] };
        Some(match (status, self.version.is_empty()) {
            // A distribution's fix is in every later version.
            (Status::Fixed, false) if self.ecosystem.is_distribution() => {
                Statement::FixedIn { version: self.version.clone() }
            }
            (Status::Fixed | Status::NotAffected, false) => Statement::NotAffectedIn(this()),
            (Status::Fixed, true) => Statement::NotAffectedIn(all_versions()),
            (Status::NotAffected, true) => Statement::NotAffected,
            (Status::Affected(_), false) => Statement::AffectedIn(this()),
            (Status::Affected(Plan::Unknown), true) => Statement::Open,
            (Status::Affected(Plan::Deferred), true) => Statement::Postponed,
            (Status::Affected(Plan::WontFix), true) => Statement::Ignored,
            (Status::Affected(Plan::OutOfSupport), true) => Statement::EndOfLife,
            (Status::UnderInvestigation, true) => Statement::Undetermined,
            // Of other versions it says nothing, and "unknown" changes nothing.
            (Status::UnderInvestigation, false) => return None,
        })
    }

    /// The whole statement.
    pub(crate) fn advisory(
        self,
        feed: &str,
        id: &str,
        rank: Rank,
        vulnerability: VulnerabilityId,
        statement: Statement,
    ) -> Advisory {
        let Self { ecosystem, release, package, kind, module, product, .. } = self;
        let advisory = Advisory::new(feed, id, ecosystem, release, package, vulnerability, statement);
        Advisory { rank, kind, module, product, ..advisory }
    }
}

/// Whether a text is the name that a database of flaws gives to a single one.
pub(crate) fn is_alias(name: &str) -> bool {
    let prefixes = ["CVE-", "GHSA-", "EUVD-", "GO-", "PYSEC-", "RUSTSEC-"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) && VulnerabilityId::new(name).is_ok()
}

/// The CVE among the names of a flaw, else the first of them.
pub(crate) fn best_name(mut names: impl Iterator<Item = VulnerabilityId>) -> Option<VulnerabilityId> {
    let first = names.next()?;
    if first.is_cve() { Some(first) } else { names.find(VulnerabilityId::is_cve).or(Some(first)) }
}

/// The stream of a module's build: `nodejs:18` of `nodejs:18:8090020240101:rhel8`.
pub(crate) fn stream(module: &str) -> String {
    module.split(':').take(2).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(purl: &str) -> Option<Subject> {
        Subject::of_purl(&Purl::parse(purl).expect("a package-url"), None)
    }

    #[test]
    fn packages_by_their_urls() {
        let deb = subject("pkg:deb/debian/curl@7.88.1-10?distro=debian-12").expect("Debian's curl");
        assert_eq!((deb.release.to_string().as_str(), deb.kind), ("debian bookworm", PackageKind::Source));
        let rpm = subject("pkg:rpm/redhat/nodejs@18.1-2?epoch=1&distro=rhel-8.6&rpmmod=nodejs:18:809:x");
        let rpm = rpm.expect("Red Hat's nodejs");
        assert_eq!((rpm.version.as_str(), rpm.module.as_str()), ("1:18.1-2", "nodejs:18"));
        assert_eq!((rpm.release.to_string().as_str(), rpm.kind), ("rhel 8", PackageKind::Binary));
        let built =
            subject("pkg:rpm/redhat/npm@1.0-1.module%2Bel8.9.0%2B1%2Ba?distro=rhel-8").expect("a module's build");
        assert_eq!(built.stream(), "*", "its version tells");
        assert_eq!(subject("pkg:deb/debian/curl@7.88.1-10"), None, "nobody knows of which release");
        assert_eq!(subject("pkg:npm/%40s/a@1.0").map(|npm| npm.package).as_deref(), Some("@s/a"));
    }

    #[test]
    fn a_status_is_about_the_versions_that_it_names() {
        let npm = subject("pkg:npm/a@1.0").expect("a package");
        let one = || Versions { ranges: Vec::new(), exact: vec!["1.0".to_owned()] };
        assert_eq!(npm.statement(Status::Fixed), Some(Statement::NotAffectedIn(one())));
        assert_eq!(npm.statement(Status::Affected(Plan::WontFix)), Some(Statement::AffectedIn(one())));
        assert_eq!(npm.statement(Status::UnderInvestigation), None, "it says nothing of version 2.0");
        let every = subject("pkg:npm/a").expect("a package");
        assert_eq!(every.statement(Status::NotAffected), Some(Statement::NotAffected));
        assert_eq!(every.statement(Status::Affected(Plan::WontFix)), Some(Statement::Ignored));
        let deb = subject("pkg:deb/debian/curl@7.88.1-10?distro=debian-12").expect("Debian's curl");
        assert_eq!(deb.statement(Status::Fixed), Some(Statement::FixedIn { version: "7.88.1-10".to_owned() }));
    }
}
