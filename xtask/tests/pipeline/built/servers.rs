//! Programs that serve: trained, verified and measured by a driver.

use std::path::{Path, PathBuf};

use crate::xtask::{copy_of, pgo, place, run, scratch};

const SPEC: &str = r#"name = "served"

[target]
manifest = "Cargo.toml"
package = "faulty"
bin = "faulty"

[[train]]
name = "load"
args = ["serve", "--port-file=port.txt"]
prepare = ["sh", "-c", "rm -f port.txt"]
ready = { line = '^listening' }
driver = ["python3", "drive.py", "--port-file=port.txt", "7"]
timeout = "10s"

[[scenario]]
name = "load"
kind = "cold"
args = ["serve", "--port-file=port.txt"]
prepare = ["sh", "-c", "rm -f port.txt"]
ready = { line = '^listening' }
driver = ["python3", "drive.py", "--port-file=port.txt", "8"]
stop = "SIGINT"
timeout = "10s"
"#;

const DRIVER: &str = r#"import socket
import sys

port = int(open(sys.argv[1].split("=")[1]).read())
for number in range(10):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"%d\n" % (int(sys.argv[2]) + number))
        print(connection.makefile().readline().strip())
"#;

/// A package with a driver, and a spec of a server.
fn package(directory: &Path) -> PathBuf {
    let package = copy_of("faulty", directory);
    std::fs::write(package.join("drive.py"), DRIVER).expect("a script");
    std::fs::write(package.join("served.toml"), SPEC).expect("a spec");
    package
}

#[test]
fn slow_a_server_is_trained_and_measured_by_its_driver() {
    let directory = scratch();
    let spec = package(directory.path()).join("served.toml");
    let mut command = pgo(place(&spec, &directory.path().join("out")));
    // Ten pairs are the least, and each of their processes starts a Python.
    let record = run(command.args(["--budget", "8s", "--json"]))
        .succeeded()
        .record();
    assert!(record["profile"]["functions_covered"].as_u64() > Some(0));
    let checks = record["verification"]["checks"].as_array().expect("checks");
    let servers = checks
        .iter()
        .find(|check| check["name"] == "servers-driven")
        .expect("a check on servers");
    let detail = servers["detail"].as_str().expect("a text");
    assert!(detail.contains("load is that of the driver"), "{detail}");
    let sample = &record["scenarios"][0]["samples"]["restarts"][0]["pairs"][0]["baseline"];
    assert!(sample["wall_ns"].as_u64() > Some(0), "{sample}");
}

/// None of these trains half a program without a word.
#[test]
fn slow_a_server_must_be_ready_be_driven_and_end_by_itself() {
    let directory = scratch();
    let spec = package(directory.path()).join("served.toml");
    let out = directory.path().join("out");
    for (from, to, message) in [
        (
            "driver = [",
            "stop = \"SIGTERM\"\ndriver = [",
            "was killed by signal 15",
        ),
        ("'^listening'", "'^ready'", "was not ready within 3s"),
        ("\"7\"", "\"seven\"", "driver, which ended with exit code 1"),
        (
            "rm -f port.txt",
            "exit 9",
            "`prepare` ended with exit code 9",
        ),
    ] {
        let text = SPEC.replacen(from, to, 1).replace("10s", "3s");
        assert!(text.contains(to), "`{from}` is not in the spec");
        std::fs::write(&spec, text).expect("a spec");
        run(pgo(["train"]).args(place(&spec, &out))).failed(23, message);
    }
}
