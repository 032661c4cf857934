//! Which stages of an output directory are done.
//!
//! Takes a spec and a directory; gives a [`Status`] for people. It takes no lock and changes
//! nothing, so it can be asked while a run is going on.

use std::fmt;
use std::path::Path;

use crate::merge::MergedProfile;
use crate::optimize;
use crate::output::Layout;
use crate::spec::Spec;
use crate::stage::{Reuse, Stages};
use crate::store::Store;
use crate::train::WorkloadProfile;
use crate::verify::VerifiedPair;

/// One line per stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status(Vec<(String, Option<String>)>);

impl Status {
    /// Looks at the directory `out`.
    pub fn of(spec: &Spec, out: &Path) -> Self {
        let layout = Layout::new(out);
        let stages = Stages::new(layout.clone(), Reuse::Unchanged);
        let binary = |arm: &str| {
            let path = layout.binary(arm, spec.target().executable());
            path.is_file().then(|| path.display().to_string())
        };
        let mut lines = vec![
            ("baseline".to_owned(), binary("baseline")),
            ("instrumented".to_owned(), binary("instrumented")),
        ];
        for train in spec.train() {
            let profile = stages.last::<WorkloadProfile>(&format!("train {}", train.name));
            let detail = profile.map(|profile| {
                format!(
                    "{} raw profiles, {:.1} s",
                    profile.raw_files, profile.wall_s
                )
            });
            lines.push((format!("train {}", train.name), detail));
        }
        lines.push(("stored profile".into(), stored(spec)));
        let merged = stages.last::<MergedProfile>("merge");
        lines.push((
            "merge".into(),
            merged.map(|profile| profile.path.display().to_string()),
        ));
        let candidate = optimize::last(&layout);
        let built = candidate.map(|candidate| candidate.artifact().path.display().to_string());
        lines.push(("candidate".into(), built));
        let pair = stages.last::<VerifiedPair>("verify");
        lines.push((
            "verify".into(),
            pair.map(|pair| format!("{} checks passed", pair.checks().len())),
        ));
        let record = layout.record();
        lines.push((
            "record".into(),
            record.is_file().then(|| record.display().to_string()),
        ));
        Self(lines)
    }
}

/// The stored profile, or why it is refused; `None` where there is none.
fn stored(spec: &Spec) -> Option<String> {
    match Store::of(spec).read() {
        Ok(stored) => {
            let (manifest, _) = stored?;
            Some(format!(
                "of {}, {}",
                manifest.parts_told(),
                manifest.created
            ))
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!("; hint: {hint}"));
            Some(format!("refused: {error}{}", hint.unwrap_or_default()))
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (stage, detail) in &self.0 {
            writeln!(f, "{stage:<28} {}", detail.as_deref().unwrap_or("not done"))?;
        }
        Ok(())
    }
}
