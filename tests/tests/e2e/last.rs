//! `GET /api/last`: what was said last, also by those whose messages are not retained.

use mqtt::packet::{Connect, Publish, PublishProperties};
use mqtt::{Qos, Version};
use serde_json::{Value, json};

use tests::{Bridge, Client, PATIENCE, Process, Request, Response, Wire, message, program, until};

const ON: &str = "[limits]\nmax_last_values = 100\n";

fn client(bridge: &Bridge, id: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), Version::V5);
    client.connect(&Connect::new(Version::V5, id));
    client
}

fn ask(bridge: &Bridge, query: &str) -> Response {
    Request::get(&format!("/api/last?{query}")).send(bridge.http)
}

fn last(bridge: &Bridge, query: &str) -> Value {
    let answer = ask(bridge, query);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{query}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_str(answer.text()).expect("JSON")
}

/// Topic and payload of each.
fn said(answer: &Value) -> Vec<(&str, &str)> {
    let messages = answer["messages"].as_array().expect("messages");
    let text = |message: &'static str, value: &Value| value[message].as_str().map(str::len);
    messages.iter().for_each(|value| assert!(text("topic", value).is_some(), "{value}"));
    messages
        .iter()
        .map(|m| (m["topic"].as_str().unwrap_or_default(), m["payload"].as_str().unwrap_or("-")))
        .collect()
}

#[test]
fn the_last_message_of_each_topic_is_told_whoever_said_it_last() {
    let bridge = Bridge::configured(ON);
    // Of several shards they are at home on different ones.
    let mut clients: Vec<Client> = (0..6).map(|n| client(&bridge, &format!("client-{n}"))).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.publish("house/who", n.to_string().as_bytes(), Qos::AtLeastOnce);
        client.publish(&format!("house/{n}/state"), b"ON", Qos::AtMostOnce);
        client.sync();
        // Of what two shards hear in one millisecond nobody knows which came first.
        until("it is older", PATIENCE, || {
            let answer = last(&bridge, "filter=house/who");
            answer["messages"][0]["age_ms"].as_u64().filter(|&age| age > 0)
        });
    }
    clients[3].retain("house/kept", b"yes", Qos::AtLeastOnce);
    clients[2].publish("house/bytes", b"\xff\x00", Qos::ExactlyOnce);
    let answer = last(&bridge, "filter=house/who&filter=house/kept&filter=house/bytes&filter=nobody/%23");
    assert_eq!(said(&answer), [("house/bytes", "-"), ("house/kept", "yes"), ("house/who", "5")]);
    let messages = &answer["messages"];
    assert_eq!(messages[0]["payload_base64"], "/wA=");
    assert_eq!((&messages[1]["retained"], &messages[2]["retained"]), (&json!(true), &json!(false)));
    assert!(messages[2]["age_ms"].as_u64().is_some_and(|age| age < 60_000), "{messages}");
    assert_eq!(
        (&answer["cut"], &answer["unretained"], &answer["refused"]),
        (&json!(false), &json!(true), &json!([]))
    );
    assert_eq!(said(&last(&bridge, "filter=house/+/state")).len(), 6);
    clients[1].publish("house/who", b"", Qos::AtLeastOnce);
    clients[4].retain("house/kept", b"", Qos::AtLeastOnce);
    let answer = last(&bridge, "filter=house/kept");
    assert_eq!(said(&answer), [] as [(&str, &str); 0], "it was cleared");
}

#[test]
fn what_comes_before_somebody_asks_for_the_first_time_costs_nothing_and_is_not_kept() {
    let bridge = Bridge::start();
    let mut client = client(&bridge, "a");
    client.publish("a/live", b"1", Qos::AtLeastOnce);
    client.retain("a/kept", b"1", Qos::AtLeastOnce);
    let first = last(&bridge, "filter=a/%23");
    assert_eq!((said(&first), &first["unretained"]), (vec![("a/kept", "1")], &json!(true)));
    client.publish("a/live", b"2", Qos::AtLeastOnce);
    let second = last(&bridge, "filter=a/%23");
    assert_eq!(said(&second), [("a/kept", "1"), ("a/live", "2")]);
}

