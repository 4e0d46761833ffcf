//! Who runs this program: the name under which the audit trail keeps what commands change.

use std::fs::File;
use std::io::Read as _;

/// More than this is no list of local users.
const PASSWD_BYTES_MAX: u64 = 4 << 20;

/// The operating system's user, as `os:NAME`: users of the page have no colon in their names. The environment may say
/// anything, so it is not asked.
pub(crate) fn operator() -> String {
    let uid = rustix::process::getuid().as_raw();
    let mut passwd = String::new();
    let read = File::open("/etc/passwd").and_then(|file| file.take(PASSWD_BYTES_MAX).read_to_string(&mut passwd));
    let name = read.ok().and_then(|_| name_of(&passwd, uid));
    name.map_or_else(|| format!("os:{uid}"), |name| format!("os:{name}"))
}

/// The name of a user, by the first line that has the number: `name:x:0:0:…`.
fn name_of(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_its_first_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n\n# nonsense\ntoor:x:0:0::/root:/bin/sh\nada:x:1000:1000::/:/bin/sh";
        assert_eq!(name_of(passwd, 0), Some("root"));
        assert_eq!(name_of(passwd, 1000), Some("ada"));
        assert_eq!(name_of(passwd, 5), None);
    }
}
