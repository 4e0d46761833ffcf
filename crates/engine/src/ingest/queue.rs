//! What one run still has to ask for.

use std::collections::{BTreeSet, VecDeque};

use feeds::{Asked, Listed, Plan, Request};

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

/// Things to ask for, in their order: what an index asks for comes right after it.
#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Todo>,
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
        while let Some(todo) = self.waiting.pop_front() {
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
        None
    }

    /// Whether the same may be had from another place, if not from the one that was just asked.
    pub(super) fn has_alternative(&self, depth: usize) -> bool {
        let next = self.waiting.front();
        next.is_some_and(|next| next.depth == depth && next.request().asked == Asked::Otherwise)
    }

    /// Whether the last of the places that were asked at this depth was of use.
    pub(super) fn is_useful(&self, depth: usize) -> bool {
        self.useful.get(depth).copied().unwrap_or_default()
    }

    /// Takes up what an index asks for.
    pub(super) fn take(&mut self, plan: Plan, depth: usize) {
        self.useful[depth] |= plan.is_useful();
        let documents = plan.documents.into_iter().map(|listed| What::Document(Box::new(listed)));
        let all: Vec<What> = plan.requests.into_iter().map(What::File).chain(documents).collect();
        self.followed_count += all.len();
        for what in all.into_iter().rev() {
            self.waiting.push_front(Todo { what, depth: depth + 1 });
        }
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
