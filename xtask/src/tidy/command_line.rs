//! The command line and its page of the guide say the same.

use super::sources::Source;

/// Where the command line is defined.
pub(super) const ARGUMENTS: &str = "crates/cli/src/args.rs";
/// Where parts of it may be.
const MORE_ARGUMENTS: &str = "crates/cli/src/args/";
/// Where it is described.
const PAGE: &str = "docs/book/src/cli.md";

/// Options that the argument parser brings itself.
const BUILT_IN: &[&str] = &["help", "version"];

pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let text_of = |path: &str| sources.iter().find(|source| source.path == path).map_or("", |source| &source.text);
    let (arguments, page) = (text_of(ARGUMENTS), text_of(PAGE));
    let mut problems = undescribed(&subcommands(arguments), page);
    let is_more = |source: &&Source| source.path.starts_with(MORE_ARGUMENTS);
    let more = sources.iter().filter(is_more).map(|source| source.text.as_str());
    let options = options(&[arguments].into_iter().chain(more).collect::<Vec<_>>().join("\n"));
    let described = described_options(page);
    problems.extend(
        options
            .iter()
            .filter(|option| !described.contains(option))
            .map(|option| format!("{PAGE}: `--{option}` is not described")),
    );
    let known = |option: &&String| options.contains(option) || BUILT_IN.contains(&option.as_str());
    problems.extend(
        described
            .iter()
            .filter(|option| !known(option))
            .map(|option| format!("{PAGE}: there is no option `--{option}`")),
    );
    problems
}

/// Variants of the command line's `enum Command`, as they are typed.
pub(super) fn subcommands(arguments: &str) -> Vec<String> {
    let body = arguments.lines().skip_while(|line| !line.contains("enum Command {")).skip(1);
    body.take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    ").filter(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())))
        .map(|variant| {
            let name: String = variant.chars().take_while(char::is_ascii_alphanumeric).collect();
            kebab(&name)
        })
        .collect()
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// Long options: each stands on the line after an attribute that says so.
fn options(arguments: &str) -> Vec<String> {
    let mut options = Vec::new();
    let mut long = false;
    for line in arguments.lines().map(str::trim) {
        if line.starts_with("#[arg(") {
            long = line.contains("(long") || line.contains(", long");
        } else if !line.starts_with("//") {
            let field = line.strip_prefix("pub(crate) ").unwrap_or(line);
            if let Some((name, _)) = field.split_once(':').filter(|_| long) {
                options.push(name.replace('_', "-"));
            }
            long = false;
        }
    }
    options.sort_unstable();
    options.dedup();
    options
}

fn described_options(page: &str) -> Vec<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
    let mut options: Vec<String> = page.split("--").skip(1).map(name).collect();
    // The rule of a table, a dash between words.
    options.retain(|option| option.starts_with(|c: char| c.is_ascii_lowercase()));
    options.sort_unstable();
    options.dedup();
    options
}

fn undescribed(commands: &[String], guide: &str) -> Vec<String> {
    let described = |command: &&String| {
        guide.lines().any(|line| line.starts_with("## ") && line.contains(&format!("vigie {command}")))
    };
    commands
        .iter()
        .filter(|command| !described(command))
        .map(|command| format!("{PAGE}: `vigie {command}` has no heading"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_the_command_line_itself() {
        let arguments = "enum Command {\n    /// Scan\n    Scan(Scan),\n    Backup {\n        /// To\n        to: PathBuf,\n    },\n    VersionCompare {\n    },\n    Cvss,\n}\n";
        assert_eq!(subcommands(arguments), ["scan", "backup", "version-compare", "cvss"]);
    }

    #[test]
    fn options_are_read_from_the_command_line_itself() {
        let arguments = "    #[arg(long, global = true)]\n    pub(crate) data_dir: PathBuf,\n    /// File\n    to: PathBuf,\n    #[arg(required = true)]\n    ranges: Vec<IpNet>,\n";
        assert_eq!(options(arguments), ["data-dir"]);
        assert_eq!(described_options("| `--data-dir D` | x |\n|--:|---|\n`--fly`\n"), ["data-dir", "fly"]);
    }
}
