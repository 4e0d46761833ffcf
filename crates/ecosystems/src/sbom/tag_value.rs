//! SPDX 2.x as lines of tags and values.

use std::borrow::Cow;

use super::{Bill, Item};
use crate::deb::origin;

/// Whether it looks like one: the first tag is the version.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(64 * 1024)];
    String::from_utf8_lossy(start).lines().any(|line| line.trim_start().starts_with("SPDXVersion:"))
}

pub(super) fn read(text: &str, bill: &mut Bill) {
    let mut item: Option<Item<'_>> = None;
    let mut is_system = false;
    let mut in_text = false;
    for line in text.lines() {
        // A long text may hold anything, tags included.
        if in_text || line.contains("<text>") {
            in_text = !line.contains("</text>");
            continue;
        }
        let Some((tag, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match tag.trim() {
            "PackageName" => {
                take(item.take(), std::mem::take(&mut is_system), bill);
                item = Some(Item { name: Cow::Borrowed(value), ..Item::default() });
            }
            "PackageVersion" => {
                if let Some(item) = &mut item {
                    item.version = Cow::Borrowed(value);
                }
            }
            "ExternalRef" => {
                let mut words = value.split_whitespace().skip(1);
                if let (Some(item), Some(kind), Some(locator)) = (&mut item, words.next(), words.next()) {
                    match kind {
                        "purl" => item.purl = Cow::Borrowed(locator),
                        "cpe23Type" | "cpe22Type" => item.cpe = Cow::Borrowed(locator),
                        _ => {}
                    }
                }
            }
            "PackageSupplier" | "PackageOriginator" => {
                if let Some(item) = item.as_mut().filter(|item| origin::vendor(&item.maintainer).is_none()) {
                    item.maintainer = Cow::Borrowed(value);
                }
            }
            "PrimaryPackagePurpose" => is_system = value == "OPERATING-SYSTEM",
            // Files and snippets that follow belong to no package.
            "DocumentName" => bill.subject(value, ""),
            _ => {}
        }
    }
    take(item, is_system, bill);
}

fn take(item: Option<Item<'_>>, is_system: bool, bill: &mut Bill) {
    match item {
        Some(system) if is_system => bill.system(&system.name, &system.version),
        Some(item) => bill.item(&item),
        None => {}
    }
}
