//! The documents lead where they say: every relative link names a file that is there, and a heading
//! that the file has.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders without documents of ours.
const LEFT_OUT: [&str; 2] = [".git", "target"];

/// The documents below `folder`.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| name == *left_out) {
                found.extend(documents(&path));
            }
        } else if is_document(&path) {
            found.push(path);
        }
    }
    found
}

fn is_document(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The relative links of `document` that lead nowhere.
fn broken_links(document: &Path) -> Vec<String> {
    let folder = document.parent().expect("a file is in a folder");
    let text = read(document);
    prose(&text)
        .flat_map(links)
        .filter(|link| !link.contains("://") && !leads_somewhere(link, document, folder))
        .map(str::to_owned)
        .collect()
}

fn leads_somewhere(link: &str, document: &Path, folder: &Path) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        document.to_owned()
    } else {
        folder.join(path)
    };
    if anchor.is_empty() || !is_document(&target) {
        return target.exists();
    }
    target.is_file() && anchors(&read(&target)).iter().any(|own| own == anchor)
}

fn read(document: &Path) -> String {
    fs::read_to_string(document).expect("a document")
}

/// The lines that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What the links of a line name.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let behind = line.split("](").skip(1);
    behind.filter_map(|rest| rest.split([')', ' ']).next())
}

/// What a link to each heading of a document ends with, by GitHub's rule.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let letters = heading.chars().filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                _ => letter.is_alphanumeric().then_some(letter),
            });
            letters.collect()
        })
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let documents = documents(&root);
    assert!(
        documents.iter().any(|path| path.ends_with("docs/spec.md")),
        "{documents:?}"
    );
    let broken: Vec<String> = documents
        .iter()
        .flat_map(|document| {
            let links = broken_links(document).into_iter();
            links.map(move |link| format!("{}: {link}", document.display()))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    write("other.md", "# Two `words`, and more\n");
    let page = write(
        "page.md",
        "[a](other.md), [b](other.md#two-words-and-more), [c](#here) and [d](https://example.org/x)\n\
         # Here\n\
         ```sh\n[e](in/code.md)\n```\n\
         [f](gone.md), [g](other.md#gone) and [h](#gone)\n",
    );
    let expected = ["gone.md", "other.md#gone", "#gone"];
    assert_eq!(broken_links(&page), expected);
}
