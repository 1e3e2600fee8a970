#![allow(clippy::unwrap_used)]

use super::*;

/// Bytes of each picture that came through, with its time in milliseconds.
fn through(rate: u32, pictures: impl Iterator<Item = (u64, usize, bool)>) -> Vec<(u64, usize)> {
    let begun = Instant::now();
    let mut budget = Budget::new(Rate::Bitrate(rate));
    let mut out = Vec::new();
    for (at, bytes, key) in pictures {
        if budget.allows(begun + Duration::from_millis(at), key) {
            budget.take(bytes, key);
            out.push((at, bytes));
        }
    }
    out
}

/// The most bytes within any two seconds.
fn worst(through: &[(u64, usize)]) -> usize {
    let within = |from: u64| through.iter().filter(|(at, _)| (from..from + 2000).contains(at)).map(|(_, bytes)| bytes).sum();
    through.iter().map(|(at, _)| within(*at)).max().unwrap_or(0)
}

#[test]
fn what_keeps_to_the_rate_passes_whole() {
    // 3 Mbit/s at 25 pictures a second: a key frame of 120 kB every 50 pictures, the others the rest.
    let stream = (0..500).map(|n| (n * 40, if n % 50 == 0 { 120_000 } else { 12_500 }, n % 50 == 0));
    assert_eq!(through(3_000_000, stream).len(), 500);
}

#[test]
fn what_exceeds_the_rate_is_dropped_evenly() {
    // Three times too much.
    let stream = (0..500).map(|n| (n * 40, 45_000, n % 50 == 0));
    let through = through(3_000_000, stream);
    assert!((170..220).contains(&through.len()), "{}", through.len());
    assert!(worst(&through) <= 1_125_000, "{}", worst(&through));
    let longest = through.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap();
    assert!(longest <= 200, "never a pause of {longest} ms");
}

#[test]
fn surprises_stay_within_one_and_a_half_times_the_rate() {
    // Calm, then a cut every half second that takes ten times as much as what is expected.
    let stream = (0..500).map(|n| (n * 40, if n > 100 && n % 12 == 0 { 130_000 } else { 12_000 }, n % 50 == 0));
    let through = through(3_000_000, stream);
    assert!(worst(&through) <= 1_125_000, "{}", worst(&through));
}

#[test]
fn a_picture_larger_than_the_bucket_waits_and_passes() {
    let stream = (0..300).map(|n| (n * 40, if n % 50 == 0 { 250_000 } else { 8_000 }, n % 50 == 0));
    let through = through(3_000_000, stream);
    let keys: Vec<u64> = through.iter().filter(|(_, bytes)| *bytes == 250_000).map(|(at, _)| *at).collect();
    assert!(keys.len() >= 5, "{keys:?}");
    assert!(worst(&through) <= 1_125_000, "{}", worst(&through));
}

#[test]
fn a_fixed_quantiser_has_no_budget() {
    let mut budget = Budget::new(Rate::Quantiser(28));
    let now = Instant::now();
    budget.take(usize::MAX / 2, true);
    assert!(budget.allows(now, false));
}

#[test]
fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
    let now = Instant::now();
    let mut budget = Budget::new(Rate::Bitrate(1_000_000));
    assert!(budget.allows(now, true));
    budget.take(1_000_000, true);
    assert!(!budget.allows(now, false) && !budget.allows(now - Duration::from_secs(1), false));
    assert!(budget.allows(now + Duration::from_secs(60), false));
}

#[test]
fn what_is_coarser_gets_more() {
    let part = |weight: Weight| weight.part(100, 3600);
    let start = Weight::START;
    assert!(part(start.after(Some(34.0), Some(28.0))) > part(start) && part(start) > part(start.after(Some(22.0), Some(28.0))));
    assert_eq!(part(start.after(None, Some(28.0))), part(start));
    assert!((start.part(3600, 3600) - 1.0).abs() < 1e-9 && start.part(0, 0).abs() < 1e-9);
}

#[test]
fn the_tempo_is_that_of_the_capture_clock() {
    let begun = Instant::now();
    let mut tempo = Tempo::new();
    for n in 0..100 {
        tempo.tick(begun + Duration::from_millis(100) * n);
    }
    assert_eq!(tempo.pictures(), 10.0);
    // Two at one instant do not make it infinite.
    for _ in 0..100 {
        tempo.tick(begun + Duration::from_secs(20));
    }
    assert!(tempo.pictures() <= 60.0);
}
