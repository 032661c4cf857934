//! The page in a real browser: what it loads, says, runs, and how wide it gets.
//!
//! Needs Chromium (`INFERNO_CHROMIUM`, or `chromium`, `chromium-browser`, `google-chrome` on `PATH`);
//! without it each test says so and passes. Each finding is first made on a page that is known to
//! be bad, so that a browser that stays silent cannot pass for a good page.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inferno_measure::process::{Command, Finished, Output};
use inferno_report::html;
use tempfile::TempDir;

use crate::{builder, results};

const TIMEOUT: Duration = Duration::from_mins(1);

/// Hosts that browsers of this family ask by themselves, whatever the page is.
const OWN_HOSTS: [&str; 5] = [
    "google.com",
    "googleapis.com",
    "gvt1.com",
    "gstatic.com",
    "googleusercontent.com",
];

/// Text that runs, loads and breaks out of wherever it is put, if it becomes markup.
const HOSTILE: &str = "</title></style></pre>--><script>alert(1)</script>\
    <img src=http://probe.invalid/x.png onerror=alert(1)><style>@import 'http://probe.invalid/x.css';</style>";

/// Watches from inside, where no policy forbids it.
const WATCH: &str = "<script>\
    document.documentElement.dataset.watched = 'yes';\
    window.alert = () => document.documentElement.dataset.alerted = 'yes';\
    </script>";

/// Tells the page around a frame how wide its content is, with everything unfolded.
const MEASURE: &str = "<script>\
    document.querySelectorAll('details').forEach(one => one.open = true);\
    const root = document.documentElement;\
    parent.postMessage({window: window.innerWidth, page: root.scrollWidth}, '*');\
    </script>";

/// A phone: browsers have no window as narrow, frames are as narrow as one says.
const PHONE: &str = "<!DOCTYPE html><script>\
    window.onmessage = event => Object.assign(document.documentElement.dataset, event.data);\
    </script><iframe src='page.html' style='width:400px;height:800px;border:0'></iframe>";

struct Browser {
    program: PathBuf,
    directory: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
    proxy: String,
}

impl Browser {
    /// `None`, after saying so, where there is no browser.
    fn find() -> Option<Self> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let named = std::env::var_os("INFERNO_CHROMIUM").map(PathBuf::from);
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&paths)
            .flat_map(|directory| names.map(|name| directory.join(name)))
            .find(|path| path.is_file());
        let Some(program) = named.or(found) else {
            eprintln!(
                "skipped: there is no Chromium; install one, or name it with INFERNO_CHROMIUM"
            );
            return None;
        };
        let (proxy, requests) = listen();
        Some(Self {
            program,
            directory: tempfile::tempdir().expect("a directory"),
            requests,
            proxy,
        })
    }

    /// Loads `page` and gives the browser's output.
    fn load(&self, page: &str) -> Finished {
        self.write("page.html", page);
        self.open("page.html")
    }

    /// Loads `page` in a frame of 400 pixels.
    fn load_on_phone(&self, page: &str) -> Finished {
        self.write("page.html", page);
        self.write("phone.html", PHONE);
        self.open("phone.html")
    }

    fn write(&self, name: &str, page: &str) {
        std::fs::write(self.directory.path().join(name), page).expect("written");
    }

    fn open(&self, name: &str) -> Finished {
        let path = self.directory.path().join(name);
        let profile = tempfile::tempdir_in(self.directory.path()).expect("a directory");
        let command = Command::new(&self.program)
            .args([
                "--headless=new",
                // It loads our own page alone; as root, the sandbox does not start.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
                "--enable-logging=stderr",
                "--v=0",
                // Every request goes to the test, also one to this machine.
                "--proxy-bypass-list=<-loopback>",
                "--dump-dom",
            ])
            .arg(format!("--proxy-server=http://{}", self.proxy))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", path.display()))
            .stdout(Output::Capture)
            .stderr(Output::Capture)
            .timeout(TIMEOUT);
        let finished = command.run().expect("a browser that ends");
        assert!(
            finished.success(),
            "{}",
            String::from_utf8_lossy(&finished.stderr)
        );
        finished
    }

    /// What the page asked the network for, since last asked.
    fn requests(&self) -> Vec<String> {
        let taken = std::mem::take(&mut *self.requests.lock().expect("no panic"));
        taken
            .into_iter()
            .filter(|request| OWN_HOSTS.iter().all(|host| !request.contains(host)))
            .collect()
    }
}

/// A proxy that refuses, and the first line of every request to it.
fn listen() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || refuse(stream, &seen));
        }
    });
    (address, requests)
}

