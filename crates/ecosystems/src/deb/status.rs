//! The dpkg database, a file of stanzas: which binaries are installed, from which sources.
//!
//! A stanza that makes no sense is a gap that names it, and the others are kept.

use std::sync::Arc;

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap};
use memchr::memchr;

use super::{kernel, origin};
use crate::pool::Pool;

/// Longer lines than any package manager writes.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Names, versions and the like.
const VALUE_BYTES_MAX: usize = 512;
/// More packages than any distribution has.
const COMPONENTS_MAX: usize = 200_000;
/// Gaps are for people: the rest is only counted.
const GAPS_MAX: usize = 50;

/// Which kind of file the stanzas are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `status`: every stanza says in which state its package is.
    Database,
    /// A file of `status.d`: what it describes is installed.
    Single,
}

/// What one file holds.
#[derive(Debug, Default)]
pub struct Parsed {
    pub components: Vec<Arc<Component>>,
    pub gaps: Vec<Gap>,
}

/// Reads one file; `path` names it in components and gaps. What stood in other files is taken from `pool`.
pub fn parse(path: &str, bytes: &[u8], kind: Kind, pool: &mut Pool) -> Parsed {
    let mut parser = Parser {
        path,
        kind,
        pool,
        record: Vec::new(),
        parsed: Parsed::default(),
        described: false,
        records: 0,
        gap_count: 0,
        full: false,
    };
    let mut stanza = Stanza::default();
    let mut rest = bytes;
    let mut line_number = 0_usize;
    while !rest.is_empty() && !parser.full {
        let (line, next) = match memchr(b'\n', rest) {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = next;
        line_number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            parser.finish(&stanza);
            stanza = Stanza::default();
        } else {
            stanza.line(line, line_number);
        }
    }
    parser.end(&stanza, bytes.last().is_some_and(|last| *last != b'\n'));
    parser.parsed
}

/// The fields of one stanza that matter.
#[derive(Default)]
struct Stanza<'a> {
    package: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    vendor: Option<&'a [u8]>,
    maintainer: Option<&'a [u8]>,
    described: bool,
    /// Line of its first line. 0: there is none.
    line: usize,
    malformed: Option<&'static str>,
    /// Its latest line is a field that matters: cut short, it would be a wrong value.
    ends_in_value: bool,
}

impl<'a> Stanza<'a> {
    fn line(&mut self, line: &'a [u8], number: usize) {
        if line.len() > LINE_BYTES_MAX {
            self.malformed = Some("it has a line that is too long");
        }
        if memchr(0, line).is_some() {
            self.malformed = Some("it has NUL bytes inside, so packages may be lost");
        }
        self.ends_in_value = false;
        let first = self.line == 0;
        if first {
            self.line = number;
        }
        if matches!(line[0], b' ' | b'\t') {
            if first {
                self.malformed = Some("it begins with a continuation line");
            }
            return;
        }
        let Some(colon) = memchr(b':', line) else {
            self.malformed = Some("it has a line that is no field");
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let field = match name[..].first().map(u8::to_ascii_lowercase) {
            Some(b'p') if name.eq_ignore_ascii_case(b"package") => &mut self.package,
            Some(b's') if name.eq_ignore_ascii_case(b"status") => &mut self.status,
            Some(b's') if name.eq_ignore_ascii_case(b"source") => &mut self.source,
            Some(b'v') if name.eq_ignore_ascii_case(b"version") => &mut self.version,
            Some(b'a') if name.eq_ignore_ascii_case(b"architecture") => &mut self.architecture,
            Some(b'o') if name.eq_ignore_ascii_case(b"origin") => &mut self.origin,
            Some(b'v') if name.eq_ignore_ascii_case(b"vendor") => &mut self.vendor,
            Some(b'm') if name.eq_ignore_ascii_case(b"maintainer") => &mut self.maintainer,
            Some(b'd') if name.eq_ignore_ascii_case(b"description") => {
                if std::mem::replace(&mut self.described, true) {
                    self.malformed = Some("it has a field twice");
                }
                return;
            }
            None => {
                self.malformed = Some("it has a field without a name");
                return;
            }
            Some(_) => return,
        };
        self.ends_in_value = true;
        if value.len() > VALUE_BYTES_MAX {
            self.malformed = Some("it has a value that is too long");
        } else if field.replace(value).is_some() {
            self.malformed = Some("it has a field twice");
        }
    }

    /// Everything that a component is made of.
    fn fields(&self) -> [Option<&'a [u8]>; 8] {
        let of_vendor = self.of_vendor().map(str::as_bytes);
        [self.package, self.status, self.source, self.version, self.architecture, self.origin, self.vendor, of_vendor]
    }

    /// The vendor that its maintainer is of, if it is one that is known.
    fn of_vendor(&self) -> Option<&'static str> {
        self.maintainer.and_then(|maintainer| std::str::from_utf8(maintainer).ok()).and_then(origin::vendor)
    }

