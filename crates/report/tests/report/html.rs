//! The HTML form: what stands in it and in which order, and that no text from outside becomes markup.

use inferno_measure::record::{ExpectationResult, Regime, Verdict};
use inferno_measure::samples::HostBlock;
use inferno_report::{html, markdown};

use crate::builder;

/// The page without what text may hold: tags alone, attributes' values emptied.
fn tags(page: &str) -> String {
    let mut tags = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let mut inside_quotes = false;
        tags.extend(rest[start..=end].chars().filter(|&c| {
            inside_quotes ^= c == '"';
            !inside_quotes || c == '"'
        }));
        rest = &rest[end + 1..];
    }
    tags
}

#[test]
fn the_answer_comes_first_then_the_plot_then_the_evidence() {
    let mut record = builder::sampled();
    record.trends = vec![builder::trend(ExpectationResult::NotMeasured)];
    record.suitability = Some(builder::suitability());
    let page = html(&record);
    let order = [
        "PGO pays on some of these scenarios",
        "The largest change of time is in",
        "aria-label=\"Scenarios by verdict\"",
        "<figure class=\"effects\">",
        "<h2 id=\"expectations-heading\">",
        "Trend: ",
        "<h2 id=\"how-to-read-it-heading\">",
        "<h2 id=\"warning-signs-heading\">",
        "<h2 id=\"scenario-by-scenario-heading\">",
        "Distribution of the times of both arms",
        "in the order in which the pairs were taken",
        "<h2 id=\"verification-heading\">",
        "<h2 id=\"profile-heading\">",
        "engine::dot&lt;T&gt;",
        "<h2 id=\"suitability-heading\">",
        "<h2 id=\"timings-heading\">",
        "<h2 id=\"environment-heading\">",
        "name = &quot;concurrent_inference&quot;",
    ];
    let mut from = 0;
    for part in order {
        let at = page[from..].find(part);
        from += at.unwrap_or_else(|| panic!("`{part}` is not behind the others"));
    }
}

#[test]
fn it_says_what_the_markdown_says() {
    let record = builder::sampled();
    let (page, report) = (html(&record), markdown(&record));
    for part in [
        "slower in 1 of 4",
        "−2.6\u{a0}%",
        "20 × 8",
        "2,841 of 7,849",
        "CPU-intensive scenarios should all gain",
        "second build of the baseline",
        "not met",
    ] {
        assert!(page.contains(part), "{part}");
        assert!(report.contains(&part.replace('\u{a0}', " ")), "{part}");
    }
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = html(&builder::sampled());
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for loading in [
        "<script", "<img", "<iframe", "<object", "<embed", "<form", "<base", "@import", "url(",
        "http://", "https://", " src=", " on",
    ] {
        let found = if loading == " on" {
            tags(&page).contains(loading)
        } else {
            page.contains(loading)
        };
        assert!(!found, "{loading}");
    }
    assert_eq!(page.matches("<link").count(), 1);
    assert!(page.contains("<link rel=\"icon\" href=\"data:,\">"));
}

#[test]
fn text_from_outside_stays_text() {
    for hostile in [
        "<script>alert(1)</script>",
        "</style><script>alert(1)</script>",
        "--><script>alert(1)</script><!--",
        "\" onload=\"alert(1)",
        "' onclick='alert(1)",
        "</title></svg></details></pre><img src=x onerror=alert(1)>",
        "&lt;script&gt;",
        "a\u{0}b\u{1b}[31m",
    ] {
        let page_with = |text: &str| {
            let mut record = builder::sampled();
            builder::poison(&mut record, text);
            html(&record)
        };
        let page = page_with(hostile);
        let harmless = hostile.replace(['<', '>', '&', '"', '\''], "x");
        assert!(tags(&page) == tags(&page_with(&harmless)), "{hostile}");
        let occurrences = page.matches("alert(1)").count();
        assert!(
            !hostile.contains("alert(1)") || occurrences > 20,
            "{occurrences}"
        );
        assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
    }
}

