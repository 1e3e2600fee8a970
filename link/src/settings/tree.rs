//! A parsed file as serde sees it: each value knows its place, each error says where it arose.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One step down the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the top of the file to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Steps(pub(super) Vec<Step>);

impl Steps {
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of the two lies on the way to the other.
    pub(super) fn related(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

impl Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What serde did not like, and where.
#[derive(Debug)]
pub(super) struct Fault {
    steps: Option<Steps>,
    pub(super) what: What,
}

/// What serde did not like.
#[derive(Debug)]
pub(super) enum What {
    Unknown { key: String, known: &'static [&'static str] },
    Missing { key: &'static str },
    Wrong(String),
}

impl Fault {
    fn new(what: What) -> Self {
        Self { steps: None, what }
    }

    /// The innermost place stays.
    fn at(mut self, steps: &Steps) -> Self {
        self.steps.get_or_insert_with(|| steps.clone());
        self
    }

    pub(super) fn steps(&self) -> Steps {
        self.steps.clone().unwrap_or_default()
    }
}

impl What {
    /// The known key that was probably meant, or all of them if they are few.
    pub(super) fn hint(&self) -> Option<String> {
        let Self::Unknown { key, known } = self else { return None };
        let close = |name: &&&str| strsim::normalized_damerau_levenshtein(&key.to_lowercase().replace('-', "_"), name);
        let best = known.iter().max_by(|a, b| close(a).total_cmp(&close(b)))?;
        if close(&best) >= 0.6 {
            return Some(format!("did you mean `{best}`?"));
        }
        (known.len() <= 12).then(|| format!("known here: {}", known.join(", ")))
    }
}

impl Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { .. } => f.write_str("there is no such key"),
            Self::Missing { .. } => f.write_str("this key is missing and has no default"),
            Self::Wrong(text) => f.write_str(text),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl std::error::Error for Fault {}

/// A kind of value without its content where the content may be a secret.
fn kind(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Str(_) => "text".to_owned(),
        Unexpected::Bytes(_) => "bytes".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        other => other.to_string(),
    }
}

impl de::Error for Fault {
    fn custom<T: Display>(text: T) -> Self {
        Self::new(What::Wrong(text.to_string()))
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Wrong(format!("{expected} is expected here, not {}", kind(&unexpected))))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Wrong(format!("{} does not fit: {expected} is expected here", kind(&unexpected))))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        // A word from a closed list is no secret, and a typing error is found by seeing it.
        Self::new(What::Wrong(format!("`{variant}` is not one of: {}", expected.join(", "))))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(What::Unknown { key: field.to_owned(), known: expected })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing { key: field })
    }
}

/// A value, the way to it, and what is hidden below it.
pub(super) struct Node<'a> {
    value: &'a Spanned<DeValue<'a>>,
    steps: Steps,
    hidden: &'a BTreeSet<Steps>,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Spanned<DeValue<'a>>, hidden: &'a BTreeSet<Steps>) -> Self {
        Self { value, steps: Steps::default(), hidden }
    }

    fn child(&self, value: &'a Spanned<DeValue<'a>>, step: Step) -> Option<Self> {
        let steps = self.steps.with(step);
        (!self.hidden.contains(&steps)).then_some(Self { value, steps, hidden: self.hidden })
    }

    fn entries(&self, table: &'a DeTable<'a>) -> Vec<(String, Self)> {
        let entry = |(key, value): (&'a Spanned<_>, _)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            Some((key.to_string(), self.child(value, Step::Key(key.to_string()))?))
        };
        table.iter().filter_map(entry).collect()
    }

    fn visit<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(Fault::new(What::Wrong(format!("the number {number} is too large")))),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(Fault::new(What::Wrong(format!("the number {number} cannot be read")))),
            },
            DeValue::Boolean(value) => visitor.visit_bool(*value),
            DeValue::Datetime(time) => visitor.visit_string(time.to_string()),
            DeValue::Array(list) => {
                let nodes = list.iter().enumerate().filter_map(|(index, value)| self.child(value, Step::Index(index)));
                visitor.visit_seq(SeqDeserializer::new(nodes))
            }
            DeValue::Table(table) => visitor.visit_map(MapDeserializer::new(self.entries(table).into_iter())),
        }
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor).map_err(|fault| fault.at(&self.steps))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let steps = self.steps.clone();
        visitor.visit_some(self).map_err(|fault| fault.at(&steps))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let steps = self.steps.clone();
        visitor.visit_newtype_struct(self).map_err(|fault| fault.at(&steps))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let DeValue::Table(table) = self.value.get_ref() {
            let unknown = self.entries(table).into_iter().find(|(key, _)| !fields.contains(&key.as_str()));
            if let Some((key, _)) = unknown {
                return Err(Fault::new(What::Unknown { key, known: fields }).at(&self.steps));
            }
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_enum(StrDeserializer::<Fault>::new(text)),
            DeValue::Table(table) => visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(self.entries(table).into_iter()))),
            _ => self.visit(visitor),
        };
        result.map_err(|fault| fault.at(&self.steps))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Fault> for Node<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
