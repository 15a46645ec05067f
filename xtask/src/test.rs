//! `cargo xtask test`: every proof there is, cheapest first, up to the first that fails.
//!
//! Knows which commands prove what, not what they contain.

mod bridge;
mod control;
pub(crate) mod lighthouse;
pub(crate) mod trunk;

use std::{
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    bench,
    build::{self, Profile},
    command::{self, cargo},
    deny, guard, npm,
    report::{self, Outcome},
    sim, spec, system,
    tools::{self, WASM},
};

/// One proof: its name, what it shows, and the function that runs it.
struct Step {
    name: &'static str,
    shows: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: [Step; 17] = [
    Step { name: "fmt", shows: "the code is formatted", run: fmt },
    Step { name: "spec", shows: "every normative statement has its code and its test", run: spec::check },
    Step {
        name: "deny",
        shows: "licences, versions and sources of all crates are what deny.toml takes",
        run: deny::check,
    },
    Step { name: "clippy", shows: "no lint complains, natively and for the browser", run: clippy },
    Step { name: "doc", shows: "the documentation builds without a warning", run: doc },
    Step {
        name: "pure",
        shows: "protocol and broker need no operating system, the client no app",
        run: pure,
    },
    Step { name: "unit", shows: "unit tests", run: unit },
    Step { name: "bite", shows: "the simulation notices rules that are switched off", run: bite },
    Step { name: "guard", shows: "a message costs no more than was accepted", run: guard::check },
    Step { name: "build", shows: "page and program build", run: build },
    Step { name: "bench", shows: "the comparison of brokers works, with a few messages", run: bench },
    Step { name: "npm", shows: "the npm package builds, and its types fit a program", run: npm::npm },
    Step {
        name: "lighthouse",
        shows: "the page on a phone: quick, usable by everyone, well made",
        run: lighthouse::check,
    },
    Step { name: "system", shows: "the program with real peers, the page in a browser", run: whole },
    Step { name: "shards", shows: "the program with real peers, on two threads", run: two_shards },
    Step { name: "wasm", shows: "the browser's client against the program, in Chromium", run: wasm },
    Step { name: "trunk", shows: "Trunk builds the page and serves it beside a bridge", run: trunk },
];

/// Crates that are compiled for this machine. The page's crate is not: it is checked as what it is, wasm.
const NATIVE: [&str; 10] = ["-p", "mqtt", "-p", "bridge", "-p", "tests", "-p", "load", "-p", "xtask"];

/// The steps, for the help.
pub(crate) fn step_list() -> String {
    let lines: Vec<String> = STEPS.iter().map(|step| format!("  {:10} {}", step.name, step.shows)).collect();
    lines.join("\n")
}

/// Runs the named steps, or all when none is named, and says how they ended; the count is the last line.
pub(crate) fn test(only: &[&str]) -> Result<ExitCode> {
    for name in only {
        ensure!(
            STEPS.iter().any(|step| step.name == *name),
            "there is no step `{name}`; steps are\n{}",
            step_list()
        );
    }
    let mut done = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for step in STEPS.iter().filter(|step| only.is_empty() || only.contains(&step.name)) {
        println!("\n── {}: {} ──", step.name, step.shows);
        let started = now();
        let result = (step.run)();
        let took = started.elapsed();
        println!("── {}: {} ──", step.name, report::seconds(took));
        done.push((step.name, if result.is_ok() { Outcome::Passed } else { Outcome::Failed }, took));
        if let Err(error) = result {
            println!("\n{} failed: {error:#}", step.name);
            code = ExitCode::FAILURE;
            break;
        }
    }
    println!("\n{}", report::steps(&done));
    Ok(code)
}

fn fmt() -> Result<()> {
    command::run(&mut cargo(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    tools::wasm_target()?;
    let mut native = cargo(["clippy", "--locked", "--all-targets"]);
    command::run(native.args(NATIVE).args(["--", "-Dwarnings"]))?;
    // This lints mqtt for the browser too, without its property tests, which need an operating system's randomness.
    let mut wasm = cargo(["clippy", "--locked", "--all-targets", "--target", WASM]);
    command::run(wasm.args([
        "-p",
        "client-wasm",
        "-p",
        "client-npm",
        "--features",
        "client-wasm/durable",
        "--",
        "-Dwarnings",
    ]))
}

fn doc() -> Result<()> {
    tools::wasm_target()?;
    let mut native = cargo(["doc", "--locked", "--no-deps"]);
    command::run(native.args(NATIVE).env("RUSTDOCFLAGS", "-Dwarnings"))?;
    let mut wasm =
        cargo(["doc", "--locked", "--no-deps", "--target", WASM, "-p", "client-wasm", "-p", "client-npm"]);
    command::run(wasm.env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// The imports point one way: what is pure compiles where there is neither socket nor clock nor file, and the browser's
/// client without the app that stands on it.
fn pure() -> Result<()> {
    tools::wasm_target()?;
    let mut check = cargo(["check", "--locked", "--no-default-features", "--target", WASM]);
    command::run(check.args(["-p", "mqtt", "-p", "bridge", "-p", "client-wasm"]))
}

fn unit() -> Result<()> {
    let mut test = cargo(["test", "--locked", "-p", "mqtt", "-p", "bridge", "-p", "client-wasm"]);
    command::run(test.args(["-p", "client-npm", "-p", "load", "-p", "xtask"]))
}

/// A few of them; `cargo xtask sim --bite` does it with all.
fn bite() -> Result<()> {
    sim::sim(&["--bite", "is taken once", "has DUP", "waits for its delay", "--seeds", "50"])
}

/// What the page may weigh in brotli, all that it loads by itself on a first visit to devices of every convention.
const FIRST_VISIT: usize = 190_000;

fn build() -> Result<()> {
    let (_, bytes) = build::weighed(Profile::Release)?;
    ensure!(bytes <= FIRST_VISIT, "a first visit weighs {bytes} bytes, and at most {FIRST_VISIT} are right");
    Ok(())
}

fn bench() -> Result<()> {
    system::peers()?;
    bench::bench(&["--quick", "--rounds", "1", "--only", "pairs-q1,ws-pairs-q0,acked-many"])
}

/// Tests that measure time to a few milliseconds, or ask what the very next frame shows. On two cores a browser of another test
/// would be what they measure.
const MEASURE: [&str; 3] = ["burst::", "pace::", "panel::"];

fn whole() -> Result<()> {
    system::peers()?;
    let mut most = browser_tests(["test", "--locked", "-p", "tests", "--"])?;
    command::run(most.args(MEASURE.iter().flat_map(|name| ["--skip", name])))?;
    let alone =
        ["test", "--locked", "-p", "tests", "--test", "page", "--test", "e2e", "--", "--test-threads", "1"];
    command::run(browser_tests(alone)?.args(MEASURE))
}

/// What clients see must be the same on several threads. These mostly wait, so more of them run at once than there are cores.
fn two_shards() -> Result<()> {
    system::peers()?;
    let mut test = browser_tests(["test", "--locked", "-p", "tests"])?;
    test.args(["--test", "e2e", "--test", "durable", "--test", "interop", "--", "--test-threads", "4"]);
    command::run(test.env("SWITCHBOARD_TEST_SHARDS", "2"))
}

/// The tests in the browser reach a bridge of their own, and stop and start it through a small endpoint.
///
/// They learn both addresses when they are compiled: a page has no environment.
fn wasm() -> Result<()> {
    system::peers()?;
    tools::wasm_target()?;
    let runner = tools::wasm_bindgen()?.with_file_name("wasm-bindgen-test-runner");
    let control = control::start()?;
    let mut test = browser_tests([
        "test",
        "--locked",
        "-p",
        "client-wasm",
        "--features",
        "durable,hooks",
        "--tests",
        "--target",
        WASM,
    ])?;
    test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("SWITCHBOARD_TEST_HTTP", control.bridge_http().to_string())
        .env("SWITCHBOARD_TEST_CONTROL", control.address().to_string());
    command::run(&mut test)
}

fn trunk() -> Result<()> {
    tools::wasm_target()?;
    tools::wasm_bindgen()?;
    let trunk = system::trunk()?;
    trunk::builds(&trunk)?;
    trunk::serves(&trunk)
}

/// A cargo command whose tests find the program, the tools and a browser's driver.
pub(crate) fn browser_tests<const N: usize>(arguments: [&str; N]) -> Result<Command> {
    let binary = Profile::Release.binary();
    ensure!(binary.is_file(), "{} is not built yet: `cargo xtask build`", binary.display());
    let mut command = cargo(arguments);
    command
        .env("SWITCHBOARD_BIN", binary)
        .env("SWITCHBOARD_TOOLS", tools::folder())
        .env("CHROMEDRIVER", system::chromedriver().context("there is no chromedriver")?);
    Ok(command)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock of this process: it times steps and waits for programs"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Asks again and again until there is an answer, for at most `limit`.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        ensure!(now() < deadline, "{what}: nothing within {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}
