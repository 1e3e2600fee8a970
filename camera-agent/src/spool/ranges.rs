//! Sets of frame numbers, kept as ranges: acknowledged ones are nearly always one.

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(
    /// Rising, and never touching each other.
    Vec<(u64, u64)>,
);

impl Ranges {
    /// Takes in the numbers from `first` to `last`.
    pub(super) fn insert(&mut self, first: u64, last: u64) {
        let from = self.0.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|(begin, _)| *begin <= last.saturating_add(1));
        let joined = self.0.drain(from..to).fold((first, last), |(first, last), (begin, end)| (first.min(begin), last.max(end)));
        self.0.insert(from, joined);
    }

    /// Takes them out.
    pub(super) fn remove(&mut self, first: u64, last: u64) {
        let from = self.0.partition_point(|(_, end)| *end < first);
        let to = self.0.partition_point(|(begin, _)| *begin <= last).max(from);
        let cut: Vec<_> = self.0.drain(from..to).collect();
        let left = cut.first().filter(|(begin, _)| *begin < first).map(|(begin, _)| (*begin, first - 1));
        let right = cut.last().filter(|(_, end)| *end > last).map(|(_, end)| (last + 1, *end));
        self.0.splice(from..from, left.into_iter().chain(right));
    }

    /// How many of the numbers from `first` to `last` are in it.
    pub(super) fn count(&self, first: u64, last: u64) -> u64 {
        let from = self.0.partition_point(|(_, end)| *end < first);
        let inside = self.0.iter().skip(from).take_while(|(begin, _)| *begin <= last);
        inside.map(|(begin, end)| end.min(&last) - begin.max(&first) + 1).sum()
    }

    /// The first number from `first` on that is not in it.
    pub(super) fn first_missing(&self, first: u64) -> u64 {
        let at = self.0.partition_point(|(_, end)| *end < first);
        self.0.get(at).filter(|(begin, _)| *begin <= first).map_or(first, |(_, end)| end.saturating_add(1))
    }

    /// The numbers in it or in the other, of those from `first` to `last`: how many.
    pub(super) fn count_with(&self, other: Option<&Self>, first: u64, last: u64) -> u64 {
        let Some(other) = other else { return self.count(first, last) };
        let mut both = self.clone();
        other.0.iter().for_each(|(begin, end)| both.insert(*begin, *end));
        both.count(first, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a plain set of small numbers.
    fn plain(ranges: &Ranges) -> Vec<u64> {
        ranges.0.iter().flat_map(|(first, last)| *first..=*last).collect()
    }

    #[test]
    fn ranges_are_a_set() {
        // Against a set that is surely right, over many small cases.
        let mut seed = 7_u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let (mut ranges, mut set) = (Ranges::default(), std::collections::BTreeSet::new());
            for _ in 0..12 {
                let first = random(30);
                let last = first + random(8);
                if random(3) == 0 {
                    ranges.remove(first, last);
                    set.retain(|number| !(first..=last).contains(number));
                } else {
                    ranges.insert(first, last);
                    set.extend(first..=last);
                }
                assert_eq!(plain(&ranges), set.iter().copied().collect::<Vec<_>>());
                assert!(ranges.0.windows(2).all(|pair| matches!(pair, [(_, end), (begin, _)] if end + 1 < *begin)), "{ranges:?}");
                let within = set.range(first..=last + 3).count();
                assert_eq!(Some(ranges.first_missing(first)), (first..99).find(|number| !set.contains(number)));
                assert_eq!(ranges.count(first, last + 3), within as u64);
            }
        }
    }

    #[test]
    fn the_last_numbers_are_no_trouble() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX - 3, u64::MAX);
        ranges.insert(0, 0);
        ranges.remove(u64::MAX, u64::MAX);
        assert_eq!(ranges.0, [(0, 0), (u64::MAX - 3, u64::MAX - 1)]);
        let mut other = Ranges::default();
        other.insert(1, 4);
        assert_eq!((ranges.count_with(Some(&other), 0, 9), ranges.count_with(None, 0, 9)), (5, 1));
    }
}
