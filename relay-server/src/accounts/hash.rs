//! What is kept of a sign-in secret: scrypt of it, which costs 128 MiB and a third of a second for the relay and for whoever guesses.
//!
//! All of it is done by a few threads of the lowest priority, so that a flood of sign-ins neither takes memory nor time from streaming. Whoever finds
//! their queue full is told to come again.

use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use link::api::account::{Base64, Secret};
use scrypt::Params;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// N = 2^17; r = 8 and p = 1 beside it.
const LOG_N: u8 = 17;
/// N = 2^4: for tests.
const INSECURE_LOG_N: u8 = 4;
const R: u32 = 8;
const P: u32 = 1;

/// Requests that wait: at a third of a second each, the last one waits about five seconds.
const QUEUE: usize = 16;

/// Threads at most: 4 × 128 MiB.
const MOST_THREADS: usize = 4;

/// What is kept. Nothing cheaper than scrypt finds the secret from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Logarithm of scrypt's N.
    log_n: u8,
    salt: Base64<16>,
    hash: Base64<32>,
}

/// There is no turn to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Too many at one time.
    #[error("too many people sign in at this moment: try again in a few seconds")]
    Busy,
    /// The relay's own fault.
    #[error("the relay could not compute it: it has no memory, or no random numbers")]
    Failed,
}

/// Does the work, in turn.
#[derive(Clone)]
pub struct Hasher {
    queue: SyncSender<Job>,
    log_n: u8,
}

struct Job {
    secret: Secret,
    log_n: u8,
    salt: [u8; 16],
    answer: oneshot::Sender<Option<Zeroizing<[u8; 32]>>>,
}

impl Hasher {
    /// Starts the threads, which end with the last clone. `dev_insecure_cheap` makes guessing cheap, for tests.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(dev_insecure_cheap: bool) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = thread::available_parallelism().map_or(1, NonZero::get) / 2;
        for _ in 0..threads.clamp(1, MOST_THREADS) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name("sign-in".to_owned()).spawn(move || work(&jobs))?;
        }
        Ok(Self { queue, log_n: if dev_insecure_cheap { INSECURE_LOG_N } else { LOG_N } })
    }

    /// What is to be kept of a new secret.
    ///
    /// # Errors
    /// When there is no turn.
    pub async fn keep(&self, secret: &Secret) -> Result<Kept, Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| Error::Failed)?;
        let hash = self.compute(secret, self.log_n, salt).await?;
        Ok(Kept { log_n: self.log_n, salt: Base64(salt), hash: Base64(*hash) })
    }

    /// Whether this is the secret. Where there is none to compare with, it takes as long, and it is not.
    ///
    /// # Errors
    /// When there is no turn.
    pub async fn is(&self, secret: &Secret, kept: Option<&Kept>) -> Result<bool, Error> {
        let (log_n, salt) = kept.map_or((self.log_n, [0; 16]), |kept| (kept.log_n, kept.salt.0));
        let hash = self.compute(secret, log_n, salt).await?;
        Ok(kept.is_some_and(|kept| bool::from(hash.ct_eq(&kept.hash.0))))
    }

    async fn compute(&self, secret: &Secret, log_n: u8, salt: [u8; 16]) -> Result<Zeroizing<[u8; 32]>, Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job { secret: secret.clone(), log_n, salt, answer }).map_err(|_| Error::Busy)?;
        answered.await.ok().flatten().ok_or(Error::Failed)
    }
}

/// Takes one job after the other until there can be no more.
fn work(jobs: &Mutex<Receiver<Job>>) {
    // Streaming goes first. Where that cannot be said, the few threads remain a bound.
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!(%error, "sign-ins have the same priority as streaming");
    }
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Nobody waits for it any more.
        if job.answer.is_closed() {
            continue;
        }
        let mut hash = Zeroizing::new([0; 32]);
        let params = Params::new(job.log_n.min(LOG_N), R, P);
        let done = params.is_ok_and(|params| scrypt::scrypt(job.secret.expose(), &job.salt, &params, hash.as_mut_slice()).is_ok());
        let _ = job.answer.send(done.then_some(hash));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_the_secret_itself_is_recognised() {
        let hasher = Hasher::start(true).unwrap();
        let (right, wrong) = (Secret::new(&[1; 32]), Secret::new(&[2; 32]));
        let kept = hasher.keep(&right).await.unwrap();
        assert!(hasher.is(&right, Some(&kept)).await.unwrap());
        assert!(!hasher.is(&wrong, Some(&kept)).await.unwrap());
        assert!(!hasher.is(&right, None).await.unwrap());
        assert_ne!(hasher.keep(&right).await.unwrap(), kept, "every secret has a salt of its own");
        // What is kept is read back as it was.
        assert_eq!(serde_json::from_slice::<Kept>(&serde_json::to_vec(&kept).unwrap()).unwrap(), kept);
    }

    #[tokio::test]
    async fn the_cost_is_that_of_the_format_unless_a_test_asks_otherwise() {
        let (real, cheap) = (Hasher::start(false).unwrap(), Hasher::start(true).unwrap());
        assert_eq!((real.log_n, cheap.log_n), (17, 4));
        let kept = real.keep(&Secret::new(&[1; 32])).await.unwrap();
        assert!(real.is(&Secret::new(&[1; 32]), Some(&kept)).await.unwrap() && kept.log_n == 17);
    }

    #[tokio::test]
    async fn attack_flood_with_sign_ins() {
        let hasher = Hasher::start(false).unwrap();
        let secret = Secret::new(&[1; 32]);
        let all = (0..200).map(|_| hasher.is(&secret, None));
        let answers = futures_util::future::join_all(all).await;
        let busy = answers.iter().filter(|answer| **answer == Err(Error::Busy)).count();
        assert!(busy >= 200 - QUEUE - MOST_THREADS, "{busy} of 200 were told to come again");
        assert!(answers.contains(&Ok(false)), "control: others had their turn");
    }
}
