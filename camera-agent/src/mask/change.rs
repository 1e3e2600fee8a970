//! Masks that change while the agent runs.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Config, Fill};

/// Hands other masks to whoever plans them; clones share it. The last ones that were announced count.
#[derive(Debug, Clone, Default)]
pub struct Change(Arc<Mutex<Option<(Config, Fill)>>>);

impl Change {
    /// From the next picture on, these masks with this fill.
    pub fn announce(&self, config: Config, fill: Fill) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((config, fill));
    }

    /// What was announced since this was last called.
    pub(crate) fn take(&self) -> Option<(Config, Fill)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
