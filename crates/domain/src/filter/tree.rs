//! The tree of conditions, whatever these ask for.

/// What holds, or not. [`Tree::all`] and [`Tree::any`] build the form in which texts are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tree<C> {
    /// Always; also the empty text.
    Everything,
    /// What all of them hold.
    All(Vec<Tree<C>>),
    /// What any of them holds.
    Any(Vec<Tree<C>>),
    /// What it does not hold. A comparison holds only known values, so its negation holds the unknown ones too.
    Not(Box<Tree<C>>),
    Where(C),
}

impl<C> Tree<C> {
    /// What all of the parts hold.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Everything => {}
                Self::All(parts) => flat.extend(parts),
                part => flat.push(part),
            }
        }
        match flat.len() {
            0 => Self::Everything,
            1 => flat.remove(0),
            _ => Self::All(flat),
        }
    }

    /// What any of the parts holds: nothing, where there are none.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::Any(parts) => flat.extend(parts),
                part => flat.push(part),
            }
        }
        match flat.len() {
            0 => Self::negated(Self::Everything),
            1 => flat.remove(0),
            _ => Self::Any(flat),
        }
    }

    /// What the filter does not hold.
    pub fn negated(filter: Self) -> Self {
        Self::Not(Box::new(filter))
    }

    /// Whether any of its conditions is such a one.
    pub fn any_condition(&self, is: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::Everything => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.any_condition(is)),
            Self::Not(part) => part.any_condition(is),
            Self::Where(condition) => is(condition),
        }
    }

    /// Whether it holds, where each condition passes or not.
    pub fn holds(&self, passes: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::Everything => true,
            Self::All(parts) => parts.iter().all(|part| part.holds(passes)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(passes)),
            Self::Not(part) => !part.holds(passes),
            Self::Where(condition) => passes(condition),
        }
    }
}
