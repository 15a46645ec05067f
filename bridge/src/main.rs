//! The command line of `switchboard`. It reads what is asked for and hands it on; nothing is decided here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use bridge::server::{self, Options, config};
use clap::{Args, Parser, Subcommand};

/// Turns any browser into the front panel of your devices: an MQTT broker that serves the panel on the same port.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the panel and the broker (the default)
    Serve(Serve),
    /// Say what is wrong with a configuration
    Check {
        /// The file to check
        #[arg(long, value_name = "FILE", default_value = "switchboard.toml")]
        config: PathBuf,
    },
}

#[derive(Args, Clone, Debug)]
struct Serve {
    /// Read settings from this file; flags win over it
    #[arg(long, value_name = "FILE", env = "SWITCHBOARD_CONFIG")]
    config: Option<PathBuf>,
    /// Where state lives; `:memory:` keeps nothing
    #[arg(long, value_name = "DIR", env = "SWITCHBOARD_DATA")]
    data: Option<String>,
    /// Serve the panel and MQTT over WebSocket here; may be repeated, port 0 picks one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http: Vec<SocketAddr>,
    /// Speak MQTT over TCP here; may be repeated, port 0 picks one [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR")]
    tcp: Vec<SocketAddr>,
    /// Listen on this machine's network addresses too, and print a code for the phone
    #[arg(long)]
    lan: bool,
    /// Let clients of other machines in without a password
    #[arg(long)]
    anonymous: bool,
    /// Let simulated devices join
    #[arg(long)]
    demo: bool,
    /// Serve the panel from this folder instead of the one built in
    #[arg(long, value_name = "DIR", env = "SWITCHBOARD_APP_DIR")]
    app: Option<PathBuf>,
}

/// What went wrong, and how the process says it.
#[derive(Debug)]
enum Failure {
    /// Bad usage or configuration: exit code 2.
    Usage(anyhow::Error),
    /// Failed while running: exit code 1.
    Running(anyhow::Error),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve(cli.serve),
        Some(Command::Serve(args)) => serve(args),
        Some(Command::Check { config }) => check(&config),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => fail(&error, 2),
        Err(Failure::Running(error)) => fail(&error, 1),
    }
}

#[expect(clippy::print_stderr, reason = "the person at the terminal is told what went wrong")]
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("switchboard: {error:#}");
    ExitCode::from(code)
}

fn serve(args: Serve) -> Result<(), Failure> {
    let options = options(args).map_err(Failure::Usage)?;
    options.check().map_err(Failure::Usage)?;
    server::run(options).map_err(Failure::Running)
}

fn options(args: Serve) -> Result<Options> {
    let mut file = args.config.as_deref().map(config::File::read).transpose()?.unwrap_or_default();
    if !args.http.is_empty() {
        file.listen.http = args.http;
    }
    if !args.tcp.is_empty() {
        file.listen.tcp = args.tcp;
    }
    file.data.path = args.data.or(file.data.path);
    file.auth.anonymous |= args.anonymous;
    file.demo.enabled |= args.demo;
    Ok(Options { file, lan: args.lan, app: args.app })
}

#[expect(clippy::print_stdout, reason = "the answer to the command")]
fn check(path: &std::path::Path) -> Result<(), Failure> {
    config::File::read(path).map_err(Failure::Usage)?;
    println!("{} is valid", path.display());
    Ok(())
}
