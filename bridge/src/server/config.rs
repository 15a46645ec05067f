//! `switchboard.toml` and what it means. Every key is checked before anything listens; an unknown one is answered with
//! the nearest that is known.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mqtt::{MAX_LEVELS, Qos, Version};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::logins::Lifetime;
use super::proxy::Network;
use super::shards::Spread;
use super::store::Durability;
use super::{rules, tokens, upgrade, users};
use crate::broker;

/// Topics whose last message is kept where nobody says how many.
const LAST_VALUES: usize = 10_000;

/// The whole file. What is not there has the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// `[server]`
    pub server: Server,
    /// `[listen]`
    pub listen: Listen,
    /// `[tls]`
    pub tls: Tls,
    /// `[data]`
    pub data: Data,
    /// `[auth]`
    pub auth: Auth,
    /// `[limits]`
    pub limits: Limits,
    /// `[log]`
    pub log: Log,
    /// `[demo]`
    pub demo: Demo,
}

/// How the program divides its work.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Threads that serve clients: a number, or `auto` for one on each core of the machine.
    pub shards: Option<toml::Value>,
    /// When clients are spread over all of them: `when-busy` (the default) keeps them together as long as one thread is enough,
    /// `always` spreads them from the start, and `soon` a second after it.
    pub spread: Option<String>,
}

/// Where to listen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The page and MQTT over WebSocket.
    pub http: Vec<SocketAddr>,
    /// MQTT over TCP.
    pub tcp: Vec<SocketAddr>,
    /// The page and MQTT over WebSocket, with TLS.
    pub https: Vec<SocketAddr>,
    /// MQTT over TLS.
    pub tls: Vec<SocketAddr>,
    /// MQTT over sockets of this machine, by their paths.
    pub unix: Vec<PathBuf>,
    /// Pages of other addresses, or of a public name of this one, that may connect, as `https://host:port`.
    pub origins: Vec<String>,
    /// Networks whose proxies are believed when they say whom they speak for, as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Listeners whose connections begin with a header of the PROXY protocol: all of a kind, as `tcp`, or one by its address. They
    /// take nobody but trusted proxies.
    pub proxy_protocol: Vec<String>,
    /// A built page to serve instead of the one inside.
    pub app: Option<PathBuf>,
    /// `host:port` of another server that every client is sent to.
    pub redirect_to: Option<String>,
    /// Whether that is for good (5.0: 0x9D) or for now (0x9C).
    pub redirect_permanently: bool,
    /// What clients that ask for it build their response topics on; `%c` is the client id [default: `reply/%c`].
    pub response_information: Option<String>,
}

/// Who we are to those who connect with TLS, and what they have to show.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// A file with the certificate and the chain behind it, in PEM; without one a CA of our own makes it.
    pub certificate: Option<PathBuf>,
    /// A file with its private key.
    pub key: Option<PathBuf>,
    /// More names or addresses of this machine for the certificate that our own CA makes.
    pub names: Vec<String>,
    /// Names for which a certificate is had by ACME, whose terms of service are agreed to by that.
    pub acme_names: Vec<String>,
    /// Whom the directory writes to, as `mailto:me@example.org`.
    pub acme_contact: Option<String>,
    /// The directory [default: Let's Encrypt's].
    pub acme_directory: Option<String>,
    /// A file with the CA of the directory itself, where the system does not know it.
    pub acme_directory_ca: Option<PathBuf>,
    /// The oldest version that is spoken: `1.2` (the default) or `1.3`.
    pub min_version: Option<String>,
    /// A file with the CA that the clients' certificates come from.
    pub client_ca: Option<PathBuf>,
    /// `off`, `optional` or `required`: whether clients show a certificate [default: `required` with a `client_ca`].
    pub client_certificates: Option<String>,
    /// Where such a certificate names its user: `common_name` (the default), `alternative_name` or `none`.
    pub client_user: Option<String>,
    /// Seconds for which browsers remember to come by https alone; 0 says nothing [default: a year, and 0 with our own CA].
    pub hsts_max_age_s: Option<u32>,
}

/// Where state lives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// The folder; `:memory:` keeps nothing.
    pub path: Option<String>,
    /// `group` (the default), `always` or `os`: what an acknowledgement promises.
    pub durability: Option<String>,
}

