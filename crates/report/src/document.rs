//! A report without its layout: what is said, in which order, with which tone.
//!
//! Plain data between `sections`, which knows records, and the renderers, which know layouts.

use crate::headline::Counts;

const ABSENT: &str = "–";

/// A whole report.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Document {
    pub(crate) title: Text,
    /// The answer in a sentence or two; the first of what follows the title.
    pub(crate) summary: Text,
    /// Whether the answer may be believed, in a few words each.
    pub(crate) standing: Vec<Standing>,
    pub(crate) blocks: Vec<Block>,
}

/// How one of the conditions of an answer stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) text: Text,
    /// Heading of the section that says more.
    pub(crate) section: &'static str,
}

impl Standing {
    /// All of them in a line.
    pub(crate) fn line(all: &[Self]) -> Text {
        Text::join(all.iter().map(|standing| standing.text.clone()), " · ")
    }
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// Starts a section.
    Heading(&'static str),
    /// How many scenarios have which verdict.
    Counts(Counts),
    /// Running text.
    Paragraph(Text),
    /// Unordered items.
    List(Vec<Text>),
    /// Labels and values.
    Facts(Vec<(&'static str, Text)>),
    /// Columns and rows.
    Table(Table),
}

/// A table that a narrow renderer may reduce.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
}

/// A column of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) header: &'static str,
    pub(crate) align: Align,
    pub(crate) need: Need,
}

impl Column {
    /// A column of words that no layout may leave out.
    pub(crate) const fn words(header: &'static str) -> Self {
        Self {
            header,
            align: Align::Left,
            need: Need::Always,
        }
    }

    /// A column of numbers that no layout may leave out.
    pub(crate) const fn numbers(header: &'static str) -> Self {
        Self {
            header,
            align: Align::Right,
            need: Need::Always,
        }
    }

    /// The same column, left out where there is no room; the lowest rank goes first.
    pub(crate) const fn droppable(self, rank: u8) -> Self {
        Self {
            need: Need::IfRoom { rank },
            ..self
        }
    }
}

/// Side to which cells are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Whether a column may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Always,
    IfRoom { rank: u8 },
}

/// A row of a [`Table`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    /// A title over the rows that follow.
    Group(Text),
    /// One cell per column.
    Cells(Vec<Text>),
}

/// Running text in spans.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Text(Vec<Span>);

/// Text of one tone and form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    pub(crate) form: Form,
}

/// What a span means for the reader; a renderer may give it a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Good,
    Bad,
    Open,
    Faint,
}

/// Whether a span is language or must be read letter by letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Prose,
    /// Names, flags, hashes, paths.
    Literal,
}

/// Whether `c` turns the direction of the text around it, so that a name could rearrange its row.
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Text {
    /// The spans in order.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Prose of a tone.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self(vec![Span {
            text: text.into(),
            tone,
            form: Form::Prose,
        }])
    }

    /// Something to be read letter by letter.
    pub(crate) fn literal(text: impl Into<String>) -> Self {
        Self(vec![Span {
            text: text.into(),
            tone: Tone::Plain,
            form: Form::Literal,
        }])
    }

    /// What stands where a figure is absent.
    pub(crate) fn not_measured() -> Self {
        Self::toned("not measured", Tone::Faint)
    }

    /// What stands in a column of figures where one is absent; the text around says what it means.
    pub(crate) fn absent() -> Self {
        Self::toned(ABSENT, Tone::Faint)
    }

    /// Whether this is [`Text::absent`] or empty.
    pub(crate) fn is_absent(&self) -> bool {
        self.0
            .iter()
            .all(|span| span.text.is_empty() || span.text == ABSENT)
    }

    /// The figure, or [`Text::absent`].
    pub(crate) fn figure(figure: Option<String>) -> Self {
        figure.map_or_else(Self::absent, Self::from)
    }

    /// The fact, or "not measured".
    pub(crate) fn fact(fact: Option<String>) -> Self {
        fact.map_or_else(Self::not_measured, Self::from)
    }

    /// This text, then `next`.
    pub(crate) fn then(mut self, next: impl Into<Self>) -> Self {
        self.0.extend(next.into().0);
        self
    }

    /// `texts` with `separator` between them.
    pub(crate) fn join(texts: impl IntoIterator<Item = Self>, separator: &str) -> Self {
        let mut joined = Self::default();
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                joined = joined.then(separator);
            }
            joined = joined.then(text);
        }
        joined
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::toned(text, Tone::Plain)
    }
}
