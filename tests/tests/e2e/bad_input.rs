//! What people and machines get wrong: one clear sentence, the right exit code, and never a picture less masked.

mod agent;
mod disk;
mod relay;
mod viewer;
