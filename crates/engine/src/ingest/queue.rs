//! What one run still has to ask for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use feeds::{Asked, DOCUMENTS_A_RUN, Listed, Plan, Request};

/// One thing to ask for.
pub(super) struct Todo {
    pub(super) what: What,
    /// How many indexes led to it.
    pub(super) depth: usize,
}

pub(super) enum What {
    File(Request),
    /// A document of an index.
    Document(Box<Listed>),
}

impl Todo {
    pub(super) fn request(&self) -> &Request {
        match &self.what {
            What::File(request) => request,
            What::Document(listed) => &listed.request,
        }
    }

    pub(super) fn listed(&self) -> Option<&Listed> {
        match &self.what {
            What::File(_) => None,
            What::Document(listed) => Some(listed),
        }
    }

    /// Whether an index asked for it.
    pub(super) fn is_followed(&self) -> bool {
        self.depth > 0
    }
}

/// Things to ask for, in their order: what an index asks for comes right after it, and documents after all indexes.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Todo>,
    /// Documents by their names: of two lists, the newer word counts.
    documents: BTreeMap<String, Listed>,
    /// There are more documents than one run asks for.
    is_cut: bool,
    /// Whether the latest of the alternatives was of use, for each depth.
    useful: Vec<bool>,
    /// Names that indexes asked for: no document twice, and no index that leads back to itself.
    followed: BTreeSet<String>,
    followed_count: usize,
}

impl Queue {
    pub(super) fn new(requests: impl Iterator<Item = Request>) -> Self {
        let waiting = requests.map(|request| Todo { what: What::File(request), depth: 0 }).collect();
        Self { waiting, ..Self::default() }
    }

    pub(super) fn next(&mut self) -> Option<Todo> {
        loop {
            let Some(todo) = self.waiting.pop_front() else {
                let documents = self.most_urgent().into_iter();
                self.waiting = documents.map(|one| Todo { what: What::Document(Box::new(one)), depth: 1 }).collect();
                if self.waiting.is_empty() {
                    return None;
                }
                continue;
            };
            if self.useful.len() <= todo.depth {
                self.useful.resize(todo.depth + 1, false);
            }
            if todo.request().asked != Asked::Otherwise {
                self.useful[todo.depth] = false;
            } else if self.useful[todo.depth] {
                continue;
            }
            if !todo.is_followed() || self.followed.insert(todo.request().name.clone()) {
                return Some(todo);
            }
        }
    }

    /// Whether the same may be had from another place, if not from the one that was just asked.
    pub(super) fn has_alternative(&self, depth: usize) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|next| next.depth == depth && next.request().asked == Asked::Otherwise)
    }

    /// Leaves the other places for the same alone.
    pub(super) fn skip_alternatives(&mut self, depth: usize) {
        self.useful[depth] = true;
    }

    /// Whether documents were left for the next run.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the last of the places that were asked at this depth was of use.
    pub(super) fn is_useful(&self, depth: usize) -> bool {
        self.useful.get(depth).copied().unwrap_or_default()
    }

    /// Takes up what an index asks for.
    pub(super) fn take(&mut self, plan: Plan, depth: usize) {
        self.useful[depth] |= plan.is_useful();
        self.followed_count += plan.requests.len() + plan.documents.len();
        for request in plan.requests.into_iter().rev() {
            self.waiting.push_front(Todo { what: What::File(request), depth: depth + 1 });
        }
        for listed in plan.documents {
            let word = |listed: &Listed| (listed.revision.clone(), listed.request.url.clone());
            match self.documents.get_mut(&listed.document) {
                Some(known) if word(known) >= word(&listed) => {}
                Some(known) => *known = listed,
                None => drop(self.documents.insert(listed.document.clone(), listed)),
            }
        }
        // No more is remembered than one run asks for.
        if self.documents.len() > DOCUMENTS_A_RUN {
            let kept = self.most_urgent().into_iter();
            self.documents = kept.map(|listed| (listed.document.clone(), listed)).collect();
        }
    }

    fn most_urgent(&mut self) -> Vec<Listed> {
        let mut documents: Vec<Listed> = std::mem::take(&mut self.documents).into_values().collect();
        documents.sort_by(|a, b| a.urgency().cmp(&b.urgency()));
        self.is_cut |= documents.len() > DOCUMENTS_A_RUN;
        documents.truncate(DOCUMENTS_A_RUN);
        documents
    }

    /// How many things indexes asked for so far.
    pub(super) fn followed_count(&self) -> usize {
        self.followed_count
    }
}

