//! How fast sealing and opening are on this machine, one core: `cargo run -p seal --example throughput`.
//! The yardstick in the same run is AES-256-CTR alone over the same bytes, in place.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use aes::Aes256Enc;
use ctr::cipher::{KeyIvInit, StreamCipher};
use seal::grant::{self, Scope};
use seal::identity::Identity;
use seal::keys::ContentKey;
use seal::layer::{Draft, GroupOpener, GroupSealer};
use seal::nonce::Nonces;
use wire::id::{CameraId, SessionId};
use wire::label::Label;

const ROUNDS: usize = 9;

/// Median time of one call, each round long enough to measure.
fn median(calls: usize, mut call: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed() / u32::try_from(calls).unwrap()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn main() {
    let secret = ContentKey::random().unwrap().group(0);
    println!("{:>9}  {:>15}  {:>15}  {:>15}  {:>22}", "bytes", "AES-CTR alone", "seal", "open", "copy and seal");
    for size in [1_000, 12_000, 40_000, 156_000, 1_000_000] {
        let calls = 40_000_000 / size;
        let picture = vec![0x5a; size];
        let mut in_place = picture.clone();
        let alone = median(calls, || {
            let mut stream = ctr::Ctr32BE::<Aes256Enc>::new(&[1; 32].into(), &[2; 16].into());
            stream.apply_keystream(&mut in_place);
        });

        // The drafts are what a codec has written: they are made outside the clock.
        let mut nonces = Nonces::new();
        let mut sealer = GroupSealer::new(&secret);
        let mut sequence = 0;
        let mut nonce = || {
            sequence += 1;
            nonces.frame(sequence).unwrap().layer(1).unwrap()
        };
        let mut rounds: Vec<Duration> = (0..ROUNDS)
            .map(|_| {
                let drafts: Vec<Draft> = (0..calls.min(400)).map(|_| Draft::from(&*picture)).collect();
                let count = u32::try_from(drafts.len()).unwrap();
                let start = Instant::now();
                let sealed: Vec<_> = drafts.into_iter().map(|draft| sealer.seal(nonce(), draft).unwrap()).collect();
                let time = start.elapsed() / count;
                drop(sealed);
                time
            })
            .collect();
        rounds.sort_unstable();
        let copied = median(calls, || drop(sealer.seal(nonce(), Draft::from(&*picture)).unwrap()));

        let mut first = GroupSealer::new(&secret);
        let layer = first.seal(Nonces::new().frame(0).unwrap().layer(1).unwrap(), Draft::from(&*picture)).unwrap();
        let opener = GroupOpener::start(&secret, 0, 1, &layer).unwrap();
        let mut out = Vec::new();
        let opened = median(calls, || opener.open(0, 1, &layer, &mut out).unwrap());

        let rate = |time: Duration| format!("{:.2} GB/s", size as f64 / time.as_secs_f64() / 1e9);
        println!("{size:>9}  {:>15}  {:>15}  {:>15}  {:>22}", rate(alone), rate(rounds[ROUNDS / 2]), rate(opened), rate(copied));
    }

    let key = ContentKey::random().unwrap();
    let group = median(5_000, || drop(GroupSealer::new(&key.group(1))));
    println!("a new group:  {:.1} µs", group.as_secs_f64() * 1e6);
    let viewer = Identity::generate().unwrap();
    let scope = Scope {
        camera: CameraId([1; 32]),
        session: SessionId { number: 1, nonce: [1; 16] },
        epoch: 0,
        label: Label::FACE,
        name: "face".parse().unwrap(),
    };
    let grant = grant::wrap(&key, &scope, &viewer.public()).unwrap();
    let wrap = median(200, || drop(grant::wrap(&key, &scope, &viewer.public()).unwrap()));
    let open = median(200, || drop(grant::open(&viewer, &grant, &scope).unwrap()));
    println!("wrap a grant: {:.0} µs, open it: {:.0} µs", wrap.as_secs_f64() * 1e6, open.as_secs_f64() * 1e6);
    let password = seal::password::Password::new("plough candle orbit thistle".to_owned()).unwrap();
    let start = Instant::now();
    drop(password.stretch(&seal::password::Salt([0; 32])));
    println!("a password:   {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}
