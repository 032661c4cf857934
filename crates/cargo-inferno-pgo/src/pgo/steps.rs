//! The single steps: each says what it made and what comes next.

use inferno_pgo::Result;
use inferno_pgo::exit::ANSWERED;
use inferno_pgo::gathered::Source;
use inferno_pgo::merge::MergedProfile;
use inferno_pgo::output;
use inferno_pgo::pipeline::ProfileFrom;
use inferno_pgo::session::Session;
use inferno_pgo::stage::Reuse;
use inferno_pgo::status::Status;
use inferno_pgo::store::Store;

use super::{Building, Place};
use crate::Front;

fn open(building: &Building, front: &Front) -> Result<Session> {
    let (spec, out) = building.place.load(front)?;
    Session::open(spec, &out, Reuse::Unchanged, building.resolution())
}

/// The same for what needs the declared training, before anything is built.
fn open_to_train(building: &Building, front: &Front) -> Result<Session> {
    building.place.load(front)?.0.check_training()?;
    open(building, front)
}

pub(super) fn instrument(building: &Building, front: &Front) -> Result<u8> {
    let mut session = open(building, front)?;
    let instrumented = session.instrument()?;
    println!("{}", instrumented.artifact().path.display());
    let call = front.call;
    session
        .say("train it with LLVM_PROFILE_FILE='DIR/run_%m_%p.profraw' set, let it end by itself,");
    session.say(&format!(
        "then: {call} merge DIR; or run the declared training: {call} train"
    ));
    Ok(ANSWERED)
}

pub(super) fn train(building: &Building, front: &Front) -> Result<u8> {
    let mut session = open_to_train(building, front)?;
    let instrumented = session.instrument()?;
    for profile in session.train(&instrumented)? {
        println!("{}\t{}", profile.name, profile.path.display());
    }
    session.say(&format!("next: {} merge", front.call));
    Ok(ANSWERED)
}

pub(super) fn merge(building: &Building, sources: &[Source], front: &Front) -> Result<u8> {
    let mut session;
    let merged = if sources.is_empty() {
        session = open_to_train(building, front)?;
        let instrumented = session.instrument()?;
        let profiles = session.train(&instrumented)?;
        session.merge(profiles)?
    } else {
        session = open(building, front)?;
        session.merge_gathered(sources)?
    };
    println!("{}", merged.path.display());
    session.say(&format!(
        "{} of {} functions ran; next: {} optimize",
        merged.functions_covered, merged.functions_total, front.call
    ));
    Ok(ANSWERED)
}

pub(super) fn merge_into_stored(
    building: &Building,
    sources: &[Source],
    front: &Front,
) -> Result<u8> {
    let mut session = open(building, front)?;
    let merged = session.merge_into_stored(sources)?;
    stored(&mut session, &merged, front);
    Ok(ANSWERED)
}

pub(super) fn refresh(building: &Building, front: &Front) -> Result<u8> {
    let mut session = open_to_train(building, front)?;
    let merged = session.refresh()?;
    stored(&mut session, &merged, front);
    Ok(ANSWERED)
}

fn stored(session: &mut Session, merged: &MergedProfile, front: &Front) {
    let manifest = Store::of(session.spec()).manifest();
    println!("{}", manifest.display());
    session.say(&format!(
        "{} of {} functions ran; commit the directory, and build with it: {} --use-stored",
        merged.functions_covered, merged.functions_total, front.call
    ));
}

/// Without another source, the profile is that of the last merge.
pub(super) fn optimize(building: &Building, from: &ProfileFrom, front: &Front) -> Result<u8> {
    let mut session = open(building, front)?;
    let (merged, instrumented) = match from {
        ProfileFrom::Training => (session.merged()?, session.instrument()?),
        ProfileFrom::File(file) => (session.adopt(file)?, session.instrument()?),
        ProfileFrom::Store => {
            let stored = session.stored()?;
            let instrumented = session.instrument()?;
            let supplied = session.use_stored(&stored, &instrumented)?;
            (supplied.profile, instrumented)
        }
    };
    let (candidate, _) = session.optimize(&merged, &instrumented)?;
    println!("{}", candidate.artifact().path.display());
    session.say(&format!("next: {} verify", front.call));
    Ok(ANSWERED)
}

pub(super) fn verify(building: &Building, front: &Front) -> Result<u8> {
    let mut session = open(building, front)?;
    let profile = session.candidate()?.profile().clone();
    let baseline = session.baseline()?;
    let instrumented = session.instrument()?;
    let (candidate, _) = session.optimize(&profile, &instrumented)?;
    let pair = session.verify(&baseline, &candidate)?;
    for check in pair.checks() {
        println!("{}: {}", check.name, check.detail);
    }
    println!("baseline\t{}", pair.baseline().path.display());
    println!("candidate\t{}", pair.candidate().artifact().path.display());
    Ok(ANSWERED)
}

pub(super) fn status(place: &Place, front: &Front) -> Result<u8> {
    let (spec, out) = place.load(front)?;
    print!("{}", Status::of(&spec, &out));
    Ok(ANSWERED)
}

pub(super) fn clean(place: &Place, front: &Front) -> Result<u8> {
    let (_, out) = place.load(front)?;
    output::clean(&out, &mut |line| eprintln!("{line}"))?;
    Ok(ANSWERED)
}