/// Who may come.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Let clients of other machines in without a password. Those of this machine always are.
    pub anonymous: bool,
    /// Seconds after which the login of a browser ends that is not used [default: 604800, a week].
    pub login_idle_s: Option<u32>,
    /// Seconds after which it ends in any case [default: 2592000, thirty days].
    pub login_max_s: Option<u32>,
    /// `[auth.jwt]`: whose tokens let somebody in.
    pub jwt: Option<Jwt>,
    /// `[[auth.user]]`: who may come from anywhere, by a login.
    pub user: Vec<User>,
    /// `[[auth.rule]]`: who may do what. The first that fits decides, and what none fits is denied; without any, all is allowed.
    pub rule: Vec<Spanned<Rule>>,
    /// The lines that the rules begin at.
    #[serde(skip)]
    pub rule_lines: Vec<usize>,
}

/// Tokens of another server (RFC 7519), in the place of a password, by AUTH, or as `Authorization: Bearer` of a WebSocket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jwt {
    /// A file with the secret of HS256: 32 bytes or more.
    pub secret_file: Option<PathBuf>,
    /// A file with a JSON Web Key Set, for RS256 and ES256. Both files are read again when they change.
    pub jwks_file: Option<PathBuf>,
    /// Who we are: a token has to name one of these as `aud`. Needed with `jwks_file`.
    pub audience: Vec<String>,
    /// What a token has to name as `iss`.
    pub issuer: Option<String>,
    /// Where a token says whose it is [default: `sub`]. Dots lead into claims of claims.
    pub user_claim: String,
    /// Where it says in which groups the user is [default: `groups`].
    pub groups_claim: String,
    /// Where it may say what its user may publish, at most [default: `publish`].
    pub publish_claim: String,
    /// Where it may say what its user may read, at most [default: `subscribe`].
    pub subscribe_claim: String,
    /// Seconds that the clocks of others may be wrong [default: 0].
    pub leeway_s: u32,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            secret_file: None,
            jwks_file: None,
            audience: Vec::new(),
            issuer: None,
            user_claim: "sub".into(),
            groups_claim: "groups".into(),
            publish_claim: "publish".into(),
            subscribe_claim: "subscribe".into(),
            leeway_s: 0,
        }
    }
}

/// One rule. It allows or denies, one of the two.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `publish`, `subscribe` or `all`.
    pub allow: Option<String>,
    /// The same.
    pub deny: Option<String>,
    /// Topic filters; in a level `%u` stands for the user and `%c` for the client id.
    pub topics: Vec<String>,
    /// The only user it is for; `anonymous` is whoever comes without one.
    pub user: Option<String>,
    /// The only group it is for.
    pub group: Option<String>,
    /// The client ids it is for; `*` stands for any text.
    pub client_id: Option<String>,
    /// The highest QoS that it allows.
    pub max_qos: Option<u8>,
    /// Whether it allows messages to be retained, or to be sent that are.
    pub retain: Option<bool>,
}

/// One user, as `switchboard user` writes it. It has at least one of the two that its password is checked with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name that the login brings.
    pub name: String,
    /// A hash of its password: argon2id, or as Mosquitto's password files have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// For logins by SCRAM-SHA-256, in PostgreSQL's form: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scram: Option<String>,
    /// The groups it is in, which rules may name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// Bounds of the broker; the names and defaults of [`broker::Config`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is described at broker::Config")]
pub struct Limits {
    pub versions: Option<Vec<String>>,
    pub connect_timeout_s: Option<u32>,
    pub max_connections: Option<u32>,
    pub max_connections_per_address: Option<u32>,
    pub max_messages_per_s: Option<u32>,
    pub max_bytes_per_s: Option<u32>,
    pub receive_maximum: Option<u16>,
    pub receive_maximum_excess: Option<String>,
    pub max_login_failures_per_minute: Option<u32>,
    pub max_inflight: Option<u16>,
    pub max_packet_bytes: Option<u32>,
    pub max_topic_bytes: Option<usize>,
    pub max_topic_levels: Option<usize>,
    pub topic_alias_maximum: Option<u16>,
    pub max_keep_alive_s: Option<u16>,
    pub max_session_expiry_s: Option<u32>,
    pub max_qos: Option<u8>,
    pub retain_available: Option<bool>,
    pub check_payload_format: Option<bool>,
    pub wildcard_subscriptions: Option<bool>,
    pub shared_subscriptions: Option<bool>,
    pub overlapping: Option<Overlapping>,
    pub allow_empty_client_id: Option<bool>,
    pub max_queued_messages: Option<usize>,
    pub max_queued_bytes: Option<usize>,
    pub max_output_bytes: Option<usize>,
    pub max_subscriptions: Option<usize>,
    pub max_retained_messages: Option<usize>,
    pub max_retained_bytes: Option<usize>,
    pub max_last_values: Option<usize>,
    pub max_last_value_bytes: Option<usize>,
    pub max_past_bytes: Option<usize>,
    pub sys_interval_s: Option<u32>,
}

