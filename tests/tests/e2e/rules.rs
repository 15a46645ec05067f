//! `[[auth.rule]]` with the built program: who may publish and read what, and what says why.

use mqtt::packet::Connect;
use mqtt::{Qos, ReasonCode, Version};
use tests::{Bridge, Client, PATIENCE, Process, TempFile, TempFolder, Wire, program};

/// Only the sensor may say how warm it is; everyone of the house may read it.
const KITCHEN: &str = "
[[auth.rule]]
allow = \"publish\"
user = \"sensor\"
topics = [\"f2/kuehltheke/temp\"]

[[auth.rule]]
allow = \"subscribe\"
group = \"house\"
topics = [\"#\"]

[[auth.rule]]
allow = \"all\"
topics = [\"own/%u/%c/#\"]
";

fn kitchen() -> (Bridge, String) {
    let folder = TempFolder::new("rules");
    let data = folder.0.to_string_lossy().into_owned();
    for (name, group) in [("sensor", "devices"), ("alice", "house")] {
        let line = ["user", "add", name, "--group", group, "--data", &data];
        assert_eq!(Process::start_with_input(&program(), &line, "pencil").wait(PATIENCE).code(), Some(0));
    }
    (Bridge::keeping_in_with(folder, KITCHEN), data)
}

fn client(bridge: &Bridge, version: Version, user: &str, client_id: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), version);
    let (user_name, password) = (Some(user), Some(&b"pencil"[..]));
    let connect = Connect { user_name, password, ..Connect::new(version, client_id) };
    assert_eq!(client.connect(&connect).reason, ReasonCode::Success);
    client
}

#[test]
fn only_the_sensor_publishes_and_the_house_reads() {
    let (bridge, _) = kitchen();
    for version in [Version::V3_1_1, Version::V5] {
        let mut sensor = client(&bridge, version, "sensor", "fridge");
        let mut alice = client(&bridge, version, "alice", "phone");
        assert_eq!(alice.subscribe("#", Qos::AtLeastOnce), ReasonCode::GrantedQos1);
        assert_eq!(sensor.subscribe("f2/#", Qos::AtLeastOnce), refused(version));
        sensor.publish("f2/kuehltheke/temp", b"7", Qos::AtLeastOnce);
        let reason = alice.publish("f2/kuehltheke/temp", b"99", Qos::AtLeastOnce);
        let told = if version.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::Success };
        assert_eq!(reason, told, "3.1.1 has no word for it");
        sensor.publish("f2/kuehltheke/temp", b"8", Qos::AtLeastOnce);
        assert_eq!((alice.receive_payload(), alice.receive_payload()), (&b"7"[..], &b"8"[..]));
        alice.publish("own/alice/phone/x", b"mine", Qos::AtMostOnce);
        assert_eq!(alice.receive_payload(), b"mine");
        alice.publish("own/sensor/fridge/x", b"not mine", Qos::AtMostOnce);
        alice.expect_nothing();
        alice.disconnect();
        sensor.disconnect();
    }
    // Who may know is told: the operator, with the rule.
    bridge.process.stderr.expect(&[
        "refused",
        "phone",
        "publish to f2/kuehltheke/temp, which no rule allows",
    ]);
}

fn refused(version: Version) -> ReasonCode {
    if version.is_5() { ReasonCode::NotAuthorized } else { ReasonCode::UnspecifiedError }
}

/// CVE-2017-7650
#[test]
fn a_client_id_with_wildcards_opens_nothing() {
    let (bridge, _) = kitchen();
    for client_id in ["+", "#", "a/b"] {
        let mut sensor = client(&bridge, Version::V5, "sensor", client_id);
        for filter in ["own/sensor/+/#", "own/sensor/#", "own/#", "#", "own/sensor/a/b/c"] {
            assert_eq!(
                sensor.subscribe(filter, Qos::AtMostOnce),
                ReasonCode::NotAuthorized,
                "{client_id} {filter}"
            );
        }
        let topic = "own/sensor/phone/x";
        assert_eq!(sensor.publish(topic, b"x", Qos::AtLeastOnce), ReasonCode::NotAuthorized, "{client_id}");
    }
}

