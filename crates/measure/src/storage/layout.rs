//! JSON laid out for people: the outer levels over lines, what lies deeper on one line each.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::error::{Error, Result};

/// `value` as JSON. Objects and lists down to `spread_depth` have a line per entry, the outermost
/// one being the first; deeper ones stand on one line.
pub(crate) fn to_json(value: &impl Serialize, spread_depth: u32) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let layout = Layout {
        depth: 0,
        spread_depth,
        spread: PrettyFormatter::new(),
    };
    let mut serializer = Serializer::with_formatter(&mut text, layout);
    value
        .serialize(&mut serializer)
        .map_err(|source| Error::Encode { source })?;
    text.push(b'\n');
    Ok(text)
}

/// Spreads the outer levels over lines and keeps the inner ones together.
struct Layout {
    depth: u32,
    spread_depth: u32,
    spread: PrettyFormatter<'static>,
}

impl Layout {
    fn is_spread(&self) -> bool {
        self.depth <= self.spread_depth
    }
}

/// Passes a call on to the formatter of the current depth.
macro_rules! by_depth {
    ($layout:ident, $method:ident($($argument:expr),*)) => {
        if $layout.is_spread() {
            $layout.spread.$method($($argument),*)
        } else {
            CompactFormatter.$method($($argument),*)
        }
    };
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        by_depth!(self, begin_array(writer))
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let ended = by_depth!(self, end_array(writer));
        self.depth -= 1;
        ended
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        by_depth!(self, begin_array_value(writer, first))
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, end_array_value(writer))
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        by_depth!(self, begin_object(writer))
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let ended = by_depth!(self, end_object(writer));
        self.depth -= 1;
        ended
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        by_depth!(self, begin_object_key(writer, first))
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, begin_object_value(writer))
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        by_depth!(self, end_object_value(writer))
    }
}
