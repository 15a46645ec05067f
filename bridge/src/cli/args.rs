//! What `pub` and `sub` have in common on the command line: the habits of mosquitto_pub and mosquitto_sub.

use clap::{ArgAction, Args};
use mqtt::client::{Config, Password, ScramLogin};
use mqtt::{Qos, Version};

use super::{Error, Link};

/// Where to connect and as whom.
#[derive(Clone, Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ConnectArgs {
    /// The broker's name or address
    #[arg(short = 'h', long, default_value = "127.0.0.1", value_name = "HOST")]
    pub host: String,

    /// The broker's MQTT port
    #[arg(short, long, default_value_t = 1883)]
    pub port: u16,

    /// The client identifier; without it the broker chooses one
    #[arg(short, long)]
    pub id: Option<String>,

    /// The user name
    #[arg(short, long)]
    pub username: Option<String>,

    /// The password
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD")]
    pub password: Option<String>,

    /// Log in by SCRAM-SHA-256 (5.0): the password does not leave this machine, and the server must prove that it knows the user
    #[arg(long, requires = "username", requires = "password")]
    pub scram: bool,

    /// The protocol version: 3.1, 3.1.1 or 5 (also 31, 311, mqttv5, …); without it 5.0, and 3.1.1 where that is not spoken
    #[arg(short = 'V', long, value_parser = version)]
    pub protocol_version: Option<Version>,

    /// Seconds between signs of life
    #[arg(short, long, default_value_t = 60)]
    pub keepalive: u16,

    /// The quality of service: 0, 1 or 2
    #[arg(short, long, default_value = "0", value_parser = qos)]
    pub qos: Qos,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
}

impl ConnectArgs {
    /// `host:port`, as it is dialled and named in messages.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') && !self.host.starts_with('[') {
            return format!("[{}]:{}", self.host, self.port);
        }
        format!("{}:{}", self.host, self.port)
    }

    /// A link that waits to be started.
    pub(super) fn link(&self) -> Result<Link, Error> {
        let mut link = Link::new(self.address(), self.config());
        if let (true, Some(user), Some(password)) = (self.scram, &self.username, &self.password) {
            if !self.config().version.is_5() {
                return Err(Error::ScramBefore5); // and not let in as nobody
            }
            let mut secret = [0; 32];
            getrandom::fill(&mut secret).map_err(|_| Error::NoRandom)?;
            let login = ScramLogin::new(user, password, secret);
            link.with(|client, _| client.set_authenticator(Some(Box::new(login))));
        }
        Ok(link)
    }

    fn config(&self) -> Config {
        Config {
            version: self.protocol_version.unwrap_or(Version::V5),
            fall_back: self.protocol_version.is_none(),
            client_id: self.id.clone().unwrap_or_default(),
            user_name: self.username.clone().filter(|_| !self.scram),
            password: self.password.as_deref().map(Password::from).filter(|_| !self.scram),
            keep_alive_s: self.keepalive,
            max_packet_bytes: u32::MAX,
            max_queued_bytes: usize::MAX,
            ..Config::default()
        }
    }
}

fn version(text: &str) -> Result<Version, String> {
    match text.trim_start_matches("mqttv") {
        "3.1" | "31" | "3" => Ok(Version::V3_1),
        "3.1.1" | "311" | "4" => Ok(Version::V3_1_1),
        "5" | "5.0" | "50" => Ok(Version::V5),
        _ => Err("the versions are 3.1, 3.1.1 and 5".into()),
    }
}

fn qos(text: &str) -> Result<Qos, String> {
    text.parse().ok().and_then(Qos::from_level).ok_or_else(|| "the quality of service is 0, 1 or 2".into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{PublishArgs, SubscribeArgs};

    #[derive(Debug, Parser)]
    enum Line {
        /// Publish
        Pub(PublishArgs),
        /// Subscribe
        Sub(SubscribeArgs),
    }

    fn parse(line: &str) -> Result<Line, clap::Error> {
        Line::try_parse_from(std::iter::once("switchboard").chain(line.split(' ')))
    }

    #[test]
    fn the_habits_of_mosquitto_work() {
        let Ok(Line::Pub(args)) =
            parse("pub -h ::1 -p 1884 -t a/b -m ON -q 1 -r -u me -P secret -V 311 -i x")
        else {
            panic!("pub")
        };
        assert_eq!(args.connect.address(), "[::1]:1884");
        assert_eq!((args.topic.as_str(), args.message.as_deref(), args.retain), ("a/b", Some("ON"), true));
        let config = args.connect.config();
        assert_eq!(
            (config.version, config.fall_back, config.client_id.as_str()),
            (Version::V3_1_1, false, "x")
        );
        assert_eq!(config.password, Some(Password::from("secret")));
        assert_eq!(args.connect.qos, Qos::AtLeastOnce);
        let Ok(Line::Sub(args)) = parse("sub -t a/# -t b -v -C 3 -W 5 -V mqttv5") else { panic!("sub") };
        assert_eq!(
            (args.topics.len(), args.verbose, args.count, args.timeout_s),
            (2, true, Some(3), Some(5))
        );
        assert_eq!(args.connect.address(), "127.0.0.1:1883");
    }

    #[test]
    fn with_scram_the_password_is_not_in_connect() {
        let Ok(Line::Pub(args)) = parse("pub -t a -m x --scram -u alice -P pencil") else { panic!("pub") };
        let config = args.connect.config();
        assert_eq!((config.user_name, config.password), (None, None));
    }

    #[test]
    fn with_scram_an_older_version_is_refused() {
        let Ok(Line::Pub(args)) = parse("pub -t a -m x --scram -u alice -P pencil -V 3.1.1") else {
            panic!("pub")
        };
        assert!(matches!(args.connect.link(), Err(Error::ScramBefore5)));
    }

    #[test]
    fn bad_usage_is_refused() {
        for line in [
            "pub -m x",
            "pub -t a -m x -n",
            "pub -t a -m x -q 3",
            "sub -v",
            "sub -t a -V 6",
            "pub -t a -m x -p 70000",
            "pub -t a -m x --scram",
            "pub -t a -m x --scram -u alice",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn help_is_the_commands_own() {
        let help = parse("pub --help").unwrap_err().to_string();
        assert!(help.starts_with("Publish"), "{help}");
        assert!(help.contains("-h, --host <HOST>"), "{help}");
    }
}
