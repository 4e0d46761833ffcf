//! Software bills of materials: CycloneDX and SPDX, in and out.

mod cyclonedx;
mod names;
mod spdx;
mod tag_value;
mod xml;
pub mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;

use domain::component::{Component, Ecosystem};
use domain::inventory::{Area, Gap, Identity, Inventory, Platform};

/// Components beyond this are no bill of materials.
pub const COMPONENTS_MAX: usize = 2_000_000;

/// Why a file cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbomError {
    #[error("{name} is neither CycloneDX nor SPDX")]
    Foreign { name: String },
    #[error("{name} cannot be read: {reason}")]
    Unreadable { name: String, reason: String },
}

/// What a reader hands over, one component at a time.
pub(crate) struct Item<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) purl: Cow<'a, str>,
    pub(crate) cpe: Cow<'a, str>,
    /// Source package and its version, where the tool that wrote the file says so beside the package-url.
    pub(crate) source: Option<(String, String)>,
}

/// An inventory in the making.
#[derive(Default)]
pub(crate) struct Bill {
    name: String,
    product: String,
    /// Distribution and release, with how many components say so.
    releases: BTreeMap<(String, String), usize>,
    components: Vec<Component>,
    /// Components that cannot be judged, by why.
    unusable: BTreeMap<String, (usize, String)>,
    total: usize,
}

/// Reads a bill of materials, whatever its form. `name` is for messages.
pub fn parse(name: &str, bytes: &[u8]) -> Result<Inventory, SbomError> {
    let unreadable = |reason: String| SbomError::Unreadable { name: name.to_owned(), reason };
    let mut bill = Bill::default();
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != 0xef && *byte != 0xbb && *byte != 0xbf);
    match start.map(|start| bytes[start]) {
        Some(b'{') => {
            let text = std::str::from_utf8(bytes).map_err(|_| unreadable("it is no UTF-8".to_owned()))?;
            let text = text.trim_start_matches('\u{feff}');
            read_json(text, name, 0, &mut bill)?;
        }
        Some(b'<') => xml::read(bytes, &mut bill).map_err(unreadable)?,
        Some(_) if tag_value::is_one(bytes) => {
            tag_value::read(&String::from_utf8_lossy(bytes), &mut bill);
        }
        _ => return Err(SbomError::Foreign { name: name.to_owned() }),
    }
    Ok(bill.inventory(name))
}

/// Reads JSON of either form, out of the attestation that wraps it if there is one.
fn read_json(text: &str, name: &str, depth: u32, bill: &mut Bill) -> Result<(), SbomError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe<'a> {
        #[serde(borrow, default)]
        bom_format: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        spdx_version: Option<Cow<'a, str>>,
        #[serde(rename = "@graph", default)]
        graph: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        predicate: Option<&'a serde_json::value::RawValue>,
    }
    let unreadable = |error: serde_json::Error| SbomError::Unreadable { name: name.to_owned(), reason: error.to_string() };
    let probe: Probe<'_> = serde_json::from_str(text).map_err(unreadable)?;
    if probe.bom_format.is_some() {
        cyclonedx::read(text, bill).map_err(unreadable)
    } else if probe.spdx_version.is_some() {
        spdx::read(text, bill).map_err(unreadable)
    } else if probe.graph.is_some() {
        spdx::read_graph(text, bill).map_err(unreadable)
    } else if let (Some(predicate), true) = (probe.predicate, depth < 3) {
        read_json(predicate.get(), name, depth + 1, bill)
    } else {
        Err(SbomError::Foreign { name: name.to_owned() })
    }
}

impl Bill {
    pub(crate) fn subject(&mut self, name: &str, purl: &str) {
        name.clone_into(&mut self.name);
        purl.clone_into(&mut self.product);
    }

    /// The operating system that the file names.
    pub(crate) fn system(&mut self, name: &str, version: &str) {
        if let Some(release) = names::release(name, version) {
            // Said outright: it outweighs what single components let guess.
            *self.releases.entry((release.distribution, release.name)).or_default() += COMPONENTS_MAX;
        }
    }

    pub(crate) fn item(&mut self, item: &Item<'_>) {
        self.total += 1;
        if self.total > COMPONENTS_MAX {
            self.leave_out("there are too many of them".to_owned(), item);
            return;
        }
        match names::component(item) {
            Ok((component, release)) => {
                if let Some(release) = release {
                    *self.releases.entry((release.distribution, release.name)).or_default() += 1;
                }
                self.components.push(component);
            }
            Err(why) => self.leave_out(why, item),
        }
    }

    fn leave_out(&mut self, why: String, item: &Item<'_>) {
        let entry = self.unusable.entry(why).or_insert_with(|| (0, item.name.chars().take(60).collect()));
        entry.0 += 1;
    }

    fn inventory(mut self, name: &str) -> Inventory {
        self.components.iter_mut().for_each(|component| name.clone_into(&mut component.path));
        self.components.sort();
        self.components.dedup();
        let release = self.releases.into_iter().max_by_key(|(_, count)| *count).map(|((distribution, name), _)| {
            domain::component::Release { distribution, name }
        });
        let gap = |(why, (count, one)): (String, (usize, String))| Gap {
            area: Area::Packages,
            subject: name.to_owned(),
            reason: format!("{count} components cannot be judged (such as {one:?}): {why}"),
        };
        let shown = if self.name.is_empty() { name.to_owned() } else { self.name };
        Inventory {
            identity: Identity::default(),
            platform: Platform { name: shown, release, architecture: None },
            components: Some(self.components),
            running_kernel: None,
            listeners: None,
            reboot_required: None,
            stale_packages: None,
            product: self.product,
            gaps: self.unusable.into_iter().map(gap).collect(),
        }
    }
}

/// A component that only a CPE names.
pub(crate) fn generic(cpe: &domain::cpe::Cpe, key: String, text: &str, version: &str) -> Component {
    let named = cpe.version.to_string();
    let version = if version.is_empty() { named } else { version.to_owned() };
    Component {
        ecosystem: Ecosystem::Generic,
        source: key.clone(),
        source_version: version.clone(),
        name: key,
        version,
        cpe: text.to_owned(),
        ..Component::default()
    }
}
