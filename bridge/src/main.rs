//! The command line of `switchboard`. It reads what is asked for and hands it on; nothing is decided here.

use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use bridge::broker::Action;
use bridge::cli::{self, PublishArgs, SubscribeArgs};
use bridge::server::{self, Options, config};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

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
        #[arg(long, value_name = "FILE", env = "SWITCHBOARD_CONFIG", default_value = "switchboard.toml")]
        config: PathBuf,
    },
    /// Copy all state to a file, while it is in use or not
    Backup {
        /// The file to write
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Put such a copy into a folder without state
    Restore {
        /// The copy
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Publish one message to a broker
    Pub(PublishArgs),
    /// Print the messages of a broker
    Sub(SubscribeArgs),
    /// Say who may log in
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Say whether a user may do something, and which rule decides
    Why(WhyArgs),
    /// Let the simulated devices join another broker
    #[command(disable_help_flag = true)]
    Demo {
        /// The broker's name or address
        #[arg(short = 'h', long, default_value = "127.0.0.1", value_name = "HOST")]
        host: String,
        /// The broker's MQTT port
        #[arg(short, long, default_value_t = 1883)]
        port: u16,
        /// Print help
        #[arg(long, action = ArgAction::Help)]
        help: Option<bool>,
    },
}

/// Whose state a command is about.
#[derive(Args, Clone, Debug)]
struct Place {
    /// Read the folder from this configuration
    #[arg(long, value_name = "FILE", env = "SWITCHBOARD_CONFIG")]
    config: Option<PathBuf>,
    /// Where state lives
    #[arg(long, value_name = "DIR", env = "SWITCHBOARD_DATA")]
    data: Option<String>,
}

#[derive(Args, Clone, Debug)]
struct WhyArgs {
    /// The user; `anonymous` is whoever comes without one
    user: String,
    /// What it would do
    #[arg(value_enum)]
    action: WhyAction,
    /// A topic, or a filter to subscribe to
    topic: String,
    /// The client id it would come with
    #[arg(long, value_name = "ID", default_value = "")]
    client_id: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WhyAction {
    Publish,
    Subscribe,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Read a password and let this user log in with it; the password of one that exists is changed
    Add {
        /// The user's name
        name: String,
        /// A group it is in, for rules; may be repeated
        #[arg(long, value_name = "NAME")]
        group: Vec<String>,
        /// Let it log in by SCRAM-SHA-256 too
        #[arg(long)]
        scram: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print all users: name, how they log in, groups, where they stand
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Let this user log in no more, and end its connections
    Remove {
        /// The user's name
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Take over the users of a password file of Mosquitto
    Import {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
    /// Read a password and print the entry of a user who logs in by SCRAM-SHA-256
    Scram {
        /// The user's name
        name: String,
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
    #[arg(long, value_name = "ADDR", value_parser = address)]
    http: Vec<SocketAddr>,
    /// Speak MQTT over TCP here; may be repeated, port 0 picks one [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDR", value_parser = address)]
    tcp: Vec<SocketAddr>,
    /// Serve the panel and MQTT over WebSocket with TLS here; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = address)]
    https: Vec<SocketAddr>,
    /// Speak MQTT over TLS here; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = address)]
    tls: Vec<SocketAddr>,
    /// Speak MQTT over a socket of this machine with this path; may be repeated
    #[arg(long, value_name = "PATH")]
    unix: Vec<PathBuf>,
    /// Listen on this machine's network addresses too, and print a code for the phone
    #[arg(long)]
    lan: bool,
    /// Let clients of other machines in without a password
    #[arg(long)]
    anonymous: bool,
    /// Let simulated devices join
    #[arg(long)]
    demo: bool,
    /// Serve clients on this many threads; `auto` takes one for each core
    #[arg(long, value_name = "N", env = "SWITCHBOARD_SHARDS")]
    shards: Option<String>,
    /// Spread clients over these threads `when-busy`, which is when one is not enough, or `always`
    #[arg(long, value_name = "WHEN", env = "SWITCHBOARD_SPREAD")]
    spread: Option<String>,
    /// Serve the panel from this folder instead of the one built in
    #[arg(long, value_name = "DIR", env = "SWITCHBOARD_APP_DIR")]
    app: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let hint = "write an IP address and a port, as 127.0.0.1:1883, 0.0.0.0:1883 or [::1]:1883";
    text.parse().map_err(|_| hint.to_owned())
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
        Some(Command::Backup { file, place }) => copy(place, |folder| {
            let records = server::store::backup(folder, &file)?;
            Ok(format!("{records} records of {} were copied to {}", folder.display(), file.display()))
        }),
        Some(Command::Restore { file, place }) => copy(place, |folder| {
            let records = server::store::restore(folder, &file)?;
            Ok(format!("{records} records of {} were put back into {}", file.display(), folder.display()))
        }),
        Some(Command::Pub(args)) => client(cli::publish(args)),
        Some(Command::Sub(args)) => client(cli::subscribe(args)),
        Some(Command::User { command }) => {
            user(command).map_err(Failure::Usage).and_then(|said| answer(&said))
        }
        Some(Command::Why(args)) => why(args).map_err(Failure::Usage).and_then(|said| answer(&said)),
        Some(Command::Demo { host, port, .. }) => demo(&host, port),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => fail(&error, 2),
        Err(Failure::Running(error)) => fail(&error, 1),
    }
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "switchboard: {error:#}"); // or nobody is there to be told
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
    if !args.https.is_empty() {
        file.listen.https = args.https;
    }
    if !args.unix.is_empty() {
        file.listen.unix = args.unix;
    }
    if !args.tls.is_empty() {
        file.listen.tls = args.tls;
    }
    file.data.path = args.data.or(file.data.path);
    if let Some(shards) = args.shards {
        file.server.set_shards(&shards)?;
    }
    if let Some(spread) = args.spread {
        file.server.spread = Some(spread);
        file.server.spread()?;
    }
    file.auth.anonymous |= args.anonymous;
    file.demo.enabled |= args.demo;
    Ok(Options { file, config: args.config, anonymous: args.anonymous, lan: args.lan, app: args.app })
}

fn check(path: &Path) -> Result<(), Failure> {
    let read = || {
        let file = config::File::read(path)?;
        server::tls::check(&file.tls)?;
        let warnings = server::users::nobody(&file)?;
        Options { file, ..Options::default() }.check()?; // as `serve` does: what is valid can be served
        Ok(warnings)
    };
    let warnings = read().map_err(Failure::Usage)?;
    for warning in warnings {
        answer(&format!("warning: {warning}"))?;
    }
    answer(&format!("{} is valid", path.display()))
}

fn why(args: WhyArgs) -> Result<String> {
    server::log_to_stderr();
    let action = match args.action {
        WhyAction::Publish => Action::Publish,
        WhyAction::Subscribe => Action::Read,
    };
    cli::why(&args.place.settings()?, &args.user, &args.client_id, action, &args.topic)
}

/// Says or changes who may log in.
fn user(command: UserCommand) -> Result<String> {
    server::log_to_stderr();
    match command {
        UserCommand::Add { name, group, scram, place } => {
            cli::add_user(&place.settings()?, &name, group, scram)
        }
        UserCommand::List { place } => cli::list_users(&place.settings()?),
        UserCommand::Remove { name, place } => cli::remove_user(&place.settings()?, &name),
        UserCommand::Import { file, place } => cli::import_users(&place.settings()?, &file),
        UserCommand::Scram { name } => cli::user_entry(&name),
    }
}

impl Place {
    /// The configuration with the folder that was named.
    fn settings(self) -> Result<config::File> {
        let mut file = self.config.as_deref().map(config::File::read).transpose()?.unwrap_or_default();
        file.data.path = self.data.or(file.data.path);
        Ok(file)
    }
}

/// Copies state to or from a file.
/// Copies the state of a folder, or puts it back, and says what was done.
fn copy(place: Place, copy: impl FnOnce(&Path) -> Result<String>) -> Result<(), Failure> {
    server::log_to_stderr();
    let folder = || {
        let settings = place.settings()?;
        server::data::place(&settings.data)?
            .context("`:memory:` keeps nothing that could be copied; name a folder with --data")
    };
    let folder = folder().map_err(Failure::Usage)?;
    answer(&copy(&folder).map_err(Failure::Running)?)
}

/// Prints the answer to a command.
fn answer(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Running(anyhow!("standard output cannot be written: {error}")))
        }
        _ => Ok(()), // the reader may have seen enough
    }
}

/// Runs a command that is a client of some broker.
fn client(command: impl Future<Output = Result<(), cli::Error>>) -> Result<(), Failure> {
    let done = block_on(command).map_err(Failure::Running)?;
    done.map_err(|error| match error.exit_code() {
        2 => Failure::Usage(error.into()),
        _ => Failure::Running(error.into()),
    })
}

fn demo(host: &str, port: u16) -> Result<(), Failure> {
    server::log_to_stderr();
    let ended = block_on(bridge::demo::run(format!("{host}:{port}"))).map_err(Failure::Running)?;
    Err(Failure::Running(anyhow!("the demo device was turned away: {ended}")))
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("the runtime could not be started")?.block_on(future))
}
