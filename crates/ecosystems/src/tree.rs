//! A tree of files: a root directory, a source folder, an image with its layers put together.

use crate::capture::Reading;

/// Files by their paths below a root, without a leading slash. Links are followed inside the tree and never out of it.
pub trait Tree {
    /// Shows every regular file, in an order that does not depend on the machine. Bounded: more files than the bound is an
    /// error, with those before it shown.
    fn walk(&self, visit: &mut dyn FnMut(&str)) -> Result<(), String>;

    /// The bytes of one file, up to a bound.
    fn read(&self, path: &str, bytes_max: u64) -> Reading;

    /// The first bytes of one file, fewer where it is shorter. `None`: it cannot be read.
    fn head(&self, path: &str) -> Option<[u8; 16]>;

    /// The files of one folder, not of its subfolders.
    fn folder(&self, path: &str, files_max: usize, bytes_max: usize) -> Reading;

    /// The digest of the image layer that brought a file. Empty: no image.
    fn layer(&self, path: &str) -> &str;
}
