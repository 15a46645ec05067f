//! `cargo xtask`: the chores of this repository, standing behind the README's two commands.
//!
//! Knows nothing of MQTT or of the page's contents. It calls cargo, wasm-bindgen and the tests in the right order, with the
//! right versions, and says in one sentence what is missing.
#![expect(clippy::print_stdout, reason = "a command-line tool: what it has to say goes to the terminal")]

mod bench;
mod build;
mod command;
mod deny;
mod fuzz;
mod guard;
mod npm;
mod page;
mod report;
mod run;
mod scale;
mod sim;
mod spec;
mod system;
mod test;
mod tools;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask build [--debug]      the page, and target/release/switchboard with the page inside
cargo xtask npm                  the browser's client as an npm package in target/npm, and what it weighs
cargo xtask bench-page [CLIENT]… how fast it takes messages in Chromium, beside MQTT.js, Paho and u8-mqtt
cargo xtask run [-- ARGS]        build, then start `switchboard --demo ARGS`
cargo xtask test [--only NAME]…  everything that proves it; NAME is one of the steps below
cargo xtask sim [--seeds N] [--from SEED] | [--seed SEED]
                                 the simulation, from a seed on; or one seed, with what happened last
cargo xtask fuzz [TARGET]… [--seconds 60] [--keep]
                                 what a fuzzer finds in that time; needs a nightly toolchain
cargo xtask sim --bite [WORD]…   whether it notices when a rule is switched off: those with a WORD in them, or all
cargo xtask scale [NUMBER]       bytes and time of so many subscriptions and retained messages, a million without it
cargo xtask guard [NAME | --accept]
                                 whether broker and codec take more instructions than was accepted; or one script of that;
                                 or accepts what they take
cargo xtask bench [--rounds 3] [--only LOAD,…] [--peer NAME=TCP:WS:COMMAND]… [--shards 1,…] [--quick]
                                 this broker beside Mosquitto and other peers, as Markdown
cargo xtask bench --plot         how its costs grow, as pictures in target/bench
cargo xtask bench --micro        decoding, encoding, matching and queueing by themselves
cargo xtask spec [--missing]     each normative statement of MQTT with its code and its tests, or only the gaps

build and run need a Rust toolchain, nothing else. What test needs beyond that it installs where it can, and else names.
Tools go to target/tools; delete that folder to fetch them anew.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "-h" | "--help"] => {
            println!("{HELP}\n\n{}", test::step_list());
        }
        ["build"] => drop(build::build(build::Profile::Release)?),
        ["build", "--debug"] => drop(build::build(build::Profile::Debug)?),
        ["run"] => run::run(&[])?,
        ["run", "--", rest @ ..] => run::run(rest)?,
        ["bench", rest @ ..] => bench::bench(rest)?,
        ["fuzz", rest @ ..] => fuzz::fuzz(rest)?,
        ["npm"] => npm::npm()?,
        ["bench-page", rest @ ..] => npm::bench(rest)?,
        ["guard", rest @ ..] => guard::guard(rest)?,
        ["sim", rest @ ..] => sim::sim(rest)?,
        ["scale", rest @ ..] => scale::scale(rest)?,
        ["spec"] => return spec::spec(false),
        ["spec", "--missing"] => return spec::spec(true),
        ["test", rest @ ..] => return test::test(&only(rest)?),
        [first, ..] => bail!("`{first}` with these arguments is not understood; `cargo xtask` lists what is"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The names behind `--only`, which may be repeated.
fn only<'a>(words: &[&'a str]) -> Result<Vec<&'a str>> {
    let mut names = Vec::new();
    let mut rest = words;
    while let [flag, tail @ ..] = rest {
        let ("--only", [name, tail @ ..]) = (*flag, tail) else {
            bail!("`{flag}` is not understood; test takes `--only NAME`");
        };
        names.push(*name);
        rest = tail;
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::only;

    #[test]
    fn only_collects_names_and_refuses_the_rest() {
        assert_eq!(only(&[]).unwrap(), Vec::<&str>::new());
        assert_eq!(only(&["--only", "fmt", "--only", "unit"]).unwrap(), ["fmt", "unit"]);
        assert!(only(&["--only"]).is_err());
        assert!(only(&["fmt"]).is_err());
    }
}
