//! The product tree of a CSAF document: what its product identifiers stand for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use domain::component::Release;
use domain::cpe::Cpe;
use domain::purl::Purl;
use serde::Deserialize;

use super::{names, platform};
use crate::json::{Str, excerpt};
use crate::vers;
use crate::vex::{Subject, stream};

/// A component of a component of … : real documents have three.
const DEPTH_MAX: usize = 8;

#[derive(Deserialize, Default)]
pub(super) struct ProductTree<'a> {
    #[serde(default, borrow)]
    branches: Vec<Branch<'a>>,
    #[serde(default, borrow)]
    full_product_names: Vec<Product<'a>>,
    #[serde(default, borrow)]
    relationships: Vec<Relationship<'a>>,
    /// What relationships are in CSAF 2.1.
    #[serde(default, borrow)]
    product_paths: Vec<Path<'a>>,
    #[serde(default, borrow)]
    product_groups: Vec<Group<'a>>,
}

#[derive(Deserialize)]
struct Branch<'a> {
    #[serde(borrow)]
    category: Str<'a>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(default, borrow)]
    product: Option<Product<'a>>,
    #[serde(default, borrow)]
    branches: Vec<Branch<'a>>,
}

#[derive(Deserialize)]
struct Product<'a> {
    #[serde(borrow)]
    product_id: Str<'a>,
    #[serde(default, rename = "product_identification_helper", borrow)]
    helper: Option<Helper<'a>>,
}

#[derive(Deserialize, Default)]
struct Helper<'a> {
    #[serde(default, borrow)]
    cpe: Option<Str<'a>>,
    #[serde(default, borrow)]
    purl: Option<Str<'a>>,
    /// CSAF 2.1.
    #[serde(default, borrow)]
    purls: Vec<Str<'a>>,
}

#[derive(Deserialize)]
struct Relationship<'a> {
    #[serde(borrow)]
    full_product_name: Product<'a>,
    #[serde(borrow)]
    product_reference: Str<'a>,
    #[serde(borrow)]
    relates_to_product_reference: Str<'a>,
}

#[derive(Deserialize)]
struct Path<'a> {
    #[serde(borrow)]
    full_product_name: Product<'a>,
    #[serde(borrow)]
    beginning_product_reference: Str<'a>,
    #[serde(borrow)]
    subpaths: Vec<Step<'a>>,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow)]
    next_product_reference: Str<'a>,
}

#[derive(Deserialize)]
struct Group<'a> {
    #[serde(borrow)]
    group_id: Str<'a>,
    #[serde(borrow)]
    product_ids: Vec<Str<'a>>,
}

/// Products by their identifiers.
#[derive(Default)]
pub(super) struct Products<'a> {
    by_id: HashMap<&'a str, Known<'a>>,
    groups: HashMap<&'a str, Vec<&'a str>>,
}

/// What is known of one product.
enum Known<'a> {
    Leaf {
        helper: Option<&'a Helper<'a>>,
        version: Named<'a>,
    },
    /// The first as a component of the others.
    Part(&'a str, Vec<&'a str>),
}

/// The versions that the branches above a product give it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Named<'a> {
    #[default]
    Every,
    One(&'a str),
    Range(&'a str),
}

/// What the parts of one product say together.
#[derive(Default)]
struct Whole<'a> {
    package: Option<Purl>,
    cpe: Option<&'a str>,
    /// Where the package-url or CPE has none.
    version: Named<'a>,
    module: String,
    release: Option<Release>,
    /// What it is a part of.
    product: Option<Purl>,
    /// It is a part of something that is no operating system that Vigie knows.
    elsewhere: bool,
}

impl<'a> Products<'a> {
    pub(super) fn of(tree: &'a ProductTree<'a>, complain: &mut dyn FnMut(String)) -> Self {
        let mut products = Self::default();
        for branch in &tree.branches {
            products.branch(branch, Named::Every, complain);
        }
        for product in &tree.full_product_names {
            products.insert(product, Known::Leaf { helper: product.helper.as_ref(), version: Named::Every }, complain);
        }
        for relationship in &tree.relationships {
            let part = Known::Part(&relationship.product_reference, vec![&relationship.relates_to_product_reference]);
            products.insert(&relationship.full_product_name, part, complain);
        }
        for path in &tree.product_paths {
            let steps = path.subpaths.iter().map(|step| &*step.next_product_reference).collect();
            products.insert(&path.full_product_name, Known::Part(&path.beginning_product_reference, steps), complain);
        }
        for group in &tree.product_groups {
            let ids = group.product_ids.iter().map(|id| &**id).collect();
            if products.groups.insert(&group.group_id, ids).is_some() {
                complain(format!("the product group {:?} is defined twice", &*group.group_id));
            }
        }
        products.check(complain);
        products
    }