    fn is_empty(&self) -> bool {
        self.line == 0
    }
}

struct Parser<'p> {
    path: &'p str,
    kind: Kind,
    pool: &'p mut Pool,
    /// All of the stanza at hand that counts.
    record: Vec<u8>,
    parsed: Parsed,
    /// A complete stanza had a description, as all that dpkg writes have.
    described: bool,
    records: usize,
    gap_count: usize,
    full: bool,
}

impl Parser<'_> {
    fn finish(&mut self, stanza: &Stanza<'_>) {
        if stanza.is_empty() {
            return;
        }
        self.records += 1;
        self.described |= stanza.described;
        match self.known(stanza) {
            Ok(component) => self.parsed.components.extend(component),
            Err(reason) => self.gap(stanza, reason),
        }
        // What a malformed stanza still says is kept: a lost package would look like a clean one.
        if let Some(reason) = stanza.malformed {
            self.gap(stanza, reason);
        }
        if self.parsed.components.len() >= COMPONENTS_MAX {
            self.full = true;
        }
    }

    /// What the stanza says, which mostly stood in the file of another machine just so. `None`: not installed.
    fn known(&mut self, stanza: &Stanza<'_>) -> Result<Option<Arc<Component>>, &'static str> {
        self.record.clear();
        self.record.extend_from_slice(self.path.as_bytes());
        for field in stanza.fields() {
            // No value holds a line's end, and a missing one is not an empty one.
            self.record.push(b'\n');
            if let Some(value) = field {
                self.record.push(b':');
                self.record.extend_from_slice(value);
            }
        }
        if let Some(known) = self.pool.record(&self.record) {
            return Ok(Some(known));
        }
        let component = self.component(stanza)?;
        Ok(component.map(|component| self.pool.note(&self.record, component)))
    }

    /// `None`: not installed.
    fn component(&self, stanza: &Stanza<'_>) -> Result<Option<Component>, &'static str> {
        let package = text(stanza.package, "it has no Package field", "its Package field is not readable")?;
        if !is_name(package) {
            return Err("its Package field is no package name");
        }
        match (stanza.status, self.kind) {
            (Some(status), _) if !is_installed(status)? => return Ok(None),
            (None, Kind::Database) => return Err("it has no Status field"),
            _ => {}
        }
        let version = text(stanza.version, "it has no Version field", "its Version field is not readable")?;
        let arch = match stanza.architecture {
            None => "",
            Some(_) => text(stanza.architecture, "", "its Architecture field is not readable")?,
        };
        let source = match stanza.source {
            None => None,
            Some(_) => Some(text(stanza.source, "", "its Source field is not readable")?),
        };
        let (source, source_version) = source_of(package, version, source)?;
        Ok(Some(Component {
            ecosystem: Ecosystem::Deb,
            kernel: kernel::boots_as(package).unwrap_or_default().to_owned(),
            source,
            source_version,
            name: package.to_owned(),
            version: version.to_owned(),
            arch: arch.to_owned(),
            path: self.path.to_owned(),
            origin: origin::of(package, version, [stanza.origin, stanza.vendor], stanza.of_vendor()),
            ..Component::default()
        }))
    }

    fn gap(&mut self, stanza: &Stanza<'_>, reason: &str) {
        let name = stanza.package.and_then(|name| std::str::from_utf8(name).ok()).filter(|name| is_name(name));
        let record = match name {
            Some(name) => format!("{} (line {})", name, stanza.line),
            None => format!("record {} (line {})", self.records, stanza.line),
        };
        self.push(format!("{}: {record}", self.path), reason.to_owned());
    }

    fn push(&mut self, subject: String, reason: String) {
        self.gap_count += 1;
        if self.gap_count <= GAPS_MAX {
            self.parsed.gaps.push(Gap { area: Area::Packages, subject, reason });
        }
    }

    /// Takes the last stanza, and says where the file seems to be cut.
    fn end(&mut self, last: &Stanza<'_>, cut: bool) {
        let undescribed = !last.is_empty() && self.described && !last.described;
        if self.full {
            self.push(self.path.to_owned(), format!("it has more than {COMPONENTS_MAX} packages"));
        } else if cut || undescribed {
            self.push(self.path.to_owned(), format!("it is cut off after {} records", self.records));
            if last.version.is_some() && !last.ends_in_value {
                self.finish(last);
            }
        } else {
            self.finish(last);
            if self.records == 0 {
                self.push(self.path.to_owned(), "it is empty".to_owned());
            }
        }
        if self.gap_count > GAPS_MAX {
            let reason = format!("{} more records cannot be read", self.gap_count - GAPS_MAX);
            self.parsed.gaps.push(Gap { area: Area::Packages, subject: self.path.to_owned(), reason });
        }
    }
}

fn text<'a>(value: Option<&'a [u8]>, missing: &'static str, unreadable: &'static str) -> Result<&'a str, &'static str> {
    let value = value.filter(|value| !value.is_empty()).ok_or(missing)?;
    std::str::from_utf8(value).ok().filter(|text| !text.chars().any(char::is_control)).ok_or(unreadable)
}

fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | ':');
    !text.is_empty() && text.chars().all(legal)
}

/// The third word decides: a package selected for removal is still there until it is removed.
fn is_installed(status: &[u8]) -> Result<bool, &'static str> {
    let mut words = status.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(_want), Some(_flag), Some(state), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err("its Status field does not have three words");
    };
    match state {
        b"installed" | b"half-configured" | b"half-installed" | b"unpacked" | b"triggers-awaited"
        | b"triggers-pending" => Ok(true),
        b"not-installed" | b"config-files" => Ok(false),
        _ => Err("its Status field has an unknown state"),
    }
}

/// Source name and version: `Source: name (version)`, or the binary's own without its rebuild number.
fn source_of(package: &str, version: &str, source: Option<&str>) -> Result<(String, String), &'static str> {
    let (name, given) = match source {
        None => (package, None),
        Some(source) => match source.split_once('(') {
            None => (source.trim_end(), None),
            Some((name, rest)) => {
                let version = rest.strip_suffix(')').ok_or("its Source field has no closing parenthesis")?.trim();
                (name.trim_end(), Some(version))
            }
        },
    };
    if !is_name(name) {
        return Err("its Source field is no package name");
    }
    if given == Some("") {
        return Err("its Source field has an empty version");
    }
    // A signed kernel is built from the unsigned one and carries its version.
    if let Some(unsigned) = kernel::unsigned_source(name) {
        return Ok((unsigned, without_rebuild(version).to_owned()));
    }
    Ok((name.to_owned(), given.unwrap_or_else(|| without_rebuild(version)).to_owned()))
}

