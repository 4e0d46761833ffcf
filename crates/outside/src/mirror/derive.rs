//! Answers that are a part of a mirror's file: one page of a long list, one member of a zip.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};

use serde_json::Value;

use super::MirrorError;

/// Cuts the page that the URL's `startIndex` and `resultsPerPage` ask for, in the shape of the NVD's API.
pub(super) fn page(path: &str, file: &mut File, url: &str, max_bytes: u64) -> Result<Vec<u8>, MirrorError> {
    let derive = |reason: String| MirrorError::Derive { path: path.to_owned(), reason };
    file.rewind().map_err(|e| derive(e.to_string()))?;
    let text = BufReader::new(&*file).take(max_bytes);
    let mut page: Value = serde_json::from_reader(text).map_err(|e| derive(e.to_string()))?;
    let fields = page.as_object_mut().ok_or_else(|| derive("it is no JSON object".to_owned()))?;
    let list = fields.values_mut().find_map(Value::as_array_mut);
    let list = list.ok_or_else(|| derive("it holds no list to page".to_owned()))?;
    let total = list.len();
    let start = parameter(url, "startIndex").unwrap_or(0).min(total);
    let count = parameter(url, "resultsPerPage").unwrap_or(total).min(total - start);
    list.drain(..start);
    list.truncate(count);
    fields.insert("startIndex".to_owned(), start.into());
    fields.insert("resultsPerPage".to_owned(), count.into());
    fields.insert("totalResults".to_owned(), total.into());
    serde_json::to_vec(&page).map_err(|e| derive(e.to_string()))
}

/// Unpacks one member of a zip; `None`: it has no such member.
pub(super) fn member(path: &str, file: &mut File, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, MirrorError> {
    let derive = |reason: String| MirrorError::Derive { path: path.to_owned(), reason };
    file.rewind().map_err(|e: io::Error| derive(e.to_string()))?;
    let mut zip = zip::ZipArchive::new(BufReader::new(&*file)).map_err(|e| derive(e.to_string()))?;
    let member = match zip.by_name(name) {
        Ok(member) => member,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(e) => return Err(derive(e.to_string())),
    };
    let mut bytes = Vec::new();
    member.take(max_bytes + 1).read_to_end(&mut bytes).map_err(|e| derive(format!("{name}: {e}")))?;
    if bytes.len() as u64 > max_bytes {
        return Err(derive(format!("{name} expands to more than {max_bytes} bytes")));
    }
    Ok(Some(bytes))
}

fn parameter(url: &str, name: &str) -> Option<usize> {
    let query = url.split_once('?')?.1;
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    value.parse().ok()
}
