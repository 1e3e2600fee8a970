//! On which machine it was measured: figures of two machines say little about each other.

use std::fs;
use std::thread::available_parallelism;

use serde::Serialize;

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Cores that this program may use.
    pub cores: usize,
    /// The processor's name, as the system gives it.
    pub processor: String,
    /// The processor's nominal clock, where the system gives it, in MHz.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mhz: String,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = processor.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let mhz = field("cpu MHz").split('.').next().unwrap_or_default().to_owned();
        Self { cores: available_parallelism().map_or(1, usize::from), processor: field("model name"), mhz, kernel }
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let mhz = if self.mhz.is_empty() { String::new() } else { format!(" at {} MHz", self.mhz) };
        format!("{} cores, {}{mhz}, Linux {}", self.cores, self.processor, self.kernel)
    }
}
