//! The log and stdout when whoever reads them is slow or gone, or their disk is full: the broker goes on.

use std::net::SocketAddr;
use std::path::Path;

use mqtt::packet::Connect;
use mqtt::{ReasonCode, Version};
use tests::{Client, Process, Request, TempFolder, Wire, program};

/// Starts one by a shell, which says where its output goes.
fn start(script: &str, more: &[&str]) -> Process {
    let serve = "exec \"$1\" --http 127.0.0.1:0 --tcp 127.0.0.1:0 --data :memory:";
    let (script, program) = (script.replace("SERVE", serve), program());
    Process::start(Path::new("sh"), &[&["-c", &script, "sh", &program.to_string_lossy()], more].concat())
}

fn places(process: &Process) -> (SocketAddr, SocketAddr) {
    process.stdout.find("`listening http=… tcp=…`", |line| {
        let place = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)?.parse().ok());
        Some((place("http=")?, place("tcp=")?))
    })
}

fn lets_in(tcp: SocketAddr, client_id: &str) {
    let mut client = Client::new(Wire::tcp(tcp), Version::V5);
    assert_eq!(client.connect(&Connect::new(Version::V5, client_id)).reason, ReasonCode::Success);
    client.disconnect();
}

#[test]
fn a_log_that_cannot_be_written_ends_nothing_and_is_counted() {
    let mut process = start("SERVE 2>/dev/full", &[]);
    let (http, tcp) = places(&process);
    lets_in(tcp, "alice");
    tests::until("lost lines", tests::PATIENCE, || {
        let metrics = Request::get("/metrics").send(http);
        let lost = |line: &str| line.strip_prefix("switchboard_log_lines_lost_total ")?.parse::<u64>().ok();
        (metrics.text().lines().find_map(lost).expect("it is counted") > 0).then_some(())
    });
    lets_in(tcp, "alice");
    assert_eq!(process.terminate().code(), Some(0));
}

/// What a pipe holds, and some more.
#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let folder = TempFolder::new("log");
    std::fs::create_dir_all(&folder.0).expect("the folder for temporary files can be written to");
    let pipe = folder.0.join("pipe");
    let mut process = start("mkfifo \"$2\" && exec 9<>\"$2\" && SERVE 2>\"$2\"", &[&pipe.to_string_lossy()]);
    let (_, tcp) = places(&process);
    for n in 0..400 {
        lets_in(tcp, &format!("{n}-{}", "x".repeat(200)));
    }
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn a_line_that_nobody_takes_ends_nothing() {
    let mut process = start("SERVE >/dev/full", &[]);
    process.stderr.expect(&["WARN", "standard output cannot be written"]);
    process.stderr.expect(&["open http://"]);
    assert_eq!(process.terminate().code(), Some(0));
}

#[test]
fn an_answer_that_cannot_be_written_is_told() {
    let mut full = Process::start(
        Path::new("sh"),
        &["-c", "exec \"$1\" user list --data :memory: >/dev/full", "sh", &program().to_string_lossy()],
    );
    assert_eq!(full.wait(tests::PATIENCE).code(), Some(1));
    full.stderr.expect(&["switchboard: standard output cannot be written"]);
}
