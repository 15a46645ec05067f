//! What `pub` and `sub` have in common on the command line: the habits of mosquitto_pub and mosquitto_sub.

use clap::{ArgAction, Args};
use mqtt::client::{Config, Password, ScramLogin};
use mqtt::{Qos, Version};

use super::{Error, Link, TlsArgs};

const PORT: u16 = 1883;
const SECURE_PORT: u16 = 8883;

/// Where to connect and as whom.
#[derive(Clone, Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ConnectArgs {
    /// The broker's name or address
    #[arg(short = 'h', long, default_value = "127.0.0.1", value_name = "HOST")]
    pub host: String,

    /// The broker's MQTT port [default: 1883, or 8883 with TLS]
    #[arg(short, long)]
    pub port: Option<u16>,

    /// All in one: `mqtt(s)://[user[:password]@]host[:port]/topic`
    #[arg(short = 'L', long, value_parser = url, conflicts_with_all = ["host", "port", "username", "password"])]
    pub url: Option<Url>,

    /// TLS.
    #[command(flatten)]
    pub tls: TlsArgs,

    /// The client identifier; without it the broker chooses one
    #[arg(short, long)]
    pub id: Option<String>,

    /// The user name
    #[arg(short, long)]
    pub username: Option<String>,

    /// The password
    #[arg(short = 'P', long = "pw", value_name = "PASSWORD", allow_hyphen_values = true)]
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
        let (host, port) = (self.host(), self.port());
        if host.contains(':') && !host.starts_with('[') {
            return format!("[{host}]:{port}");
        }
        format!("{host}:{port}")
    }

    fn host(&self) -> &str {
        self.url.as_ref().map_or(&self.host, |url| &url.host)
    }

    fn port(&self) -> u16 {
        let said = self.url.as_ref().map_or(self.port, |url| url.port);
        let is_secure = self.tls.is_asked_for() || self.url.as_ref().is_some_and(|url| url.is_secure);
        said.unwrap_or(if is_secure { SECURE_PORT } else { PORT })
    }

    /// Whether TLS is spoken: it was asked for, or the port is the one for it, as mosquitto_pub does.
    fn is_secure(&self) -> bool {
        let by_url = self.url.as_ref().is_some_and(|url| url.is_secure);
        by_url || self.tls.is_asked_for() || self.port() == SECURE_PORT
    }

    fn user(&self) -> (Option<&str>, Option<&str>) {
        match &self.url {
            Some(url) => (url.user.as_deref(), url.password.as_deref()),
            None => (self.username.as_deref(), self.password.as_deref()),
        }
    }

    /// The topic of the address, if there is one.
    pub(super) fn topic(&self) -> Option<&str> {
        self.url.as_ref()?.topic.as_deref()
    }

    /// A link that waits to be started.
    pub(super) fn link(&self) -> Result<Link, Error> {
        let mut link = Link::new(self.address(), self.config());
        if self.is_secure() {
            link = link.with_tls(self.tls.client(self.host())?);
        }
        let (user, password) = self.user();
        if let (true, Some(user), Some(password)) = (self.scram, user, password) {
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
        let (user, password) = self.user();
        Config {
            version: self.protocol_version.unwrap_or(Version::V5),
            fall_back: self.protocol_version.is_none(),
            client_id: self.id.clone().unwrap_or_default(),
            user_name: user.map(str::to_owned).filter(|_| !self.scram),
            password: password.map(Password::from).filter(|_| !self.scram),
            keep_alive_s: self.keepalive,
            max_packet_bytes: u32::MAX,
            max_queued_bytes: usize::MAX,
            ..Config::default()
        }
    }
}

/// An address in the form of mosquitto_pub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    is_secure: bool,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    topic: Option<String>,
}

fn url(text: &str) -> Result<Url, String> {
    let (is_secure, rest) = match text.split_once("://") {
        Some(("mqtt", rest)) => (false, rest),
        Some(("mqtts", rest)) => (true, rest),
        _ => return Err("an address begins with mqtt:// or mqtts://".into()),
    };
    let (place, topic) = rest.split_once('/').map_or((rest, None), |(place, topic)| (place, Some(topic)));
    let (login, place) = place.rsplit_once('@').map_or((None, place), |(login, place)| (Some(login), place));
    let (user, password) = match login.map(|login| login.split_once(':').ok_or(login)) {
        Some(Ok((user, password))) => (Some(user), Some(password)),
        Some(Err(user)) => (Some(user), None),
        None => (None, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match place
        .rsplit_once(':')
        .filter(|(host, port)| is_port(port) && (!host.contains(':') || host.ends_with(']')))
    {
        Some((host, port)) => (host, Some(port.parse().map_err(|_| "a port is a number up to 65535")?)),
        None => (place, None),
    };
    if host.is_empty() {
        return Err("an address has a host".into());
    }
    let own = |text: &str| text.to_owned();
    let topic = topic.filter(|topic| !topic.is_empty()).map(own);
    Ok(Url { is_secure, user: user.map(own), password: password.map(own), host: own(host), port, topic })
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
        assert_eq!(
            (args.topic.as_deref().unwrap(), args.message.as_deref(), args.retain),
            ("a/b", Some("ON"), true)
        );
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
    fn what_begins_with_a_hyphen_is_a_message_or_a_password_too() {
        let Ok(Line::Pub(args)) = parse("pub -t a -m -5.3 -u me -P -x-") else { panic!("pub") };
        assert_eq!(args.message.as_deref(), Some("-5.3"));
        assert_eq!(args.connect.config().password, Some(Password::from("-x-")));
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
    fn an_address_says_all_in_one() {
        let of = |line: &str| match parse(line) {
            Ok(Line::Pub(args)) => (args.connect.address(), args.connect.is_secure()),
            other => panic!("{other:?}"),
        };
        assert_eq!(of("pub -t a -m x --cafile ca.pem"), ("127.0.0.1:8883".into(), true));
        assert_eq!(of("pub -t a -m x -p 8883"), ("127.0.0.1:8883".into(), true));
        assert_eq!(of("pub -t a -m x -p 1884 --insecure"), ("127.0.0.1:1884".into(), true));
        assert_eq!(of("pub -m x -L mqtts://house/a/b"), ("house:8883".into(), true));
        assert_eq!(of("pub -m x -L mqtt://house/a/b"), ("house:1883".into(), false));
        assert_eq!(of("pub -m x -L mqtts://[fd00::5]:1234/a"), ("[fd00::5]:1234".into(), true));
        let Ok(Line::Pub(args)) = parse("pub -m x -L mqtts://me:a@b:c@house:1/a/b") else { panic!("pub") };
        assert_eq!(args.connect.user(), (Some("me"), Some("a@b:c")));
        assert_eq!((args.connect.topic(), args.connect.address().as_str()), (Some("a/b"), "house:1"));
        for bad in ["-L http://house/a", "-L mqtts:///a", "-L mqtt://house/a -h other", "--cert x"] {
            assert!(parse(&format!("pub -m x -t a {bad}")).is_err(), "{bad}");
        }
        assert!(parse("pub -m x").is_err() && parse("pub -m x -L mqtt://house").is_ok());
    }

    #[test]
    fn help_is_the_commands_own() {
        let help = parse("pub --help").unwrap_err().to_string();
        assert!(help.starts_with("Publish"), "{help}");
        assert!(help.contains("-h, --host <HOST>"), "{help}");
    }
}
