//! What callgrind says: instructions, branches and calls, by function and address.
//!
//! Takes the text of a callgrind file (made with `--dump-instr=yes --dump-line=no --branch-sim=yes
//! --demangle=no`); gives [`Counts`]. It must not guess: a file in another form is an error.

use std::collections::{BTreeMap, HashMap};

use super::symbols::{Code, Reach};
use crate::callgrind::{INSTRUCTIONS, Unreadable};

/// Bytes of a line of the instruction cache on every processor that we support.
const CODE_LINE_BYTES: u64 = 64;

/// The positions and events that [`Counts::parse`] reads, as callgrind names them.
const POSITIONS: &str = "instr";

/// Options that give the form that [`Counts::parse`] reads.
pub(super) const OPTIONS: [&str; 5] = [
    "--dump-instr=yes",
    "--dump-line=no",
    "--branch-sim=yes",
    "--cache-sim=no",
    "--demangle=no",
];

/// Events of some code. All are counts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Events {
    /// Instructions (`Ir`).
    pub(super) instructions: f64,
    /// Conditional branches that callgrind's predictor missed (`Bcm`).
    pub(super) missed_branches: f64,
    /// Indirect branches and calls (`Bi`).
    pub(super) indirect: f64,
    /// Indirect branches that went elsewhere than the last time (`Bim`).
    pub(super) missed_indirect: f64,
    /// Calls that the code makes.
    pub(super) calls: f64,
}

/// What one run executed.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Counts {
    /// Instructions of the whole process in user mode.
    pub(super) all_instructions: f64,
    /// Events in code that the compiler can instrument.
    pub(super) instrumentable: Events,
    /// Instructions by line of instrumentable code.
    pub(super) code_lines: HashMap<u64, f64>,
}

impl Counts {
    /// Reads a file. `executable` is the path of the binary as it was started.
    pub(super) fn parse(text: &str, executable: &str, reach: &Reach) -> Result<Self, Unreadable> {
        let mut reader = Reader::new(executable, reach);
        for (index, line) in text.lines().enumerate() {
            reader
                .line(line)
                .map_err(|what| Unreadable(format!("line {}: {what}: {line}", index + 1)))?;
        }
        if reader.events.is_empty() || reader.counts.all_instructions <= 0.0 {
            return Err(Unreadable("no instructions were counted".into()));
        }
        Ok(reader.counts)
    }

    /// Lines of code that together hold `share` of the instrumentable instructions, hottest first.
    pub(super) fn lines_for(&self, share: f64) -> Option<usize> {
        let mut counts: Vec<f64> = self.code_lines.values().copied().collect();
        counts.sort_by(|a, b| b.total_cmp(a));
        let wanted = share * counts.iter().sum::<f64>();
        let mut sum = 0.0;
        let position = counts.iter().position(|count| {
            sum += count;
            sum >= wanted
        });
        position.map(|index| index + 1)
    }

    /// Adds another run, each scaled to `weight` instrumentable instructions, so that a long run
    /// does not drown a short one.
    pub(super) fn add_normalised(&mut self, run: &Self, weight: f64) {
        let own = run.instrumentable.instructions;
        if own <= 0.0 {
            return;
        }
        let scale = weight / own;
        self.all_instructions += run.all_instructions * scale;
        let (sum, events) = (&mut self.instrumentable, &run.instrumentable);
        sum.instructions += events.instructions * scale;
        sum.missed_branches += events.missed_branches * scale;
        sum.indirect += events.indirect * scale;
        sum.missed_indirect += events.missed_indirect * scale;
        sum.calls += events.calls * scale;
        for (line, count) in &run.code_lines {
            *self.code_lines.entry(*line).or_default() += count * scale;
        }
    }
}

/// The columns of a cost line, by their place after the address.
#[derive(Debug, Default)]
struct Columns {
    instructions: usize,
    missed_branches: Option<usize>,
    indirect: Option<usize>,
    missed_indirect: Option<usize>,
}

#[derive(Debug)]
struct Reader<'a> {
    executable: &'a str,
    reach: &'a Reach,
    counts: Counts,
    events: Vec<String>,
    columns: Columns,
    objects: BTreeMap<String, String>,
    functions: BTreeMap<String, String>,
    object: String,
    function: String,
    counted: bool,
    address: u64,
    /// The next cost line is what a called function has cost.
    inclusive: bool,
}