fn refuse(mut stream: TcpStream, seen: &Mutex<Vec<String>>) {
    let mut head = [0; 512];
    let length = stream.read(&mut head).unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..length]);
    if let Some(line) = text.lines().next() {
        seen.lock().expect("no panic").push(line.to_owned());
    }
    let answer = "HTTP/1.1 404 Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    // A browser that has gone away needs no answer.
    let _ = stream.write_all(answer.as_bytes());
}

/// What the page and the browser said about it.
fn console(finished: &Finished) -> Vec<String> {
    String::from_utf8_lossy(&finished.stderr)
        .lines()
        .filter(|line| line.contains(":CONSOLE"))
        .map(str::to_owned)
        .collect()
}

/// The value of `data-NAME` of the root element.
fn told(finished: &Finished, name: &str) -> Option<String> {
    let dom = String::from_utf8_lossy(&finished.stdout);
    let (_, rest) = dom.split_once(&format!("data-{name}=\""))?;
    rest.split('"').next().map(str::to_owned)
}

fn poisoned() -> String {
    let mut record = builder::sampled();
    record.suitability = Some(builder::suitability());
    builder::poison(&mut record, HOSTILE);
    html(&record)
}

/// `page` without its policy, watched from inside.
fn watched(page: &str) -> String {
    let start = page.find("<meta http-equiv").expect("a policy");
    let end = start + page[start..].find('>').expect("a tag ends") + 1;
    format!("{}{WATCH}{}", &page[..start], &page[end..])
        .replace("</body>", &format!("{MEASURE}</body>"))
}

#[test]
fn slow_the_page_asks_the_network_for_nothing() {
    let Some(browser) = Browser::find() else {
        return;
    };
    // Watched, because a dialog would wait for an answer.
    let loading = format!("<!DOCTYPE html><head>{WATCH}</head><body>{HOSTILE}");
    browser.load(&loading);
    let requests = browser.requests();
    assert!(
        requests
            .iter()
            .any(|request| request.contains("probe.invalid")),
        "a page that loads must be seen to load: {requests:?}"
    );
    for page in [poisoned(), watched(&poisoned())] {
        browser.load(&page);
        assert_eq!(browser.requests(), Vec::<String>::new());
    }
}

#[test]
fn slow_the_console_stays_silent() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let failing = "<!DOCTYPE html><body><script>console.error('seen'); undefined.x</script>";
    let said = console(&browser.load(failing));
    assert!(said.iter().any(|line| line.contains("seen")), "{said:?}");
    for page in [html(&builder::sampled()), poisoned()] {
        assert_eq!(console(&browser.load(&page)), Vec::<String>::new());
    }
}

#[test]
fn slow_text_from_outside_runs_nothing() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let running = browser.load(&format!(
        "<!DOCTYPE html><head>{WATCH}</head><body>{HOSTILE}"
    ));
    assert_eq!(told(&running, "alerted").as_deref(), Some("yes"));
    let page = browser.load(&watched(&poisoned()));
    assert!(told(&page, "watched").is_some(), "it was watched");
    assert_eq!(told(&page, "alerted"), None);
}

#[test]
fn slow_the_page_is_no_wider_than_a_phone() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let wide = browser.load_on_phone(&format!(
        "<!DOCTYPE html><head><meta name=viewport content='width=device-width'></head>\
         <body><p style='width:900px'>wide{MEASURE}</body>"
    ));
    assert!(told(&wide, "page").and_then(|width| width.parse().ok()) >= Some(900));
    let long = "a_name_without_any_space_".repeat(20);
    for text in ["warm/short", HOSTILE, &long] {
        let mut record = builder::sampled();
        record.suitability = Some(builder::suitability());
        builder::poison(&mut record, text);
        let page = browser.load_on_phone(&watched(&html(&record)));
        assert_eq!(told(&page, "window").as_deref(), Some("400"));
        let width: u32 = told(&page, "page")
            .and_then(|width| width.parse().ok())
            .expect("a width");
        assert!((300..=400).contains(&width), "{width}: {text}");
    }
}

#[test]
fn slow_the_page_of_results_fits_a_phone_and_loads_nothing() {
    let Some(browser) = Browser::find() else {
        return;
    };
    for text in ["candle", HOSTILE] {
        let page = results::page(text);
        let on_phone = browser.load_on_phone(&watched(&page));
        let width: u32 = told(&on_phone, "page")
            .and_then(|width| width.parse().ok())
            .expect("a width");
        assert!((300..=400).contains(&width), "{width}: {text}");
        assert_eq!(told(&on_phone, "alerted"), None);
        browser.load(&page);
        assert_eq!(console(&browser.load(&page)), Vec::<String>::new());
        assert_eq!(browser.requests(), Vec::<String>::new());
    }
}
