//! Kernels are judged by what runs, not by what is installed.

use std::sync::Arc;

use domain::component::Component;
use domain::inventory::{Area, Inventory};
use domain::verdict::{Undecided, UndecidedKind};
use ecosystems::Version;
use ecosystems::host::kernel;

use super::Judged;

/// Which kernel counts on one asset.
pub(super) enum Kernels<'a> {
    /// The one that runs.
    Running(&'a str),
    /// Nothing runs: what the newest image boots as.
    Newest(&'a str),
    /// No image is installed, and nothing says that a kernel runs.
    Absent,
    /// Nobody knows, so nothing about kernels is decided.
    Unknown { subject: String, reason: String },
}

impl<'a> Kernels<'a> {
    pub(super) fn of(components: &[&'a Arc<Component>], inventory: &'a Inventory) -> Self {
        let images: Vec<&'a Arc<Component>> = components.iter().copied().filter(|c| !c.kernel.is_empty()).collect();
        if let Some(running) = inventory.running_kernel.as_deref() {
            if images.iter().any(|image| image.kernel == running) {
                return Self::Running(running);
            }
            return Self::Unknown {
                subject: format!("kernel {running}"),
                reason: "the running kernel is of no installed package, so nothing says what it is affected by"
                    .to_owned(),
            };
        }
        if let Some(gap) = inventory.gaps.iter().find(|gap| gap.area == Area::Kernel) {
            return Self::Unknown { subject: "kernel".to_owned(), reason: gap.reason.clone() };
        }
        match newest(&images) {
            Ok(Some((image, _))) => Self::Newest(&image.kernel),
            Ok(None) => Self::Absent,
            Err(error) => Self::Unknown { subject: "kernel".to_owned(), reason: error.to_string() },
        }
    }

    pub(super) fn undecided(&self) -> Option<Undecided> {
        let Self::Unknown { subject, reason } = self else { return None };
        Some(Undecided {
            kind: UndecidedKind::Package,
            subject: subject.clone(),
            vulnerability: None,
            reason: reason.clone(),
        })
    }

    /// Whether a component makes its package one that has to do with kernels.
    pub(super) fn concern(component: &Component) -> bool {
        !component.kernel.is_empty() || kernel::is_source(component.ecosystem, &component.source)
    }

    /// The binaries of a kernel's package that count. `None`: nobody knows which runs.
    pub(super) fn judged(&self, components: &[&'a Arc<Component>]) -> Option<Judged<'a>> {
        let images: Vec<&'a Arc<Component>> = components.iter().copied().filter(|c| !c.kernel.is_empty()).collect();
        // Headers, tools and metapackages of a kernel's source carry none of its code.
        let counts = match self {
            Self::Running(release) | Self::Newest(release) => *release,
            Self::Absent => return Some(Judged { components: Vec::new(), newest: None }),
            Self::Unknown { .. } => return None,
        };
        let newest = match self {
            Self::Running(_) => newest(&images).ok().flatten(),
            _ => None,
        };
        let components = images.into_iter().filter(|image| image.kernel == counts).collect();
        Some(Judged { components, newest })
    }
}

/// The image of the highest version.
fn newest<'a>(
    images: &[&'a Arc<Component>],
) -> Result<Option<(&'a Arc<Component>, Version<'a>)>, ecosystems::Unparsable> {
    let mut newest: Option<(&'a Arc<Component>, Version<'a>)> = None;
    for image in images {
        let version = Version::parse(image.ecosystem, &image.source_version)?;
        let newer = newest
            .as_ref()
            .is_none_or(|(known, best)| version.compare(best).then_with(|| image.kernel.cmp(&known.kernel)).is_gt());
        if newer {
            newest = Some((image, version));
        }
    }
    Ok(newest)
}
