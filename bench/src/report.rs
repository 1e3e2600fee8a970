//! All figures of one run, for people, for the README and for programs.

use serde::Serialize;

use crate::figure::Figure;
use crate::machine::Machine;

/// The figures of one section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The section's name on the command line.
    pub section: &'static str,
    /// What it measures, in a few words.
    pub title: &'static str,
    /// What it measured.
    pub figures: Vec<Figure>,
    /// How long measuring took, in seconds.
    pub seconds: f64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// The command that repeats it.
    pub command: String,
    /// The sections that ran, in order.
    pub parts: Vec<Part>,
}

impl Report {
    /// A table for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let rows = self.rows();
        let widest = |column: usize| rows.iter().map(|(_, row)| row.get(column).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0);
        let (name, value, aim) = (widest(0), widest(1), widest(2));
        let mut out = format!("{}\n{}\n", self.machine.line(), self.command);
        let mut section = "";
        for (part, [what, measured, expected, verdict, note]) in &rows {
            if section != part.section {
                section = part.section;
                out += &format!("\n{} ({:.0} s)\n", part.title, part.seconds);
            }
            let gap = " ".repeat(name - what.chars().count());
            let line = format!("  {what}{gap}  {measured:>value$}  {expected:<aim$}  {verdict:<8}{note}");
            out += line.trim_end();
            out += "\n";
        }
        out
    }

    /// A table for the README.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("{}; `{}`\n\n| what | figure | aim | |\n|---|---|---|---|\n", self.machine.line(), self.command);
        let mut section = "";
        for (part, [what, measured, aim, verdict, note]) in self.rows() {
            if section != part.section {
                section = part.section;
                out += &format!("| **{}** | | | |\n", part.title);
            }
            let remark = [verdict, note].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
            out += &format!("| {what} | {measured} | {aim} | {remark} |\n");
        }
        out
    }

    /// One JSON object.
    ///
    /// # Errors
    /// Never, with figures that are numbers.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Name, value, aim, whether it is reached, and note of every figure.
    fn rows(&self) -> Vec<(&Part, [String; 5])> {
        let row = |figure: &Figure| {
            let verdict = match figure.reached {
                Some(true) => "reached",
                Some(false) => "missed",
                None => "",
            };
            [figure.name.clone(), figure.value_text(), figure.aim_text(), verdict.to_owned(), figure.note.clone()]
        };
        self.parts.iter().flat_map(|part| part.figures.iter().map(move |figure| (part, row(figure)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Aim;

    fn report() -> Report {
        let machine = Machine { cores: 2, processor: "a processor".to_owned(), mhz: String::new(), kernel: "6.1".to_owned() };
        let figures = vec![
            Figure::new("größe", 5.0, "kB").aim(Aim::AtMost(4.0)).note("of one"),
            Figure::new("speed", 16_000.0, "frames/s").aim(Aim::AtLeast(15_000.0)),
            Figure::new("encode", 2.61, "ms"),
        ];
        let part = Part { section: "some", title: "Some things", figures, seconds: 1.2 };
        Report { machine, command: "bench".to_owned(), parts: vec![part] }
    }

    #[test]
    fn tables_say_what_was_missed() {
        let text = "\
2 cores, a processor, Linux 6.1
bench

Some things (1 s)
  größe             5 kB  ≤ 4 kB             missed  of one
  speed   16,000 frames/s  ≥ 15,000 frames/s  reached
  encode          2.61 ms
";
        let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeeze(&report().text()), squeeze(text));
        let markdown = report().markdown();
        assert!(markdown.contains("| größe | 5 kB | ≤ 4 kB | missed; of one |\n"), "{markdown}");
        assert!(markdown.contains("| encode | 2.61 ms |  |  |\n"), "{markdown}");
    }

    #[test]
    fn json_has_every_figure() {
        let json = report().json().unwrap_or_default();
        for part in [r#""reached": false"#, r#""at_most": 4.0"#, r#""section": "some""#, r#""cores": 2"#] {
            assert!(json.contains(part), "{json}");
        }
        assert_eq!(json.matches(r#""aim""#).count(), 2, "none is none");
    }
}