/// The values of `overlapping`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is described at broker::Overlapping")]
pub enum Overlapping {
    One,
    Each,
}

/// What is written to stderr.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info` (the default), `debug` or `trace`.
    pub level: Option<String>,
    /// One JSON object a line instead of text.
    pub json: bool,
}

/// The simulated devices.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Demo {
    /// Whether they join.
    pub enabled: bool,
}

impl File {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// It cannot be read, is no TOML, has an unknown key or a value out of bounds; the text says where and what to do.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a valid configuration", path.display()))
    }

    /// The same for a text.
    ///
    /// # Errors
    /// As for [`File::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut file: Self =
            toml::from_str(text).map_err(|error| anyhow!("{}", with_hint(&error.to_string())))?;
        let line =
            |rule: &Spanned<Rule>| text.get(..rule.span().start).unwrap_or_default().lines().count() + 1;
        file.auth.rule_lines = file.auth.rule.iter().map(line).collect();
        file.server.shards()?;
        file.server.spread()?;
        file.broker()?;
        file.durability()?;
        file.level()?;
        file.listen.networks()?;
        file.listen.check_origins()?;
        file.auth.lifetime()?;
        file.auth.jwt.as_ref().map_or(Ok(()), tokens::check_settings)?;
        Ok(file)
    }

    /// What an acknowledgement promises.
    ///
    /// # Errors
    /// It is none.
    pub fn durability(&self) -> Result<Durability> {
        let Some(name) = self.data.durability.as_deref() else { return Ok(Durability::default()) };
        Durability::from_name(name)
            .ok_or_else(|| anyhow!("[data] durability = {name:?} is none; use always, group or os"))
    }

    /// The level of the log.
    ///
    /// # Errors
    /// It is none.
    pub fn level(&self) -> Result<tracing::Level> {
        let level = self.log.level.as_deref().unwrap_or("info");
        level
            .parse()
            .map_err(|_| anyhow!("[log] level = {level:?} is none; use error, warn, info, debug or trace"))
    }

    /// What the broker is told.
    ///
    /// # Errors
    /// A limit is out of its bounds.
    pub fn broker(&self) -> Result<broker::Config> {
        let l = &self.limits;
        let mut config = broker::Config::default();
        if self.auth.anonymous {
            config.anonymous = broker::Anonymous::FromAnywhere;
        }
        config.users = users::table(&self.auth.user, "[[auth.user]]")?.into();
        config.rules = rules::table(&self.auth)?.into();
        if let Some(versions) = &l.versions {
            anyhow::ensure!(
                !versions.is_empty(),
                "[limits] versions = []: name at least one, or nobody could connect"
            );
            config.versions = versions.iter().map(|name| version(name)).collect::<Result<_>>()?;
        }
        if let Some(level) = l.max_qos {
            config.max_qos =
                Qos::from_level(level).ok_or_else(|| anyhow!("[limits] max_qos = {level}: use 0, 1 or 2"))?;
        }
        if let Some(excess) = &l.receive_maximum_excess {
            config.receive_maximum_excess = self::excess(excess)?;
        }
        config.max_connections_per_address =
            above_zero("max_connections_per_address", l.max_connections_per_address)?;
        config.max_messages_per_s = l.max_messages_per_s;
        config.max_bytes_per_s = l.max_bytes_per_s;
        config.max_login_failures_per_minute =
            above_zero("max_login_failures_per_minute", l.max_login_failures_per_minute)?;
        config.redirect = self.listen.redirect()?;
        set(&mut config.response_information, self.listen.response_information.clone());
        let connect_timeout_s = above_zero("connect_timeout_s", l.connect_timeout_s)?;
        set(&mut config.connect_timeout_ms, connect_timeout_s.map(|s| u64::from(s) * 1000));
        set(&mut config.max_connections, above_zero("max_connections", l.max_connections)?);
        set(&mut config.receive_maximum, above_zero("receive_maximum", l.receive_maximum)?);
        set(&mut config.max_inflight, above_zero("max_inflight", l.max_inflight)?);
        set(&mut config.max_packet_bytes, above_zero("max_packet_bytes", l.max_packet_bytes)?);
        set(&mut config.max_topic_bytes, above_zero("max_topic_bytes", l.max_topic_bytes)?);
        set(&mut config.max_topic_levels, topic_levels(l.max_topic_levels)?);
        set(&mut config.topic_alias_maximum, l.topic_alias_maximum);
        set(&mut config.max_keep_alive_s, l.max_keep_alive_s);
        set(&mut config.max_session_expiry_s, l.max_session_expiry_s);
        set(&mut config.retain_available, l.retain_available);
        set(&mut config.check_payload_format, l.check_payload_format);
        set(&mut config.wildcard_subscriptions, l.wildcard_subscriptions);
        set(&mut config.shared_subscriptions, l.shared_subscriptions);
        let overlapping = l.overlapping.map(|overlapping| match overlapping {
            Overlapping::One => broker::Overlapping::One,
            Overlapping::Each => broker::Overlapping::Each,
        });
        set(&mut config.overlapping, overlapping);
        set(&mut config.allow_empty_client_id, l.allow_empty_client_id);
        set(&mut config.max_queued_messages, l.max_queued_messages);
        set(&mut config.max_queued_bytes, l.max_queued_bytes);
        set(&mut config.max_output_bytes, above_zero("max_output_bytes", l.max_output_bytes)?);
        set(&mut config.max_subscriptions, l.max_subscriptions);
        set(&mut config.max_retained_messages, l.max_retained_messages);
        set(&mut config.max_retained_bytes, l.max_retained_bytes);
        config.max_last_values = l.max_last_values.unwrap_or(LAST_VALUES);
        // A demo is to show all there is, from the first page on.
        config.last_values_wait = l.max_last_values.is_none() && !self.demo.enabled;
        set(&mut config.max_last_value_bytes, l.max_last_value_bytes);
        set(&mut config.max_past_bytes, l.max_past_bytes);
        set(&mut config.sys_interval_s, l.sys_interval_s);
        Ok(config)
    }
}