    /// Complains of what nothing may refer to: a broken definition tells that the document may mean something else.
    fn check(&self, complain: &mut dyn FnMut(String)) {
        let mut ids: Vec<&str> = self.by_id.keys().chain(self.groups.values().flatten()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| self.find(id).err()).for_each(complain);
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The products of a group. `None`: there is no such group.
    pub(super) fn group(&self, id: &str) -> Option<&[&'a str]> {
        self.groups.get(id).map(Vec::as_slice)
    }

    /// The package that a product identifier stands for. `None`: nothing that an inventory could hold, or of a product line
    /// that Vigie does not know. The error is why nobody can tell.
    pub(super) fn find(&self, id: &str) -> Result<Option<Subject>, String> {
        let mut whole = Whole::default();
        self.gather(id, true, 0, &mut whole)?;
        let Whole { package, cpe, version, module, release, product, elsewhere } = whole;
        if elsewhere {
            return Ok(None);
        }
        let subject = match (&package, cpe, version) {
            (Some(purl), ..) => Subject::of_purl(purl, release.as_ref()),
            // A platform alone is no package.
            (None, Some(_), _) if release.is_some() => None,
            (None, Some(cpe), _) => Cpe::parse(cpe).ok().and_then(|cpe| Subject::of_cpe(&cpe)),
            // Red Hat gives what it has not fixed no package-url: its name is all that there is.
            (None, None, Named::One(name)) => {
                let named = release.as_ref().and_then(|release| names::rpm(name, release));
                return Ok(named.map(|subject| match module.is_empty() {
                    true => subject,
                    false => Subject { module, ..subject },
                }));
            }
            (None, None, _) => None,
        };
        let Some(mut subject) = subject.filter(|subject| !names::is_debug(subject)) else { return Ok(None) };
        match version {
            _ if !subject.version.is_empty() => {}
            Named::Every => {}
            // "before 4.2" is neither one version nor every one.
            Named::One(text) if is_range(text) => {
                return Err(format!("the product {id:?} has the version {:?}, which is more than one", excerpt(text)));
            }
            Named::One(text) => text.trim().clone_into(&mut subject.version),
            Named::Range(text) => {
                vers::parse(text)?;
                text.clone_into(&mut subject.range);
            }
        }
        if !module.is_empty() {
            subject.module = module;
        }
        subject.product = product.map(|purl| purl.to_string()).unwrap_or_default();
        Ok(Some(subject))
    }

    /// Adds what a product says of itself; `own`: it is the component, not what holds it.
    fn gather(&self, id: &str, own: bool, depth: usize, whole: &mut Whole<'a>) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("the product {id:?} is a part of itself, or of too much"));
        }
        let known = self.by_id.get(id).ok_or_else(|| format!("the product {id:?} is not defined"))?;
        let (helper, version) = match known {
            Known::Part(part, of) => {
                self.gather(part, own, depth + 1, whole)?;
                return of.iter().try_for_each(|of| self.gather(of, false, depth + 1, whole));
            }
            Known::Leaf { helper, version } => (*helper, *version),
        };
        let purl =
            helper.and_then(|helper| helper.purl.as_deref().or_else(|| helper.purls.first().map(|purl| &**purl)));
        let purl = purl.map(Purl::parse).transpose().map_err(|error| error.to_string())?;
        let cpe = helper.and_then(|helper| helper.cpe.as_deref());
        match purl {
            Some(purl) if purl.kind == "rpmmod" => {
                match names::in_module(&purl) {
                    Some((module, package)) => (whole.module, whole.package) = (module, Some(package)),
                    None => whole.module = stream(&format!("{}:{}", purl.name, purl.version)),
                }
                return Ok(());
            }
            // A package-url without a version means every one, whatever the branches are called.
            Some(purl) if own => {
                whole.package = Some(purl);
                return Ok(());
            }
            Some(purl) => {
                whole.product = Some(purl);
                return Ok(());
            }
            None => {}
        }
        let release = cpe.and_then(|cpe| Cpe::parse(cpe).ok()).as_ref().and_then(platform::release);
        if own {
            whole.cpe = cpe;
            whole.version = version;
            whole.release = release;
        } else if release.is_some() {
            whole.release = release;
        } else {
            whole.elsewhere = true;
        }
        Ok(())
    }

    fn branch(&mut self, branch: &'a Branch<'a>, above: Named<'a>, complain: &mut dyn FnMut(String)) {
        let own = match &*branch.category {
            "product_version" => {
                if is_range(&branch.name) {
                    complain(format!("the version {:?} is more than one", excerpt(&branch.name)));
                }
                Named::One(&branch.name)
            }
            "product_version_range" => Named::Range(&branch.name),
            _ => above,
        };
        if let Some(product) = &branch.product {
            self.insert(product, Known::Leaf { helper: product.helper.as_ref(), version: own }, complain);
        }
        for inner in &branch.branches {
            self.branch(inner, own, complain);
        }
    }

    /// The first definition counts; a second one may repeat it with other repositories of the same release.
    fn insert(&mut self, product: &'a Product<'a>, known: Known<'a>, complain: &mut dyn FnMut(String)) {
        match self.by_id.entry(&product.product_id) {
            Entry::Vacant(place) => {
                place.insert(known);
            }
            Entry::Occupied(place) if place.get().is_like(&known) => {}
            Entry::Occupied(place) => complain(format!("the product {:?} is defined twice", place.key())),
        }
    }
}

/// Whether a text means more than one version, by the words that CSAF forbids in a version.
fn is_range(text: &str) -> bool {
    const WORDS: [&str; 7] = ["after", "all", "before", "earlier", "later", "prior", "versions"];
    let mut words = text.split_whitespace().map(str::to_ascii_lowercase);
    text.contains(['<', '>']) || words.any(|word| WORDS.contains(&word.as_str()))
}

impl Known<'_> {
    fn is_like(&self, other: &Known<'_>) -> bool {
        match (self, other) {
            (Known::Part(part, of), Known::Part(other_part, other_of)) => (part, of) == (other_part, other_of),
            (Known::Leaf { helper, version }, Known::Leaf { helper: other, version: other_version }) => {
                let stands_for = |helper: &Option<&Helper<'_>>| {
                    let purl = helper.and_then(|helper| helper.purl.as_deref().map(str::to_owned));
                    let cpe = helper.and_then(|helper| helper.cpe.as_deref()).and_then(|cpe| Cpe::parse(cpe).ok());
                    let release = cpe.as_ref().and_then(platform::release);
                    (purl, if release.is_some() { None } else { cpe }, release)
                };
                version == other_version && stands_for(helper) == stands_for(other)
            }
            _ => false,
        }
    }
}