impl<'a> Reader<'a> {
    fn new(executable: &'a str, reach: &'a Reach) -> Self {
        Self {
            executable,
            reach,
            counts: Counts::default(),
            events: Vec::new(),
            columns: Columns::default(),
            objects: BTreeMap::new(),
            functions: BTreeMap::new(),
            object: String::new(),
            function: String::new(),
            counted: false,
            address: 0,
            inclusive: false,
        }
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let line = line.trim_end();
        if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            return self.cost(line);
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            return if line.is_empty() || line.starts_with('#') {
                Ok(())
            } else {
                Err("not a line of callgrind's")
            };
        };
        match key {
            "positions" if value.trim() != POSITIONS => {
                return Err("positions that are not `instr`");
            }
            "events" => self.columns(value)?,
            "ob" => {
                self.object = named(&mut self.objects, value);
                self.decide();
            }
            // Names of called objects and functions are introduced there as well.
            "cob" => drop(named(&mut self.objects, value)),
            "fn" => {
                self.function = named(&mut self.functions, value);
                self.decide();
            }
            "cfn" => drop(named(&mut self.functions, value)),
            "calls" => self.calls(value)?,
            _ => {}
        }
        Ok(())
    }

    fn columns(&mut self, value: &str) -> Result<(), &'static str> {
        self.events = value.split_whitespace().map(str::to_owned).collect();
        let place = |name: &str| self.events.iter().position(|event| event == name);
        self.columns = Columns {
            instructions: place(INSTRUCTIONS).ok_or("no event `Ir`")?,
            missed_branches: place("Bcm"),
            indirect: place("Bi"),
            missed_indirect: place("Bim"),
        };
        Ok(())
    }

    /// Whether what follows is code of the binary that the compiler can instrument.
    fn decide(&mut self) {
        self.counted =
            self.object == self.executable && self.reach.code(&self.function) != Code::Foreign;
    }

    fn calls(&mut self, value: &str) -> Result<(), &'static str> {
        let count = value.split_whitespace().next();
        let count: f64 = count
            .and_then(|count| count.parse().ok())
            .ok_or("no number of calls")?;
        if self.counted {
            self.counts.instrumentable.calls += count;
        }
        self.inclusive = true;
        Ok(())
    }

    fn cost(&mut self, line: &str) -> Result<(), &'static str> {
        let mut fields = line.split_whitespace();
        let position = fields.next().ok_or("no address")?;
        self.address = moved(self.address, position).ok_or("no address")?;
        if std::mem::take(&mut self.inclusive) {
            return Ok(());
        }
        let costs: Vec<f64> = fields
            .map(|field| field.parse().map_err(|_| "a cost that is no number"))
            .collect::<Result<_, _>>()?;
        // Zeros at the end of a line are left out.
        let cost = |place: Option<usize>| place.and_then(|p| costs.get(p)).copied().unwrap_or(0.0);
        let instructions = cost(Some(self.columns.instructions));
        self.counts.all_instructions += instructions;
        if self.counted {
            let sum = &mut self.counts.instrumentable;
            sum.instructions += instructions;
            sum.missed_branches += cost(self.columns.missed_branches);
            sum.indirect += cost(self.columns.indirect);
            sum.missed_indirect += cost(self.columns.missed_indirect);
            let code_line = self.address / CODE_LINE_BYTES;
            *self.counts.code_lines.entry(code_line).or_default() += instructions;
        }
        Ok(())
    }
}

/// An absolute address, or one relative to the last.
fn moved(address: u64, position: &str) -> Option<u64> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match position.as_bytes().first()? {
        b'*' => Some(address),
        b'+' => address.checked_add(number(&position[1..])?),
        b'-' => address.checked_sub(number(&position[1..])?),
        _ => number(position),
    }
}