impl Server {
    /// The most threads that serve clients.
    const MAX_SHARDS: u16 = 64;

    /// Sets `shards` as it is written on a command line.
    ///
    /// # Errors
    /// It is no such number.
    pub fn set_shards(&mut self, said: &str) -> Result<()> {
        let number = said.parse().map(toml::Value::Integer);
        self.shards = Some(number.unwrap_or_else(|_| toml::Value::String(said.into())));
        self.shards().map(drop)
    }

    /// When clients are spread over all threads.
    ///
    /// # Errors
    /// It is no such word.
    pub fn spread(&self) -> Result<Spread> {
        match self.spread.as_deref() {
            None | Some("when-busy") => Ok(Spread::WhenBusy),
            Some("always") => Ok(Spread::Always),
            Some("soon") => Ok(Spread::Soon),
            Some(other) => {
                Err(anyhow!("[server] spread = \"{other}\": use \"when-busy\", \"always\" or \"soon\""))
            }
        }
    }

    /// How many threads serve clients.
    ///
    /// # Errors
    /// It is no such number.
    pub fn shards(&self) -> Result<u16> {
        let said = match &self.shards {
            None => return Ok(1),
            Some(toml::Value::String(word)) if word == "auto" => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                return Ok(u16::try_from(cores).unwrap_or(u16::MAX).min(Self::MAX_SHARDS));
            }
            Some(said) => said,
        };
        let number = said.as_integer().and_then(|number| u16::try_from(number).ok());
        number.filter(|number| (1..=Self::MAX_SHARDS).contains(number)).ok_or_else(|| {
            anyhow!("[server] shards = {said}: use \"auto\" or a number from 1 to {}", Self::MAX_SHARDS)
        })
    }
}

