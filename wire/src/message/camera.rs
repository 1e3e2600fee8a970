//! Who a camera is, for those who can read certificates.

use ::bytes::Bytes;

use crate::bytes::{Malformed, Reader, put_long, put_short};
use crate::id::Name;

const MAX_CERTIFICATE: usize = 4096;
const MAX_CERTIFICATES: usize = 4;
const MAX_CRL: usize = 1 << 20;
const MAX_CRLS: usize = 2;

/// Who a camera is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Which subscription.
    pub subscription: u32,
    /// Its name at this relay.
    pub name: Name,
    /// DER (RFC 5280), the camera's own first, the root last.
    pub chain: Vec<Bytes>,
    /// DER: of the root, and of the issuing CA.
    pub crls: Vec<Bytes>,
}

impl Camera {
    /// Everything behind the subscription's number.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_short(out, self.name.as_str().as_bytes());
        put_list(out, &self.chain);
        put_list(out, &self.crls);
    }

    pub(super) fn read(subscription: u32, reader: &mut Reader) -> Result<Self, Malformed> {
        Ok(Self {
            subscription,
            name: super::read_name(reader)?,
            chain: read_list(reader, "certificate", MAX_CERTIFICATES, MAX_CERTIFICATE)?,
            crls: read_list(reader, "revocation list", MAX_CRLS, MAX_CRL)?,
        })
    }
}

/// Appends a list behind its u8 count. A longer one is cut at 255, above every cap, so that the other side refuses it by its name.
fn put_list(out: &mut Vec<u8>, items: &[Bytes]) {
    let count = u8::try_from(items.len()).unwrap_or(u8::MAX);
    out.push(count);
    for item in items.iter().take(count.into()) {
        put_long(out, item);
    }
}

fn read_list(reader: &mut Reader, field: &'static str, most: usize, cap: usize) -> Result<Vec<Bytes>, Malformed> {
    let count = reader.count(field, most)?;
    (0..count).map(|_| reader.long(field, cap)).collect()
}