/// `(7) name` introduces a name, `(7)` repeats it.
fn named(names: &mut BTreeMap<String, String>, value: &str) -> String {
    let value = value.trim();
    let Some((number, name)) = value
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
    else {
        return value.to_owned();
    };
    let name = name.trim();
    if !name.is_empty() {
        names.insert(number.to_owned(), name.to_owned());
    }
    names.get(number).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cut from a real file: two objects, a call, relative addresses, left-out zeros.
    const TEXT: &str = "# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 25412
cmd:  ./gain inputs/train.txt
part: 1


desc: I1 cache: 
desc: Timerange: Basic block 0 - 47858199
desc: Trigger: Program termination

positions: instr
events: Ir Bc Bcm Bi Bim
summary: 213955375 26889428 466097 11383624 5091712


ob=(3) /usr/lib/x86_64-linux-gnu/libc.so.6
fl=(127) ./resource/../sysdeps/unix/sysv/linux/getrlimit64.c
fn=(446) getrlimit
0xfd7e0 2
+3 2

ob=(9) /tmp/gain
fl=(134)
fn=(1250) _ZN4gain7machine3run17h87ef1febfd0e300dE
0x1010 100 50 5
+16 40 0 0 40 10
cob=(3)
cfn=(447) memcpy
calls=7 0xfd800 
* 7 0 0 7 1
0x1100 60
-32 4
cfn=(1250)
calls=3 0x1010
* 900

fn=(1251) memset_in_c
0x9000 1000 9 9 9 9

totals: 213955375 26889428 466097 11383624 5091712
";

    fn parse(text: &str, executable: &str) -> Result<Counts, Unreadable> {
        Counts::parse(text, executable, &Reach::Rust)
    }

    #[test]
    fn code_that_clang_compiles_counts_where_it_can_be_instrumented() {
        let reach = Reach::AndC(["memset_in_c".to_owned()].into());
        let counts = Counts::parse(TEXT, "/tmp/gain", &reach).expect("a valid file");
        assert!((counts.instrumentable.instructions - 1204.0).abs() < 1e-9);
        assert!((counts.all_instructions - 1208.0).abs() < 1e-9);
    }

    #[test]
    fn own_costs_are_summed_and_called_ones_are_not() {
        let counts = parse(TEXT, "/tmp/gain").expect("a valid file");
        assert!((counts.all_instructions - 1208.0).abs() < 1e-9);
        assert_eq!(
            counts.instrumentable,
            Events {
                instructions: 204.0,
                missed_branches: 5.0,
                indirect: 40.0,
                missed_indirect: 10.0,
                calls: 10.0,
            }
        );
        // 0x1010 and 0x1020 share the line 0x1000; 0x1100 and 0x10e0 are alone.
        assert_eq!(counts.code_lines.len(), 3);
        assert_eq!(counts.lines_for(0.5), Some(1));
        assert_eq!(counts.lines_for(0.95), Some(2));
        assert_eq!(counts.lines_for(1.0), Some(3));
    }

    #[test]
    fn another_binary_has_no_instrumentable_code_here() {
        let counts = parse(TEXT, "/tmp/other").expect("a valid file");
        assert_eq!(counts.instrumentable, Events::default());
        assert_eq!(counts.lines_for(0.95), None);
    }

    #[test]
    fn files_in_another_form_are_refused() {
        let cases = [
            ("", "no instructions"),
            ("events: Ir\n", "no instructions"),
            ("positions: line\n", "positions"),
            ("events: Dr\n", "no event"),
            ("events: Ir\n0x10 many\n", "no number"),
            ("events: Ir\nfn=(1) f\ncalls=many 0x10\n", "number of calls"),
            ("events: Ir\nhello\n", "not a line"),
        ];
        for (text, expected) in cases {
            let error = parse(text, "/tmp/gain").expect_err(text);
            assert!(error.0.contains(expected), "{}", error.0);
        }
    }

    #[test]
    fn runs_are_weighted_after_they_were_normalised() {
        let run = parse(TEXT, "/tmp/gain").expect("a valid file");
        let mut twice = run.clone();
        twice.add_normalised(&run, 0.0);
        let mut sum = Counts::default();
        sum.add_normalised(&run, 3.0);
        sum.add_normalised(&Counts::default(), 5.0);
        assert!((sum.instrumentable.instructions - 3.0).abs() < 1e-12);
        assert!((sum.instrumentable.calls - 3.0 * 10.0 / 204.0).abs() < 1e-12);
        assert_eq!(sum.lines_for(0.95), run.lines_for(0.95));
    }
}