#[cfg(test)]
mod tests {
    use feeds::Keep;
    use outside::unpack::Limits;

    use super::*;

    fn request(name: &str, asked: Asked) -> Request {
        let limits = Limits::bytes(1);
        Request { name: name.to_owned(), url: String::new(), asked, keep: Keep::Index, max_bytes: 1, limits }
    }

    /// Asks for everything; an index whose name ends with `+` leads to two places of one list, one with `*` to a document.
    fn asked(requests: &[(&str, Asked)]) -> Vec<String> {
        let mut queue = Queue::new(requests.iter().map(|(name, asked)| request(name, *asked)));
        let mut names = Vec::new();
        while let Some(todo) = queue.next() {
            let name = todo.request().name.clone();
            let requests = match name.as_bytes().last() {
                Some(b'+') => {
                    vec![
                        request("list*", Asked::Always),
                        request("other", Asked::Otherwise),
                        request("end*", Asked::Always),
                    ]
                }
                Some(b'*') => vec![request("document", Asked::Always)],
                _ => Vec::new(),
            };
            queue.take(Plan { requests, ..Plan::default() }, todo.depth);
            names.push(name);
        }
        names
    }

    fn listed(document: &str, revision: &str, url: &str) -> Listed {
        let request = Request { url: url.to_owned(), ..request(document, Asked::Always) };
        let (document, revision) = (document.to_owned(), revision.to_owned());
        Listed { request, document, revision, here: None, sums: Vec::new(), guessed: false }
    }

    /// The documents of these lists, in the order in which they are asked for.
    fn documents(lists: Vec<Vec<Listed>>) -> (Vec<Listed>, bool) {
        let names = (0..lists.len()).map(|n| request(&n.to_string(), Asked::Always));
        let mut queue = Queue::new(names);
        let (mut lists, mut documents) = (lists.into_iter(), Vec::new());
        while let Some(todo) = queue.next() {
            match todo.listed() {
                Some(listed) => documents.push(listed.clone()),
                None => queue
                    .take(Plan { documents: lists.next().expect("it was asked for"), ..Plan::default() }, todo.depth),
            }
        }
        (documents, queue.is_cut())
    }

    #[test]
    fn documents_come_after_all_lists_and_no_more_than_one_run_asks_for() {
        let list = |from: usize, revision: &str| {
            (from..from + 1500).map(|n| listed(&format!("d{n}"), revision, "")).collect::<Vec<_>>()
        };
        let (all, is_cut) = documents(vec![list(0, "1"), list(1500, "2")]);
        assert_eq!((all.len(), is_cut), (DOCUMENTS_A_RUN, true));
        assert!(all[..1500].iter().all(|listed| listed.revision == "2"), "the newest come first");
        assert!(!documents(vec![list(0, "1"), list(0, "2")]).1, "they are the same");
    }

    #[test]
    fn of_two_lists_the_newer_word_on_a_document_counts() {
        let (one, other) = (listed("d", "1", "a"), listed("d", "2", "b"));
        for lists in [vec![vec![one.clone()], vec![other.clone()]], vec![vec![other.clone()], vec![one.clone()]]] {
            assert_eq!(documents(lists).0, std::slice::from_ref(&other));
        }
        let same = listed("d", "2", "c");
        assert_eq!(documents(vec![vec![same.clone()], vec![other]]).0, [same]);
    }

    #[test]
    fn another_place_is_asked_only_where_the_one_before_was_of_no_use() {
        let places = |first, second| {
            [(first, Asked::MayLack), (second, Asked::Otherwise), ("third+", Asked::Otherwise), ("last", Asked::Always)]
        };
        let below = ["list*", "document", "end*"];
        let lead =
            |names: &[&str]| names.iter().chain(&below).chain(&["last"]).map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(asked(&places("first+", "second+")), lead(&["first+"]));
        assert_eq!(asked(&places("first", "second+")), lead(&["first", "second+"]));
        assert_eq!(asked(&places("first", "second")), lead(&["first", "second", "third+"]));
    }
}