/// CVE-2026-33215
#[test]
fn a_session_is_its_users_alone() {
    let (bridge, _) = kitchen();
    let mut alice = client(&bridge, Version::V5, "alice", "phone");
    for (user_name, password) in [(Some("sensor"), Some(&b"pencil"[..])), (None, None)] {
        let mut other = Client::new(Wire::tcp(bridge.tcp), Version::V5);
        let connect = Connect { user_name, password, ..Connect::new(Version::V5, "phone") };
        assert_eq!(other.connect(&connect).reason, ReasonCode::ClientIdentifierNotValid);
    }
    alice.sync();
}

#[test]
fn rights_are_taken_and_given_while_it_runs() {
    let (bridge, _) = kitchen();
    let mut sensor = client(&bridge, Version::V5, "sensor", "fridge");
    let mut alice = client(&bridge, Version::V5, "alice", "phone");
    alice.subscribe("#", Qos::AtLeastOnce);
    let mut say = |payload: &[u8]| sensor.publish("f2/kuehltheke/temp", payload, Qos::AtLeastOnce);
    assert_eq!(say(b"1"), ReasonCode::Success);
    assert_eq!(alice.receive_payload(), b"1");
    let deny = "[[auth.rule]]\ndeny = \"subscribe\"\nuser = \"alice\"\ntopics = [\"f2/#\"]\n";
    bridge.configure(&format!("{deny}{KITCHEN}"));
    bridge.process.stderr.expect(&["users and rules were read anew", "rules=4"]);
    assert_eq!(say(b"2"), ReasonCode::NoMatchingSubscribers);
    alice.expect_nothing();
    bridge.configure("[[auth.rule]]\nallow = \"everything\"\ntopics = [\"#\"]\n");
    bridge.process.stderr.expect(&["users and rules stay as they were", "line 1", "everything"]);
    assert_eq!(say(b"3"), ReasonCode::NoMatchingSubscribers, "what is wrong opens nothing");
    bridge.configure(&KITCHEN.replace("publish", "subscribe"));
    bridge.process.stderr.expect(&["users and rules were read anew", "rules=3"]);
    assert_eq!(say(b"4"), ReasonCode::NotAuthorized);
}

#[test]
fn why_names_the_rule_that_decides() {
    let (_bridge, data) = kitchen();
    let config = TempFile::new("switchboard.toml", KITCHEN);
    let file = config.0.to_string_lossy().into_owned();
    for (words, code, said) in [
        (
            &["sensor", "publish", "f2/kuehltheke/temp"][..],
            0,
            "sensor may publish to f2/kuehltheke/temp: rule 1 (line 2) allows it",
        ),
        (
            &["alice", "publish", "f2/kuehltheke/temp"],
            0,
            "alice may not publish to f2/kuehltheke/temp: no rule fits",
        ),
        (&["alice", "subscribe", "f2/#"], 0, "alice may subscribe to f2/#: rule 2 (line 7) allows it"),
        (&["anonymous", "subscribe", "#"], 0, "anonymous may not subscribe to #: no rule fits"),
        (&["sensor", "publish", "own/sensor/x/a", "--client-id", "x"], 0, "rule 3 (line 12) allows it"),
        (&["sensor", "publish", "own/sensor/x/a", "--client-id", "+"], 0, "may not"),
        (&["sensor", "publish", "$SYS/x"], 0, "belongs to the server"),
        (&["nobody", "publish", "a"], 2, "there is no user \"nobody\""),
        (&["alice", "publish", "a/#"], 2, "\"a/#\" cannot be published to"),
    ] {
        let line = [&["why"], words, &["--data", &data, "--config", &file]].concat();
        let mut process = Process::start(&program(), &line);
        assert_eq!(process.wait(PATIENCE).code(), Some(code), "{words:?}");
        let lines = if code == 0 { &process.stdout } else { &process.stderr };
        lines.expect(&[said]);
    }
}