#[test]
fn every_picture_has_words() {
    let page = html(&builder::sampled());
    let pictures = page.matches("role=\"img\"").count();
    assert_eq!(
        pictures,
        3 + 2 * 3,
        "three effects, two plots for each sampled scenario"
    );
    assert_eq!(page.matches("<title>").count(), pictures + 1);
    assert_eq!(page.matches("<desc>").count(), pictures);
    assert!(page.contains(
        "<title>warm/short: faster, −2.6\u{a0}% (95 % interval −3.4\u{a0}%\u{a0}…\u{a0}−1.8\u{a0}%)</title>"
    ));
}

#[test]
fn what_was_not_run_is_a_gap_with_its_remedy() {
    let page = html(&builder::record());
    assert!(page.contains("<div class=\"gap\"><b>Not run. </b>"));
    assert!(page.contains("run again with <span class=\"option\">--budget</span> 45m."));
}

#[test]
fn verdicts_differ_in_shape_and_words_too() {
    let shape = |verdict: Verdict, effect: f64| {
        let mut scenario = builder::scenario("s", "g", Regime::Warm);
        builder::judged(&mut scenario, verdict, effect, 0.008);
        let page = html(&builder::with_scenarios(vec![scenario]));
        let start = page.find("<desc>").expect("a plot");
        let mark = start + page[start..].find("<path class=\"mark").expect("a mark");
        let path = mark + page[mark..].find(" d=").expect("a shape");
        page[path..path + 30].to_owned()
    };
    let shapes = [
        shape(Verdict::Faster, 0.9),
        shape(Verdict::Slower, 1.1),
        shape(Verdict::NoDifference, 1.0),
        shape(Verdict::Inconclusive, 1.0),
    ];
    for (index, one) in shapes.iter().enumerate() {
        assert!(!shapes[..index].contains(one), "{shapes:?}");
    }
}

#[test]
fn disturbed_restarts_and_far_pairs_are_marked_and_counted() {
    let mut record = builder::sampled();
    let samples = &mut record.scenarios[1].samples;
    samples.restarts[2].host = Some(HostBlock {
        disturbed: Some("stolen CPU time".into()),
        ..HostBlock::default()
    });
    samples.restarts[0].pairs[3].candidate.wall_ns *= 50;
    let page = html(&record);
    assert_eq!(page.matches("<rect class=\"disturbed\"").count(), 1);
    assert!(page.contains("1 restart on shaded ground"));
    assert!(page.contains("1 pair beyond the edge of the plot, drawn at it."));
    assert!(page.contains("1 sample beyond the edge of the plot."));
    assert_eq!(page.matches("class=\"dot out\"").count(), 1);
}

#[test]
fn absent_parts_leave_no_empty_frames() {
    let mut record = builder::with_scenarios(Vec::new());
    record.profile = None;
    record.timings = inferno_measure::record::Timings::default();
    let page = html(&record);
    for absent in ["<figure", "<table", "role=\"img\"", "NaN", "inf"] {
        let found = tags(&page).contains(absent) || (absent == "NaN" && page.contains(absent));
        // The binaries are in every record.
        let allowed = usize::from(absent == "<table");
        assert!(
            !found || page.matches(absent).count() == allowed,
            "{absent}"
        );
    }
    assert!(page.contains("Nothing was measured"));
}

#[test]
fn a_large_record_makes_a_page_of_a_sane_size() {
    let mut record = builder::with_scenarios(Vec::new());
    for index in 0..15 {
        let mut scenario = builder::faster(&format!("warm/{index}"), 0.97);
        scenario.samples = builder::samples(40, 20, 0.97);
        record.scenarios.push(scenario);
    }
    let page = html(&record);
    assert!(page.len() < 600_000, "{} bytes", page.len());
    let mut huge = builder::with_scenarios(vec![builder::faster("warm", 0.97)]);
    huge.scenarios[0].samples = builder::samples(100, 2_000, 0.97);
    let size_bytes = html(&huge).len();
    assert!(
        size_bytes < 1_500_000,
        "{size_bytes} bytes for 200,000 pairs"
    );
}
