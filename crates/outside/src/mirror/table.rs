//! `urls.tsv`: publisher's URL, file, how to serve it.

use std::path::{Component, Path};
use std::str::FromStr;

/// How a mirror's file answers for a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// The file's bytes are the answer.
    Plain,
    /// The file is a gzip, the answer is what is in it.
    Gunzip,
    /// The file is a zstd frame; the answer is what is in it, packed as the publisher packs it.
    Zstd,
    /// The URL is the beginning of many, the file is a folder: what follows the one is looked up in the other.
    Prefix,
    /// The file is one page that holds everything; the answer is the part that `startIndex` and `resultsPerPage` ask for.
    Pages,
    /// The URL is the beginning of many, the file is a zip: what follows the URL is a member's name.
    Members,
}

impl How {
    pub const ALL: [Self; 6] = [Self::Plain, Self::Gunzip, Self::Zstd, Self::Prefix, Self::Pages, Self::Members];

    /// The word in the third column.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gunzip => "gunzip",
            Self::Zstd => "zstd",
            Self::Prefix => "prefix",
            Self::Pages => "pages",
            Self::Members => "members",
        }
    }

    /// Reads the third column where it is written for people, as data collections do.
    fn from_prose(text: &str, file: &str) -> Option<Self> {
        let begins = |word: &str| text.starts_with(word);
        if begins("as is for one page") {
            Some(Self::Pages)
        } else if begins("as is") {
            Some(Self::Plain)
        } else if begins("folder") {
            Some(Self::Prefix)
        } else if begins("recompress (zstd") || (begins("decompress") && file.ends_with(".zst")) {
            Some(Self::Zstd)
        } else if begins("decompress") {
            Some(Self::Gunzip)
        } else {
            None
        }
    }
}

/// Reads the remarks in brackets that data collections add: an unmarked part would be taken for the whole.
fn is_cut(how: &str) -> bool {
    let (_, remark) = how.split_once('(').unwrap_or((how, ""));
    ["reconstructed", "cut", "only", "a few", "records", "part", "excerpt"].iter().any(|word| remark.contains(word))
}

impl FromStr for How {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|how| how.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no way to serve a file (known: {})", known()))
    }
}

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    url: String,
    file: String,
    how: How,
    /// The third column, in prose, says that the file is not all that the publisher has.
    cut: bool,
}

/// Where the answer for a URL is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// Files to look for, in this order.
    pub(super) candidates: Vec<String>,
    pub(super) how: How,
    /// For [`How::Members`]: the member's name.
    pub(super) member: String,
}