impl Auth {
    /// How long the login of a browser lasts.
    ///
    /// # Errors
    /// It would be over at once.
    pub(super) fn lifetime(&self) -> Result<Lifetime> {
        let seconds = |key: &str, value: Option<u32>, default: u32| {
            anyhow::ensure!(value != Some(0), "[auth] {key} = 0: use at least 1");
            Ok(Duration::from_secs(value.unwrap_or(default).into()))
        };
        let idle = seconds("login_idle_s", self.login_idle_s, 7 * 86_400)?;
        let most = seconds("login_max_s", self.login_max_s, 30 * 86_400)?;
        Ok(Lifetime { idle: idle.min(most), most })
    }
}

impl Listen {
    /// Whether anything is served by TLS.
    pub(super) const fn has_tls(&self) -> bool {
        !self.https.is_empty() || !self.tls.is_empty()
    }

    /// Whose proxies are believed.
    ///
    /// # Errors
    /// One is no network, or nobody could come through a listener that takes proxies alone.
    pub fn networks(&self) -> Result<Vec<Network>> {
        let network = |text: &String| text.parse().map_err(|why| anyhow!("[listen] trusted_proxies: {why}"));
        let networks: Vec<_> = self.trusted_proxies.iter().map(network).collect::<Result<_>>()?;
        anyhow::ensure!(
            self.proxy_protocol.is_empty() || !networks.is_empty(),
            "[listen] proxy_protocol needs trusted_proxies: who else may say whom it speaks for?"
        );
        Ok(networks)
    }

    /// Origins are compared as browsers send them; one that no browser sends would let nobody in.
    fn check_origins(&self) -> Result<()> {
        match self.origins.iter().find(|origin| !upgrade::is_origin(origin)) {
            None => Ok(()),
            Some(bad) => Err(anyhow!(
                "[listen] origins: no browser says {bad:?}; write it as https://panel.example or http://panel.example:8080, in \
                 small letters, without a path, and without the port that goes without saying"
            )),
        }
    }

    /// Whether connections of the listener of this kind and address begin with a header of the PROXY protocol.
    pub fn expects_header(&self, kind: &str, address: SocketAddr) -> bool {
        self.proxy_protocol.iter().any(|named| named == kind || named.parse() == Ok(address))
    }

    fn redirect(&self) -> Result<Option<broker::Redirect>> {
        let Some(to) = self.redirect_to.clone() else {
            anyhow::ensure!(!self.redirect_permanently, "[listen] redirect_permanently needs redirect_to");
            return Ok(None);
        };
        anyhow::ensure!(!to.is_empty(), "[listen] redirect_to = \"\": name a server as host:port");
        Ok(Some(broker::Redirect { to, permanently: self.redirect_permanently }))
    }
}

