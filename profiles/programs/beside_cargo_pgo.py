#!/usr/bin/env python3
"""Optimises programs of the registry by their specs beside this script, and by cargo-pgo.

Usage: beside_cargo_pgo.py [PROGRAM...]     (all of them where none is named)

Both tools build the same sources with the same compiler and train on the same input. For each program
it prints what the profile brings, and the seconds of both tools' instrumented and optimised builds. Two
trainings count differently where threads wait or hash tables are seeded; so our candidate is built once
more, from cargo-pgo's profile, and compared with cargo-pgo's: byte by byte, and in pairs. Needs cargo-pgo
and objcopy on PATH, and an llvm-profdata that cargo-pgo finds. Everything is written to target/programs.
"""

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

SPECS = Path(__file__).resolve().parent
ROOT = SPECS.parent.parent
PLACE = ROOT / "target/programs"
# resvg comes first: it draws what oxipng makes smaller.
PROGRAMS = ["resvg", "comrak", "oxipng", "sd", "tokei"]
BUDGET = "60s"
# Closer than this, two candidates are taken for the same.
EQUIVALENT = "0.005"


# "slower" is an answer.
ANSWERED = [0, 10]


def run(*command, codes=(0,), **options):
    ended = subprocess.run([str(part) for part in command], **options)
    if ended.returncode not in codes:
        sys.exit(f"error: exit code {ended.returncode} of: {' '.join(map(str, command))}")
    return ended


def xtask(*arguments, **options):
    return run("cargo", "run", "--quiet", "-p", "xtask", "--", *arguments, cwd=ROOT, **options)


def draw(resvg):
    for part in ["train", "holdout"]:
        inputs = PLACE / "inputs"
        run(resvg, "--skip-system-fonts", inputs / f"{part}.svg", inputs / f"{part}.png")


def fetch(program, manifest):
    """Unpacks the version that the spec names."""
    if not manifest.is_file():
        version = manifest.parent.name.removeprefix("source-")
        command = ["pgo", "init", "--crate", f"{program}@{version}"]
        run("cargo", "run", "--quiet", "--manifest-path", ROOT / "Cargo.toml", "-p", "xtask", "--",
            *command, cwd=PLACE)


def ours(spec, out):
    """Seconds of the instrumented and the optimised build."""
    xtask("pgo", "--spec", spec, "--out", out, "--fresh", "--budget", BUDGET)
    record = json.loads((out / "record.json").read_text())
    stages = {stage["name"]: stage["wall_s"] for stage in record["timings"]["stages"]}
    return [stages["build instrumented"], stages["build candidate"]]


def theirs(program, training, source):
    """The candidate, and seconds of both builds."""
    run("cargo", "clean", cwd=source)
    host = re.search("host: (.*)", run("rustc", "-vV", capture_output=True, text=True).stdout)[1]
    candidate = source / "target" / host / "release" / program
    seconds = []
    for step in [["build"], ["optimize", "build"]]:
        begun = time.monotonic()
        run("cargo", "pgo", *step, "--", "--locked", "--bin", program, cwd=source)
        seconds.append(time.monotonic() - begun)
        if step == ["build"]:
            path = training.get("stdin", os.devnull)
            with open(SPECS / path, "rb") as stdin:
                run(candidate, *training["args"], cwd=SPECS, stdin=stdin, stdout=subprocess.DEVNULL)
    return candidate, seconds


def code(binary, to):
    run("objcopy", "-O", "binary", "--only-section=.text", binary, to)
    return to.read_bytes()


def told(ours, theirs):
    """How far two machine codes are the same."""
    if ours == theirs:
        return "identical"
    if len(ours) != len(theirs):
        return f"of {len(ours)} and {len(theirs)} bytes"
    return f"the same but for {sum(a != b for a, b in zip(ours, theirs))} of {len(ours)} bytes"


def beside(program):
    spec, out = SPECS / f"{program}.toml", PLACE / "out" / program
    declared = tomllib.loads(spec.read_text())
    manifest = SPECS / declared["target"]["manifest"]
    source = manifest.parent
    fetch(program, manifest)
    our_seconds = ours(spec, out)
    our_candidate = out / "arms/candidate" / program
    if program == "resvg":
        draw(our_candidate)
    their_candidate, their_seconds = theirs(program, declared["train"][0], source)
    place = ["--spec", spec, "--out", out]
    raw = sorted((source / "target/pgo-profiles").glob("*.profraw"))
    xtask("pgo", "merge", *place, *raw)
    xtask("pgo", "optimize", *place)
    same = told(code(our_candidate, out / "ours.text"), code(their_candidate, out / "theirs.text"))
    xtask("compare", their_candidate, our_candidate, "--spec", spec, "--threshold", EQUIVALENT,
          "--budget", BUDGET, "--out", PLACE / "compare" / program, codes=ANSWERED)
    ratio = sum(our_seconds) / sum(their_seconds)
    print(f"{program}: builds {our_seconds} s, cargo-pgo's {their_seconds} s, ratio {ratio:.2f};",
          f"of one profile, the machine code is {same}", flush=True)


def main():
    inputs = PLACE / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    run("sh", SPECS / "inputs.sh", inputs)
    for program in sys.argv[1:] or PROGRAMS:
        beside(program)


if __name__ == "__main__":
    main()