#[test]
fn some_of_what_was_said_before_the_last_is_told_by_whom_it_may_be() {
    let rules = "[[auth.rule]]\nallow = \"publish\"\ntopics = [\"#\"]\n\
                 [[auth.rule]]\nallow = \"subscribe\"\nuser = \"anonymous\"\ntopics = [\"open/#\"]\n";
    let bridge = Bridge::configured(&format!("{ON}{rules}"));
    let mut clients: Vec<Client> = (0..4).map(|n| client(&bridge, &format!("client-{n}"))).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.publish(&format!("open/{n}"), b"20.5", Qos::AtLeastOnce);
        // Too soon after the one before.
        client.publish(&format!("open/{n}"), b"21.5", Qos::AtLeastOnce);
        client.publish("closed/a", b"1", Qos::AtLeastOnce);
        client.publish("open/bytes", b"\xff", Qos::AtLeastOnce);
    }
    let ask = |query: &str| Request::get(&format!("/api/history?{query}")).send(bridge.http);
    let answer = ask("filter=%23&filter=closed/a");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let answer: Value = serde_json::from_str(answer.text()).expect("JSON");
    assert_eq!((&answer["cut"], &answer["refused"]), (&json!(false), &json!(["closed/a"])));
    let topics = answer["topics"].as_array().expect("topics");
    let points = |topic: &Value| topic["past"].as_array().map_or(0, Vec::len);
    let all: Vec<_> = topics.iter().map(|topic| (topic["topic"].as_str(), points(topic))).collect();
    let names = ["open/0", "open/1", "open/2", "open/3"].map(|topic| (Some(topic), 1));
    assert_eq!(all.iter().filter(|(_, points)| *points > 0).copied().collect::<Vec<_>>(), names);
    let first = &topics.iter().find(|topic| topic["topic"] == "open/2").expect("it was said")["past"][0];
    assert!(first[0].as_u64().is_some_and(|age| age < 60_000) && first[1] == "20.5", "{first}");
    assert_eq!(ask("filter=a/%23/b").status, 400);
}

