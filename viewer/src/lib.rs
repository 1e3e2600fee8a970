//! Celosia.