/// CVE-2018-12550, CVE-2018-12551: what is empty or malformed is said, and opens nothing.
#[test]
fn a_rule_that_is_wrong_stops_the_start_with_its_line() {
    for (rule, said) in [
        ("topics = [\"#\"]", "use either `allow` or `deny`"),
        ("allow = \"all\"\ndeny = \"all\"\ntopics = [\"#\"]", "use either `allow` or `deny`"),
        ("allow = \"\"\ntopics = [\"#\"]", "is nothing to allow or deny"),
        ("allow = \"all\"\ntopics = []", "would fit nothing"),
        ("allow = \"all\"\ntopics = [\"\"]", "the topic filter \"\""),
        ("allow = \"all\"\ntopics = [\"a/#/b\"]", "the topic filter \"a/#/b\""),
        ("allow = \"all\"\ntopics = [\"$share/g/a\"]", "name the topics alone"),
        ("allow = \"all\"\ntopics = [\"%d\"]", "u for the user or c for the client id"),
        ("allow = \"all\"\nuser = \"\"\ntopics = [\"#\"]", "user \"\""),
        ("allow = \"all\"\ngroup = \"\"\ntopics = [\"#\"]", "`group` is empty"),
        ("allow = \"all\"\nclient_id = \"\"\ntopics = [\"#\"]", "`client_id` is empty"),
        ("allow = \"all\"\nmax_qos = 3\ntopics = [\"#\"]", "`max_qos` is 0, 1 or 2"),
        ("deny = \"all\"\nretain = false\ntopics = [\"#\"]", "a rule that denies has none"),
    ] {
        let file = TempFile::new("switchboard.toml", &format!("[auth]\n\n[[auth.rule]]\n{rule}\n"));
        let path = file.0.to_string_lossy().into_owned();
        let mut process = Process::start(&program(), &["--config", &path, "--data", ":memory:"]);
        assert_eq!(process.wait(PATIENCE).code(), Some(2), "{rule}");
        process.stderr.expect(&["[[auth.rule]] 1 (line 3)", said]);
        assert_eq!(process.stdout.all(), [] as [&str; 0], "before anything listens");
    }
    let file = TempFile::new("switchboard.toml", "[[auth.rule]]\nallow = \"all\"\ntopic = [\"#\"]\n");
    let mut process = Process::start(&program(), &["check", "--config", &file.0.to_string_lossy()]);
    assert_eq!(process.wait(PATIENCE).code(), Some(2));
    process.stderr.expect(&["line 3"]);
    process.stderr.expect(&["did you mean `topics`?"]);
}

/// Most are misspelt. They are no error: a user may come later.
#[test]
fn rules_for_nobody_are_warned_of() {
    let user = "[[auth.user]]\nname = \"alice\"\ngroups = [\"house\"]\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$jeHutNAspXQ+Qpnj83+s4w\"\n";
    let rule = |whom: &str| format!("[[auth.rule]]\nallow = \"all\"\ntopics = [\"#\"]\n{whom}\n");
    let all = [
        "user = \"alice\"",
        "user = \"alcie\"",
        "group = \"huose\"",
        "user = \"anonymous\"",
        "group = \"house\"",
        "user = \"zoe\"",
    ];
    let text = format!("{user}{}[data]\npath = \":memory:\"\n", all.map(rule).concat());
    let file = TempFile::new("switchboard.toml", &text);
    let mut process = Process::start(&program(), &["check", "--config", &file.0.to_string_lossy()]);
    assert_eq!(process.wait(PATIENCE).code(), Some(0));
    process.stdout.expect(&[
        "warning",
        "[[auth.rule]] 2 (line 9)",
        "the user \"alcie\"",
        "did you mean \"alice\"?",
    ]);
    process.stdout.expect(&[
        "warning",
        "[[auth.rule]] 3 (line 13)",
        "the group \"huose\"",
        "did you mean \"house\"?",
    ]);
    process.stdout.expect(&["warning", "[[auth.rule]] 6 (line 25)", "the user \"zoe\", which there is not"]);
    assert_eq!(process.stdout.all().iter().filter(|line| line.contains("warning")).count(), 3);
    process.stdout.expect(&["is valid"]);
    let bridge = Bridge::configured(&text);
    bridge.process.stderr.expect(&["WARN", "the user \"alcie\""]);
}
