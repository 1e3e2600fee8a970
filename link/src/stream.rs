//! Messages on a stream: a length (u32, big-endian), then that many bytes. What they mean is the crate `wire`'s.
//!
//! ```text
//! ┌──────────────┬──────────────────────────┐
//! │ length u32   │ message (length bytes)   │  … and the next, until the stream ends
//! └──────────────┴──────────────────────────┘
//! ```
//!
//! Neither reading nor writing may be dropped halfway and begun again: what follows would be read as a length. Close the stream then.

use std::io;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

/// How many bytes the length takes.
pub const LENGTH: usize = 4;

/// Why no message could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer announces more than is allowed here; nothing was allocated.
    #[error("the peer announces a message of {length} bytes, and {cap} are allowed here")]
    TooLong {
        /// What was announced, in bytes.
        length: usize,
        /// What is allowed, in bytes.
        cap: usize,
    },
    /// The stream ended inside a message.
    #[error("the peer ended the stream in the middle of a message")]
    CutOff,
    /// The whole message did not come in time.
    #[error("the peer sent no whole message within {0:?}")]
    Late(Duration),
    /// The stream was reset or its connection lost.
    #[error("the stream broke: {0}")]
    Broken(#[from] io::Error),
}

/// Why a message could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No length of four bytes can say it.
    #[error("a message of {0} bytes is too long to be sent")]
    TooLong(usize),
    /// The peer did not take it in time.
    #[error("the peer did not take the message within {0:?}")]
    Late(Duration),
    /// The stream was stopped by the peer, was closed, or its connection lost.
    #[error("the stream broke: {0}")]
    Broken(#[from] quinn::WriteError),
}

/// The next message of at most `cap` bytes, or `None` at a clean end between two messages.
///
/// # Errors
/// A length above the cap (before anything is allocated), an end inside a message, a broken stream.
pub async fn read<R: AsyncRead + Unpin>(stream: &mut R, cap: usize) -> Result<Option<Bytes>, ReadError> {
    let Some(length) = read_length(stream).await? else { return Ok(None) };
    if length > cap {
        return Err(ReadError::TooLong { length, cap });
    }
    let mut message = BytesMut::with_capacity(length);
    while message.len() < length {
        let rest = length - message.len();
        if stream.read_buf(&mut (&mut message).limit(rest)).await? == 0 {
            return Err(ReadError::CutOff);
        }
    }
    Ok(Some(message.freeze()))
}

/// [`read`], with a deadline for the whole message.
///
/// # Errors
/// As [`read`], and [`ReadError::Late`].
pub async fn read_within<R: AsyncRead + Unpin>(stream: &mut R, cap: usize, within: Duration) -> Result<Option<Bytes>, ReadError> {
    timeout(within, read(stream, cap)).await.unwrap_or(Err(ReadError::Late(within)))
}

async fn read_length<R: AsyncRead + Unpin>(stream: &mut R) -> Result<Option<usize>, ReadError> {
    let mut length = BytesMut::with_capacity(LENGTH);
    while length.len() < LENGTH {
        let rest = LENGTH - length.len();
        if stream.read_buf(&mut (&mut length).limit(rest)).await? == 0 {
            return if length.is_empty() { Ok(None) } else { Err(ReadError::CutOff) };
        }
    }
    let length = length.as_ref().try_into().map(u32::from_be_bytes).unwrap_or(u32::MAX);
    Ok(Some(usize::try_from(length).unwrap_or(usize::MAX)))
}

/// The length and the head of a message in one small piece, to go before its body.
///
/// # Errors
/// Head and body together are too long for a length of four bytes.
pub fn prefix(head: &[u8], body: &Bytes) -> Result<Bytes, WriteError> {
    let total = head.len().saturating_add(body.len());
    let length = u32::try_from(total).map_err(|_| WriteError::TooLong(total))?;
    let mut prefix = BytesMut::with_capacity(LENGTH + head.len());
    prefix.put_u32(length);
    prefix.put_slice(head);
    Ok(prefix.freeze())
}

/// Writes one message, head then body. The body is shared with the stream, not copied: one frame goes to many viewers.
///
/// # Errors
/// A message that is too long, a broken stream.
pub async fn write(stream: &mut quinn::SendStream, head: &[u8], body: Bytes) -> Result<(), WriteError> {
    let prefix = prefix(head, &body)?;
    Ok(stream.write_all_chunks(&mut [prefix, body]).await?)
}

/// [`write()`], with a deadline for the whole message.
///
/// # Errors
/// As [`write()`], and [`WriteError::Late`].
pub async fn write_within(stream: &mut quinn::SendStream, head: &[u8], body: Bytes, within: Duration) -> Result<(), WriteError> {
    timeout(within, write(stream, head, body)).await.unwrap_or(Err(WriteError::Late(within)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let framed = |message: &&[u8]| prefix(message, &Bytes::new()).unwrap().to_vec();
        messages.iter().flat_map(framed).collect()
    }

    #[tokio::test]
    async fn messages_come_out_as_they_went_in() {
        let bytes = framed(&[b"one", b"", b"three"]);
        let mut stream = bytes.as_slice();
        assert_eq!(read(&mut stream, 5).await.unwrap().unwrap(), "one");
        assert_eq!(read(&mut stream, 5).await.unwrap().unwrap(), "");
        assert_eq!(read(&mut stream, 5).await.unwrap().unwrap(), "three");
        assert!(read(&mut stream, 5).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn messages_survive_every_split() {
        let bytes = framed(&[b"one", b"three"]);
        for split in 0..bytes.len() {
            let (mut near, mut far) = tokio::io::duplex(64);
            let (first, second) = bytes.split_at(split);
            near.write_all(first).await.unwrap();
            let reader = tokio::spawn(async move { (read(&mut far, 5).await, read(&mut far, 5).await) });
            tokio::task::yield_now().await;
            near.write_all(second).await.unwrap();
            drop(near);
            let (one, three) = reader.await.unwrap();
            assert_eq!((one.unwrap().unwrap(), three.unwrap().unwrap()), (Bytes::from("one"), Bytes::from("three")));
        }
    }

    #[tokio::test]
    async fn an_end_inside_a_message_is_no_clean_end() {
        let bytes = framed(&[b"three"]);
        for length in 1..bytes.len() {
            let mut stream = bytes.split_at(length).0;
            assert!(matches!(read(&mut stream, 5).await, Err(ReadError::CutOff)), "{length}");
        }
    }

    #[tokio::test]
    async fn what_is_too_long_is_refused_before_it_is_read() {
        let bytes = framed(&[b"three"]);
        let mut stream = bytes.as_slice();
        assert!(matches!(read(&mut stream, 4).await, Err(ReadError::TooLong { length: 5, cap: 4 })));
        assert_eq!(stream, b"three", "nothing behind the length was touched");
        let mut huge: &[u8] = &[0xff; 4];
        assert!(matches!(read(&mut huge, 1 << 20).await, Err(ReadError::TooLong { .. })));
    }

    #[tokio::test]
    async fn a_message_takes_one_exact_allocation() {
        let bytes = framed(&[&[7; 1000]]);
        let message = read(&mut bytes.as_slice(), 1000).await.unwrap().unwrap();
        let owned = message.try_into_mut().unwrap_or_else(|_| panic!("shared"));
        assert_eq!((owned.len(), owned.capacity()), (1000, 1000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_ends_at_the_deadline() {
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(framed(&[b"three"]).split_at(6).0).await.unwrap();
        let within = Duration::from_secs(5);
        assert!(matches!(read_within(&mut far, 5, within).await, Err(ReadError::Late(_))));
    }
}