/// Strips `+b1`, the mark of a rebuild without a new source.
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, number)) if !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()) => source,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::*;

    fn database(text: &str) -> Parsed {
        parse("status", text.as_bytes(), Kind::Database, &mut Pool::default())
    }

    fn stanza(fields: &str) -> String {
        format!("{fields}\nDescription: x\n\n")
    }

    /// `source version` of the one package, or the one gap.
    fn read(fields: &str) -> String {
        let parsed = database(&stanza(fields));
        match (&parsed.components[..], &parsed.gaps[..]) {
            ([], []) => "not installed".to_owned(),
            ([one], []) => format!("{} {} {}", one.source, one.source_version, one.kernel).trim_end().to_owned(),
            ([], [gap]) => format!("{}: {}", gap.subject, gap.reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sources_and_their_versions() {
        for (fields, expected) in [
            ("Package: zlib1g\nVersion: 1:1.2.13.dfsg-1\nSource: zlib", "zlib 1:1.2.13.dfsg-1"),
            ("Package: bash\nVersion: 5.2.15-2+b2", "bash 5.2.15-2"),
            ("Package: perl-base\nSource: perl\nVersion: 5.36.0-7+b10", "perl 5.36.0-7"),
            ("Package: libfoo\nSource: foo (1.0-1)\nVersion: 2.0-1+b1", "foo 1.0-1"),
            ("Package: libbar\nVersion: 1.0+b", "libbar 1.0+b"),
            ("Package: libbaz\nVersion: 1.0+build1", "libbaz 1.0+build1"),
            (
                "Package: linux-image-6.1.0-18-amd64\nSource: linux-signed-amd64 (6.1.76+1)\nVersion: 6.1.76-1",
                "linux 6.1.76-1 6.1.0-18-amd64",
            ),
            ("Package: linux-image-amd64\nSource: linux-signed-amd64 (6.1.76+1)\nVersion: 6.1.76-1", "linux 6.1.76-1"),
            (
                "Package: linux-image-6.1.0-0.deb11.21-cloud-amd64\nSource: linux-signed-6.1-amd64 (6.1.90+1~deb11u1)\nVersion: 6.1.90-1~deb11u1",
                "linux-6.1 6.1.90-1~deb11u1 6.1.0-0.deb11.21-cloud-amd64",
            ),
            (
                "Package: linux-image-6.1-amd64\nSource: linux-signed-6.1-amd64 (6.1.90+1)\nVersion: 6.1.90-1",
                "linux-6.1 6.1.90-1",
            ),
            (
                "Package: linux-image-6.1.0-18-amd64-unsigned\nSource: linux\nVersion: 6.1.76-1",
                "linux 6.1.76-1 6.1.0-18-amd64",
            ),
            ("Package: linux-image-6.1.0-18-amd64-dbg\nSource: linux\nVersion: 6.1.76-1", "linux 6.1.76-1"),
            (
                "Package: linux-image-6.8.0-40-generic\nSource: linux-signed-hwe-6.8 (6.8.0-40.40)\nVersion: 6.8.0-40.40",
                "linux-hwe-6.8 6.8.0-40.40 6.8.0-40-generic",
            ),
            (
                "Package: linux-image-5.15.0-91-generic\nSource: linux-signed\nVersion: 5.15.0-91.101",
                "linux 5.15.0-91.101 5.15.0-91-generic",
            ),
            ("Package: linux-libc-dev\nSource: linux\nVersion: 6.1.76-1", "linux 6.1.76-1"),
        ] {
            assert_eq!(
                read(&format!("{fields}\nStatus: install ok installed\nArchitecture: amd64")),
                expected,
                "{fields}"
            );
        }
    }

    #[test]
    fn the_state_decides_what_is_installed() {
        for (status, expected) in [
            ("install ok installed", "a 1"),
            ("hold ok installed", "a 1"),
            ("deinstall ok installed", "a 1"),
            ("install reinstreq half-configured", "a 1"),
            ("install reinstreq half-installed", "a 1"),
            ("install ok unpacked", "a 1"),
            ("install ok triggers-awaited", "a 1"),
            ("install ok triggers-pending", "a 1"),
            ("deinstall ok config-files", "not installed"),
            ("purge ok not-installed", "not installed"),
            ("install ok", "status: a (line 1): its Status field does not have three words"),
            ("install ok gone", "status: a (line 1): its Status field has an unknown state"),
        ] {
            assert_eq!(read(&format!("Package: a\nStatus: {status}\nVersion: 1")), expected, "{status}");
        }
    }

    #[test]
    fn a_malformed_stanza_is_a_gap_and_the_others_are_kept() {
        let good = stanza("Package: good\nStatus: install ok installed\nVersion: 1");
        for (bad, reason) in [
            ("Status: install ok installed\nVersion: 1", "status: record 2 (line 6): it has no Package field"),
            ("Package: bad\nVersion: 1", "status: bad (line 6): it has no Status field"),
            ("Package: bad\nStatus: install ok installed", "status: bad (line 6): it has no Version field"),
            (
                "Package: bad one\nStatus: install ok installed\nVersion: 1",
                "status: record 2 (line 6): its Package field is no package name",
            ),
            (
                "Package: bad\nSource: x (1\nStatus: install ok installed\nVersion: 1",
                "status: bad (line 6): its Source field has no closing parenthesis",
            ),
        ] {
            let parsed = database(&format!("{good}{}{good}", stanza(bad)));
            assert_eq!(parsed.components.len(), 2, "{bad}");
            let gaps: Vec<String> = parsed.gaps.iter().map(|gap| format!("{}: {}", gap.subject, gap.reason)).collect();
            assert_eq!(gaps, [reason], "{bad}");
        }
    }

    #[test]
    fn an_odd_line_is_a_gap_and_its_package_is_kept() {
        let parsed = database(&stanza("Package: a\nStatus: install ok installed\nVersion: 1\nno field"));
        assert_eq!((parsed.components.len(), parsed.gaps.len()), (1, 1));
    }

    #[test]
    fn what_swallows_a_stanza_is_a_gap() {
        let one = |name: &str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\nDescription: x\n");
        let zeros = "\0".repeat(400);
        for (swallowed, reason) in [
            // From inside of a line to inside of a later one: what stood between is gone.
            (format!("{}Breaks: b{zeros}eaks: c\n\n", one("a")), "it has NUL bytes inside, so packages may be lost"),
            (format!("{} x{zeros}y\n\n", one("a")), "it has NUL bytes inside, so packages may be lost"),
            (format!("{}Description: y\n\n", one("a")), "it has a field twice"),
            (format!("{}Maintainer: y\nMaintainer: z\n\n", one("a")), "it has a field twice"),
        ] {
            let parsed = database(&swallowed);
            let gaps: Vec<_> = parsed.gaps.iter().map(|gap| (gap.subject.as_str(), gap.reason.as_str())).collect();
            assert_eq!(parsed.components.len(), 1, "{swallowed:?}");
            assert_eq!(gaps, [("status: a (line 1)", reason)], "{swallowed:?}");
        }
    }

    #[test]
    fn bounds_hold() {
        let long = format!("Package: {}\nStatus: install ok installed\nVersion: 1", "a".repeat(VALUE_BYTES_MAX + 1));
        assert_eq!(database(&stanza(&long)).components.len(), 0);
        let many = stanza("Package: a\nVersion: 1").repeat(GAPS_MAX + 7);
        let gaps = database(&many).gaps;
        assert_eq!(gaps.len(), GAPS_MAX + 1);
        assert_eq!(gaps[GAPS_MAX].reason, "7 more records cannot be read");
    }

    #[test]
    fn files_that_say_nothing_are_gaps() {
        assert_eq!(database("").gaps[0].reason, "it is empty");
        assert_eq!(database("\n\n").gaps[0].reason, "it is empty");
        assert!(!database("\0\0\0\0").gaps.is_empty());
    }

    #[test]
    fn a_single_stanza_needs_no_status() {
        let bytes = b"Package: base-files\nVersion: 12.4\nArchitecture: amd64\n";
        let parsed = parse("status.d/base", bytes, Kind::Single, &mut Pool::default());
        assert_eq!((parsed.components.len(), parsed.gaps.len()), (1, 0));
        assert_eq!(parsed.components[0].path, "status.d/base");
    }

    /// Databases with few different values, so that many records are nearly the same.
    fn databases() -> impl Strategy<Value = Vec<String>> {
        let field = |name: &'static str, values: &'static [&'static str]| {
            option::weighted(0.8, select(values)).prop_map(move |value| match value {
                Some(value) => format!("{name}: {value}\n"),
                None => String::new(),
            })
        };
        let record = (
            field("Package", &["a", "b", "not one"]),
            field("Status", &["install ok installed", "deinstall ok config-files", "odd"]),
            field("Source", &["", "a", "a (1)", "b (1"]),
            field("Version", &["1", "1+b1", "2~bpo12+1", ""]),
            field("Architecture", &["", "amd64", "all"]),
            field("Origin", &["", "Corp"]),
            field("Vendor", &["Corp", "Other"]),
            field("Maintainer", &["Docker <support@docker.com>", "Somebody <some@body.example>"]),
            field("Description", &["text"]),
        );
        let record =
            record.prop_map(|(a, b, c, d, e, f, g, h, i)| [a, b, c, d, e, f, g, h, i, "\n".to_owned()].concat());
        vec(vec(record, 0..8).prop_map(|records| records.concat()), 1..6)
    }

    proptest! {
        #[test]
        fn a_record_that_was_met_before_says_the_same(databases in databases()) {
            let mut pool = Pool::default();
            for (number, database) in databases.iter().enumerate() {
                let path = ["status", "other"][number % 2];
                let alone = parse(path, database.as_bytes(), Kind::Database, &mut Pool::default());
                let sharing = parse(path, database.as_bytes(), Kind::Database, &mut pool);
                prop_assert_eq!(sharing.components, alone.components);
                prop_assert_eq!(sharing.gaps, alone.gaps);
            }
        }
    }
}
