//! The program that the tests measure: a worker with `--worker`, else a cold program.
//! Its times are invented, so that no test depends on the machine's speed; they are shorter than any
//! answer takes to arrive.
//! `MODE` says what goes wrong, and only in the candidate (a path that ends with `c`).

use std::io::{BufRead as _, Write as _};

fn main() {
    let candidate = std::env::args().next().is_some_and(|path| path.ends_with('c'));
    let mode = std::env::var("MODE").unwrap_or_default();
    let mode = if candidate { mode.as_str() } else { "" };
    if std::env::args().any(|arg| arg == "--worker") {
        work(candidate, mode);
    } else {
        run_once(mode);
    }
}

fn run_once(mode: &str) {
    match mode {
        "no-match" => println!("nothing to see"),
        "exit" => std::process::exit(9),
        "hang" => loop {
            std::thread::park();
        },
        _ => println!("rate: 12.5 tokens/s"),
    }
    eprintln!("done");
}

fn work(candidate: bool, mode: &str) {
    let say = |line: String| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).expect("somebody reads");
    };
    if mode == "not-ready" {
        say("hello".to_owned());
    }
    if std::env::var("SPIN").is_ok() {
        for _ in 0..2 {
            std::thread::spawn(|| loop {
                std::hint::spin_loop();
            });
        }
    }
    say(r#"{"ready": true, "startup_ns": 1000}"#.to_owned());
    let mut answered = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("input is text");
        let seq: u64 = number_after(&line, "\"seq\":");
        let fails = answered >= 2;
        answered += 1;
        match mode {
            "error" if fails => {
                eprintln!("the model is gone");
                say(format!(r#"{{"seq": {seq}, "error": "out of luck"}}"#));
            }
            "malformed" if fails => say("{\"seq\": oops".to_owned()),
            "wrong-seq" if fails => say(answer(seq + 1, candidate, mode)),
            "die" if fails => {
                eprintln!("dying now");
                std::process::exit(7);
            }
            "hang" if fails => loop {
                std::thread::park();
            },
            _ => say(answer(seq, candidate, mode)),
        }
    }
    if mode == "bad-end" {
        std::process::exit(3);
    }
}

fn answer(seq: u64, candidate: bool, mode: &str) -> String {
    // Times that vary by input and a little by process.
    let process = u64::from(std::process::id()) % 100;
    let noise = (seq * 7919 + u64::from(std::process::id()) * 31) % 1000;
    let base = 2_000 + (seq % 13) * 100 + process / 50 + noise / 500;
    let wall_ns = match mode {
        "faster" if candidate => base / 10 * 8,
        // As after the wall clock was set forward by an hour.
        "clock-step" => base + 3_600_000_000_000,
        _ => base,
    };
    let output = if candidate && mode == "other-output" { "b" } else { "a" };
    format!(
        r#"{{"seq": {seq}, "wall_ns": {wall_ns}, "cpu_ns": {wall_ns}, "output_sha256": "{output}{seq}", "metrics": {{"rate": 2.5, "more": null}}}}"#
    )
}

fn number_after(line: &str, key: &str) -> u64 {
    let rest = line.split(key).nth(1).expect("the request has the key").trim_start();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("it is a number")
}