#[test]
fn max_past_bytes() {
    let bridge =
        Bridge::configured("[server]\nshards = 1\n[limits]\nmax_last_values = 9\nmax_past_bytes = 10\n");
    let mut client = client(&bridge, "a");
    client.publish("a", b"21.5", Qos::AtLeastOnce);
    assert_eq!(said(&last(&bridge, "filter=a")), [("a", "21.5")]);
    let answer = Request::get("/api/history?filter=a").send(bridge.http);
    assert!(answer.text().contains(r#""past":[]"#), "{}", answer.text());
    assert_eq!(bridge.reached("max_past_bytes"), 1);
}

#[test]
fn without_the_memory_only_what_is_retained_is_told() {
    let bridge = Bridge::configured("[limits]\nmax_last_values = 0\n");
    let mut client = client(&bridge, "a");
    client.publish("a/live", b"1", Qos::AtLeastOnce);
    client.retain("a/kept", b"1", Qos::AtLeastOnce);
    let answer = last(&bridge, "filter=a/%23");
    assert_eq!((said(&answer), &answer["unretained"]), (vec![("a/kept", "1")], &json!(false)));
    assert_eq!(answer["messages"][0]["age_ms"], json!(null), "nobody knows");
}

#[test]
fn what_is_over_or_out_of_reach_of_a_wildcard_is_not_told() {
    let bridge = Bridge::configured(ON);
    let mut client = client(&bridge, "a");
    let properties = PublishProperties { message_expiry_s: Some(0), ..PublishProperties::default() };
    let brief = Publish { properties: properties.into(), ..message("a/brief", b"1") };
    client.publish_with(&brief, Qos::AtLeastOnce);
    client.publish("a/long", b"1", Qos::AtLeastOnce);
    assert_eq!(said(&last(&bridge, "filter=%23")), [("a/long", "1")]);
    let sys = last(&bridge, "filter=$SYS/broker/version");
    assert!(said(&sys).first().is_some_and(|(_, version)| version.contains("switchboard")), "{sys}");
}

#[test]
fn max_last_values_and_max_last_value_bytes() {
    let bridge = Bridge::configured(
        "[server]\nshards = 1\n[limits]\nmax_last_values = 3\nmax_last_value_bytes = 60\n",
    );
    let mut client = client(&bridge, "a");
    for topic in ["t/a", "t/b", "t/c", "t/d"] {
        client.publish(topic, b"1", Qos::AtLeastOnce);
    }
    let names =
        |answer: Value| said(&answer).iter().map(|(topic, _)| (*topic).to_owned()).collect::<Vec<_>>();
    assert_eq!(names(last(&bridge, "filter=t/%23")), ["t/b", "t/c", "t/d"], "the oldest made room");
    client.publish("t/e", &[b'x'; 50], Qos::AtLeastOnce);
    assert_eq!(names(last(&bridge, "filter=t/%23")), ["t/d", "t/e"]);
    client.publish("t/f", &[b'x'; 60], Qos::AtLeastOnce);
    assert_eq!(names(last(&bridge, "filter=t/%23")), ["t/d", "t/e"], "this one never fits");
    assert_eq!((bridge.reached("max_last_values"), bridge.reached("max_last_value_bytes")), (2, 2));
}

#[test]
fn questions_that_are_none_are_told_why() {
    let bridge = Bridge::start();
    for (query, words) in [
        ("", "/api/last?filter=%23"),
        ("filter=a/%23/b", "no topic filter"),
        ("filter=$share/g/a", "no shared one"),
    ] {
        let answer = ask(&bridge, query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(words), "{query}: {}", answer.text());
    }
    let foreign =
        Request::get("/api/last?filter=%23").with("origin", "https://evil.example").send(bridge.http);
    assert_eq!(foreign.status, 403);
    // A name that somebody gave to this address has a page ask as if it were ours.
    let ask_as = |name: &str, value: &str| {
        let request = Request::get("/api/last?filter=%23").with("host", "evil.example:8080");
        request.with(name, value).send(bridge.http).status
    };
    assert_eq!((ask_as("sec-fetch-site", "same-origin"), ask_as("user-agent", "Mozilla/5.0")), (403, 403));
    assert_eq!(ask_as("user-agent", "curl/8"), 200, "a script is no page");
}

#[test]
fn rules_say_what_is_told() {
    let rules = "[[auth.rule]]\nallow = \"publish\"\ntopics = [\"#\"]\n\
                 [[auth.rule]]\nallow = \"subscribe\"\nuser = \"anonymous\"\ntopics = [\"open/#\"]\n";
    let bridge = Bridge::configured(&format!("{ON}{rules}"));
    let mut client = client(&bridge, "a");
    for topic in ["open/a", "closed/a"] {
        client.publish(topic, b"1", Qos::AtLeastOnce);
        client.retain(&format!("{topic}/kept"), b"1", Qos::AtLeastOnce);
    }
    let answer = last(&bridge, "filter=%23&filter=closed/%23");
    assert_eq!(said(&answer), [("open/a", "1"), ("open/a/kept", "1")]);
    assert_eq!(answer["refused"], json!(["closed/#"]));
}

#[test]
fn a_demo_remembers_when_its_settings_are_read_anew() {
    let bridge = Bridge::keeping_as(&["--demo"]);
    assert_eq!(last(&bridge, "filter=x")["unretained"], json!(true));
    let data = bridge.data().to_string_lossy().into_owned();
    let line = ["user", "add", "alice", "--data", &data];
    assert_eq!(Process::start_with_input(&program(), &line, "pencil").wait(PATIENCE).code(), Some(0));
    bridge.process.stderr.expect(&["users and rules were read anew", "users=1"]);
    assert_eq!(last(&bridge, "filter=x")["unretained"], json!(true));
}
