//! Which parts of a benchmark run that Criterion does not run.
//!
//! Takes the arguments that cargo and people give to Criterion; says whether a part with a loop of
//! its own is meant: when something is measured at all, and when Criterion's filter, taken as plain
//! text, is in the part's name. Criterion's own benchmarks are not chosen here.

/// Criterion's options that have a value after them.
const WITH_VALUE: [&str; 17] = [
    "-b",
    "-c",
    "-s",
    "--baseline",
    "--baseline-lenient",
    "--color",
    "--confidence-level",
    "--format",
    "--measurement-time",
    "--noise-threshold",
    "--nresamples",
    "--output-format",
    "--plotting-backend",
    "--sample-size",
    "--save-baseline",
    "--significance-level",
    "--warm-up-time",
];

/// Beginnings of options that ask for something other than a measurement.
const NOT_MEASURING: [&str; 4] = ["--list", "--load-baseline", "--profile-time", "--test"];

/// Whether the part `name` is meant.
pub fn is_chosen(name: &str) -> bool {
    is_chosen_by(std::env::args().skip(1), name)
}

fn is_chosen_by(mut arguments: impl Iterator<Item = String>, name: &str) -> bool {
    let mut is_bench = false;
    let mut filter = None;
    while let Some(argument) = arguments.next() {
        if argument == "--bench" {
            is_bench = true;
        } else if NOT_MEASURING
            .iter()
            .any(|option| argument.starts_with(option))
        {
            return false;
        } else if WITH_VALUE.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-') {
            filter = filter.or(Some(argument));
        }
    }
    is_bench && filter.is_none_or(|filter| name.contains(&filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_run_when_something_is_measured_and_the_filter_lets_them() {
        for (arguments, expected) in [
            ("--bench", true),
            ("", false),
            ("--test --bench", false),
            ("--bench --list", false),
            ("--bench --profile-time 5", false),
            ("--bench --profile-time=5", false),
            ("--bench --save-baseline main", true),
            ("--bench --noplot --sample-size 20 latency", true),
            ("latency --bench", true),
            ("--bench loading", false),
            ("--bench --save-baseline latency loading", false),
        ] {
            let words = arguments.split_whitespace().map(str::to_owned);
            assert_eq!(
                is_chosen_by(words, "inference/latency"),
                expected,
                "{arguments}"
            );
        }
    }
}
