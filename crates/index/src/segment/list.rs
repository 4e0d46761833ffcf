//! All segments, in the order of their assets, in two levels: publishing copies the upper one.

use std::sync::Arc;

use domain::ids::AssetId;

use super::Segment;
use crate::numbers::next;

const GROUP: usize = 64;

/// Where a segment is: its group, and its place there.
pub(crate) type At = (usize, usize);

#[derive(Debug, Clone, Default)]
pub(crate) struct Segments(Vec<Arc<Vec<Arc<Segment>>>>);

impl Segments {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter().flat_map(|group| group.iter()).map(|segment| &**segment)
    }

    pub(crate) fn get(&self, (group, place): At) -> &Segment {
        &self.0[group][place]
    }

    /// How many segments stand before one.
    pub(crate) fn order_of(&self, (group, place): At) -> u32 {
        next(self.0[..group].iter().map(|group| group.len()).sum::<usize>() + place)
    }

    pub(crate) fn get_mut(&mut self, (group, place): At) -> &mut Segment {
        Arc::make_mut(&mut Arc::make_mut(&mut self.0[group])[place])
    }

    pub(crate) fn push(&mut self, segment: Segment) {
        match self.0.last_mut() {
            Some(group) if group.len() < GROUP => Arc::make_mut(group).push(Arc::new(segment)),
            _ => self.0.push(Arc::new(vec![Arc::new(segment)])),
        }
    }

    /// The segment that an asset is in, or belongs into. `None`: there is no segment.
    pub(crate) fn locate(&self, asset: AssetId) -> Option<At> {
        let first = |group: &Arc<Vec<Arc<Segment>>>| group[0].first;
        let group = self.0.partition_point(|group| first(group) <= asset).saturating_sub(1);
        let segments = self.0.get(group)?;
        Some((group, segments.partition_point(|segment| segment.first <= asset).saturating_sub(1)))
    }

    /// Puts others into a segment's place; of none, the segment is gone. The places of segments before it stay.
    pub(crate) fn replace(&mut self, (group, place): At, new: Vec<Segment>) {
        let segments = Arc::make_mut(&mut self.0[group]);
        segments.splice(place..=place, new.into_iter().map(Arc::new));
        if segments.is_empty() {
            self.0.remove(group);
        } else if segments.len() > GROUP {
            let rest = segments.split_off(segments.len() / 2);
            self.0.insert(group + 1, Arc::new(rest));
        }
    }

    /// Every place, the last one first, so that replacing does not move the ones to come.
    pub(crate) fn places_backwards(&self) -> Vec<At> {
        let places = self.0.iter().enumerate();
        places.flat_map(|(group, list)| (0..list.len()).map(move |place| (group, place))).rev().collect()
    }
}