impl Table {
    /// Reads the table; an error has its line.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut table = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if !line.is_empty() && !line.starts_with('#') {
                table.read_row(line).map_err(|reason| (index + 1, reason))?;
            }
        }
        Ok(table)
    }

    fn read_row(&mut self, line: &str) -> Result<(), String> {
        let mut columns = line.split('\t').map(str::trim);
        let (Some(url), Some(file), Some(how), None) = (columns.next(), columns.next(), columns.next(), columns.next())
        else {
            return Err("expected three columns parted by tabs: URL, file, how to serve it".to_owned());
        };
        let file = file.trim_end_matches('/');
        let stays_inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if file.is_empty() || !stays_inside {
            return Err(format!("the file {file:?} is not a plain path below the mirror"));
        }
        let cut = is_cut(how);
        let how = match How::from_prose(how, file) {
            Some(prose) => {
                if how.contains("are its members") {
                    let folder = url.rsplit_once('/').map_or(url, |(folder, _)| folder);
                    self.push(&format!("{folder}/"), file, How::Members, cut);
                }
                prose
            }
            None => how.parse()?,
        };
        self.push(url, file, how, cut);
        Ok(())
    }

    fn push(&mut self, url: &str, file: &str, how: How, cut: bool) {
        self.rows.push(Row { url: url.to_owned(), file: file.to_owned(), how, cut });
    }

    /// Whether the table says that what it has for a URL is not all that the publisher has.
    pub(super) fn is_cut(&self, url: &str) -> bool {
        let answers = |row: &&Row| match row.how {
            How::Plain | How::Gunzip | How::Zstd => row.url == url,
            How::Pages => url.split('?').next() == Some(&row.url),
            How::Prefix | How::Members => url.starts_with(&row.url),
        };
        self.rows.iter().filter(answers).any(|row| row.cut)
    }

    /// Finds the answer for a URL: the whole URL first, then the longest beginning of it.
    pub(super) fn locate(&self, url: &str) -> Option<Located> {
        let whole = self.rows.iter().find(|row| match row.how {
            How::Plain | How::Gunzip | How::Zstd => row.url == url,
            How::Pages => url.split('?').next() == Some(&row.url),
            How::Prefix | How::Members => false,
        });
        if let Some(row) = whole {
            return Some(Located { candidates: vec![row.file.clone()], how: row.how, member: String::new() });
        }
        let begins = |row: &&Row| matches!(row.how, How::Prefix | How::Members) && url.starts_with(&row.url);
        let row = self.rows.iter().filter(begins).max_by_key(|row| row.url.len())?;
        let rest = url[row.url.len()..].split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        if rest.is_empty() {
            return None;
        }
        if row.how == How::Members {
            return Some(Located { candidates: vec![row.file.clone()], how: row.how, member: rest.to_owned() });
        }
        // A folder may hold its files packed: `name.gz` and `name.zst` answer for `name`.
        let candidates = ["", ".gz", ".zst"].map(|ending| format!("{}/{rest}{ending}", row.file)).to_vec();
        Some(Located { candidates, how: row.how, member: String::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(table: &str, url: &str) -> Option<(String, How, String)> {
        let table = Table::parse(table).expect("the table reads");
        table.locate(url).map(|l| (l.candidates[0].clone(), l.how, l.member))
    }

    #[test]
    fn the_longest_beginning_answers_and_a_whole_url_before_it() {
        let table = "# a comment\nhttps://a/\tx\tprefix\nhttps://a/b/\ty/\tprefix\nhttps://a/b/c\tz.gz\tgunzip\n";
        assert_eq!(locate(table, "https://a/q"), Some(("x/q".into(), How::Prefix, String::new())));
        assert_eq!(locate(table, "https://a/b/q/"), Some(("y/q".into(), How::Prefix, String::new())));
        assert_eq!(locate(table, "https://a/b/c"), Some(("z.gz".into(), How::Gunzip, String::new())));
        assert_eq!(locate(table, "https://b/"), None);
    }

    #[test]
    fn prose_is_read_by_the_same_words() {
        let table = "https://a/db.zip\tdb.zip\tas is; https://a/index/*.json and /ID/*.json are its members\n\
            https://a/api\tpage.json\tas is for one page; page it yourself\n\
            https://a/t.tar.gz\tt.tar.zst\trecompress (zstd, 128 MiB window) to gzip\n\
            https://a/d.json\td.json.zst\tdecompress\nhttps://a/e.json\te.json.gz\tdecompress (reconstructed)\n";
        let how = |url| locate(table, url).map(|(_, how, member)| (how, member));
        assert_eq!(how("https://a/db.zip"), Some((How::Plain, String::new())));
        assert_eq!(how("https://a/index/db.json"), Some((How::Members, "index/db.json".into())));
        assert_eq!(how("https://a/api?startIndex=1"), Some((How::Pages, String::new())));
        assert_eq!(how("https://a/t.tar.gz"), Some((How::Zstd, String::new())));
        assert_eq!(how("https://a/d.json"), Some((How::Zstd, String::new())));
        assert_eq!(how("https://a/e.json"), Some((How::Gunzip, String::new())));
    }

    #[test]
    fn remarks_mark_what_is_not_the_whole() {
        let table = Table::parse(
            "https://a.example/json\ta.json\tas is (reconstructed, see README)\n\
             https://b.example/feeds/\tb\tfolder, as is (tiny cuts)\n\
             https://c.example/all.gz\tc.gz\tas is (the .gz is the resource, not a transfer encoding)\n\
             https://d.example/d\td\tplain\n",
        )
        .unwrap();
        assert!(table.is_cut("https://a.example/json") && table.is_cut("https://b.example/feeds/2024.json"));
        assert!(!table.is_cut("https://c.example/all.gz") && !table.is_cut("https://d.example/d"));
    }

    #[test]
    fn a_bad_row_is_an_error_with_its_line() {
        let error = |table| Table::parse(table).map(|_| ()).expect_err("it is bad");
        assert_eq!(error("\nhttps://a\tb\n").0, 2);
        assert_eq!(error("https://a\t../b\tplain").1, "the file \"../b\" is not a plain path below the mirror");
        assert_eq!(error("https://a\t/b\tplain").1, "the file \"/b\" is not a plain path below the mirror");
        let unknown = error("https://a\tb\ttelepathy").1;
        assert_eq!(
            unknown,
            "\"telepathy\" is no way to serve a file (known: plain, gunzip, zstd, prefix, pages, members)"
        );
    }
}
