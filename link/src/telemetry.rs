//! What a program tells about itself while it runs: events on standard error, for people or for machines.

use std::io::{IsTerminal as _, stderr};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// What is told if nothing else was asked for: our own doings, and of libraries only trouble.
pub const DEFAULT: &str =
    "info,quinn=warn,quinn_proto=warn,quinn_udp=error,rustls=error,hyper=warn,h2=warn,tract=warn,retina=warn,h264_reader=warn";

/// Libraries that say something for every few bytes of a stranger's, so that anybody could fill the log: they are never told.
const UNTOLD: [&str; 2] = ["web_transport_quinn", "web_transport_proto"];

/// For whom the events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One line for people, in colour on a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--log` or `RUST_LOG` is no filter.
    #[error("`{filter}` is not a log filter: {cause}. Write for example info, or warn,relay_server=debug")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Somebody set it up before.
    #[error("logging is already set up: {0}")]
    Twice(#[from] TryInitError),
}

/// Sets it up for the whole process: what to tell is `filter` (from `--log`), or else the variable `RUST_LOG`, or else [`DEFAULT`].
///
/// # Errors
/// A filter that cannot be read; a second call.
pub fn init(filter: Option<&str>, format: Format) -> Result<(), Error> {
    let variable = std::env::var("RUST_LOG").ok();
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Ok(subscriber(filter.or(variable.as_deref()), format, colour, stderr)?.try_init()?)
}

/// The same for a writer of the caller's, without setting it up.
///
/// # Errors
/// A filter that cannot be read.
pub fn subscriber<W>(filter: Option<&str>, format: Format, colour: bool, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, Error>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = filter.filter(|text| !text.trim().is_empty()).unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(filter).map_err(|error| Error::Filter { filter: filter.to_owned(), cause: error.to_string() })?;
    let filter = UNTOLD.iter().filter_map(|name| format!("{name}=off").parse().ok()).fold(filter, EnvFilter::add_directive);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        Format::Human => Box::new(builder.with_ansi(colour).finish()),
        Format::Json => Box::new(builder.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told(filter: Option<&str>, format: Format, colour: bool) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber(filter, format, colour, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(camera = "front-door", "streaming");
            tracing::info!(target: "quinn", "chatter");
            tracing::warn!(target: "web_transport_proto::capsule", "a stranger's bytes");
            tracing::debug!("detail");
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn people_and_machines_are_told_what_they_asked_for() {
        let human = told(None, Format::Human, false);
        assert!(human.contains("streaming camera=\"front-door\"") && human.lines().count() == 1, "{human}");
        assert!(!human.contains('\u{1b}'));
        assert!(told(None, Format::Human, true).contains('\u{1b}'));
        assert_eq!(told(Some("debug"), Format::Human, false).lines().count(), 3);
        assert_eq!(told(Some(" "), Format::Human, false).lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&told(None, Format::Json, false)).unwrap();
        assert_eq!((json["message"].as_str(), json["camera"].as_str()), (Some("streaming"), Some("front-door")));
    }

    #[test]
    fn what_a_stranger_could_fill_the_log_with_is_never_told() {
        for filter in [None, Some("trace"), Some("info")] {
            let told = told(filter, Format::Human, false);
            assert!(told.contains("streaming") && !told.contains("stranger"), "{told}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_said() {
        let error = subscriber(Some("info,=="), Format::Human, false, io::sink).err().unwrap();
        assert!(error.to_string().starts_with("`info,==` is not a log filter"), "{error}");
    }
}