fn excess(word: &str) -> Result<broker::Excess> {
    match word {
        "refuse" => Ok(broker::Excess::Refuse),
        "tolerate" => Ok(broker::Excess::Tolerate),
        _ => Err(anyhow!("[limits] receive_maximum_excess = {word:?}: use \"refuse\" or \"tolerate\"")),
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn above_zero<T: Default + PartialEq>(key: &str, value: Option<T>) -> Result<Option<T>> {
    anyhow::ensure!(value != Some(T::default()), "[limits] {key} = 0: use at least 1");
    Ok(value)
}

fn topic_levels(said: Option<usize>) -> Result<Option<usize>> {
    anyhow::ensure!(
        said.is_none_or(|levels| (1..=MAX_LEVELS).contains(&levels)),
        "[limits] max_topic_levels: use a number from 1 to {MAX_LEVELS}, which is all that is ever taken"
    );
    Ok(said)
}

fn version(name: &str) -> Result<Version> {
    [Version::V3_1, Version::V3_1_1, Version::V5]
        .into_iter()
        .find(|version| version.name() == name)
        .ok_or_else(|| anyhow!("[limits] versions: {name:?} is none; use \"3.1\", \"3.1.1\" and \"5.0\""))
}

/// Adds the nearest known key to the parser's words about an unknown one.
pub(super) fn with_hint(error: &str) -> String {
    let Some((_, rest)) = error.split_once("unknown field `") else { return error.trim_end().to_owned() };
    let mut names = rest.split('`').step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known = rest.split('`').skip(2).step_by(2);
    let near = known
        .map(|name| (strsim::damerau_levenshtein(unknown, name), name))
        .filter(|&(distance, name)| distance <= 2 + name.len() / 4)
        .min();
    match near {
        Some((_, name)) => format!("{}\ndid you mean `{name}`?", error.trim_end()),
        None => error.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_all_defaults() {
        assert_eq!(File::parse("").unwrap().broker().unwrap().receive_maximum, 256);
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
        let error = File::parse("[limits]\nmax_packet_byte = 5\n").unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(error.contains("did you mean `max_packet_bytes`?"), "{error}");
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        for bad in [
            "[limits]\nmax_qos = 3",
            "[server]\nshards = 0",
            "[server]\nshards = 65",
            "[server]\nshards = -1",
            "[server]\nshards = 2.0",
            "[server]\nshards = \"all\"",
            "[server]\nspread = \"sometimes\"",
            "[limits]\nreceive_maximum = 0",
            "[limits]\nmax_output_bytes = 0",
            "[limits]\noverlapping = \"both\"",
            "[limits]\nversions = [\"4\"]",
            "[limits]\nversions = []",
            "[limits]\nmax_connections = 0",
            "[limits]\nmax_connections_per_address = 0",
            "[limits]\nconnect_timeout_s = 0",
            "[limits]\nreceive_maximum_excess = \"allow\"",
            "[listen]\nredirect_permanently = true",
            "[listen]\nredirect_to = \"\"",
            "[data]\ndurability = \"mostly\"",
            "[log]\nlevel = \"loud\"",
        ] {
            assert!(File::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_that_no_browser_says_is_refused() {
        let read = |origin: &str| File::parse(&format!("[listen]\norigins = [{origin:?}]"));
        for good in
            ["https://panel.example", "http://10.0.0.7:8080", "http://[fd00::5]:81", "app://house", "null"]
        {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "panel.example",
            "https://panel.example/",
            "https://panel.example/panel",
            "https://Panel.example",
            "https://panel.example:443",
            "http://panel.example:80",
            "https://me@panel.example",
            "https://",
            "*",
            "",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{bad}: {error}");
        }
    }

    #[test]
    fn shards_are_a_number_or_as_many_as_there_are_cores() {
        let shards = |text: &str| File::parse(text).map(|file| file.server.shards().unwrap());
        assert_eq!(shards("[server]\nshards = 3").unwrap(), 3);
        assert!(shards("[server]\nshards = \"auto\"").unwrap() >= 1);
        let error = shards("[server]\nshards = \"two\"").unwrap_err().to_string();
        assert_eq!(error, "[server] shards = \"two\": use \"auto\" or a number from 1 to 64");
        let error = shards("[server]\nshard = 2").unwrap_err().to_string();
        assert!(error.contains("did you mean `shards`?"), "{error}");
    }

    #[test]
    fn users_are_checked() {
        let scram = mqtt::scram::Credentials::derive("secret", b"0123456789abcdef", 4096).unwrap();
        let user = |name: &str| format!("[[auth.user]]\nname = {name:?}\nscram = \"{scram}\"\n");
        assert!(!File::parse(&user("alice")).unwrap().broker().unwrap().users.is_empty());
        let error = |text: &str| format!("{:#}", File::parse(text).unwrap_err());
        assert!(error(&(user("alice") + &user("alice"))).contains("twice"));
        assert!(error(&user("")).contains("characters"));
        assert!(error("[[auth.user]]\nname = \"bob\"\nscram = \"plain\"").contains("bob"));
        assert!(
            error("[[auth.user]]\nname = \"bob\"\npassword = \"plain\"").contains("switchboard user add")
        );
        assert!(error("[[auth.user]]\nname = \"bob\"").contains("neither password nor scram"));
        assert!(error(&user("anonymous")).contains("without a user"));
    }

    #[test]
    fn limits_reach_the_broker() {
        let file = File::parse(
            "[limits]\nmax_qos = 1\nversions = [\"5.0\"]\nconnect_timeout_s = 3\noverlapping = \"each\"\n[auth]\nanonymous = true",
        )
        .unwrap();
        let config = file.broker().unwrap();
        assert_eq!((config.max_qos, config.versions.as_slice()), (Qos::AtLeastOnce, &[Version::V5][..]));
        assert_eq!((config.connect_timeout_ms, config.overlapping), (3000, broker::Overlapping::Each));
        assert_eq!(config.anonymous, broker::Anonymous::FromAnywhere);
    }
}
