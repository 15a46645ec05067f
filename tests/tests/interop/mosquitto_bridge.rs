//! A real Mosquitto that is linked to us as its bridge to another broker, both ways.

use mqtt::packet::Connect;
use mqtt::{Qos, Version};
use tests::{Bridge, Client, Mosquitto, Wire};

#[test]
fn a_mosquitto_links_itself_to_us_in_every_version() {
    let ours = Bridge::start();
    for version in ["mqttv31", "mqttv311", "mqttv50"] {
        let theirs = Mosquitto::configured(&format!(
            "connection link\naddress {}\nbridge_protocol_version {version}\nremote_clientid {version}\nrestart_timeout 1\n\
             topic down/# in 2\ntopic up/# out 2\n",
            ours.tcp
        ));
        ours.process.stderr.expect(&["connected", &format!("client=\"{version}\"")]);
        let [mut here, mut there] = [ours.tcp, theirs.tcp].map(|address| {
            let mut client = Client::new(Wire::tcp(address), Version::V3_1_1);
            client.connect(&Connect::new(Version::V3_1_1, "client"));
            client.subscribe("+/greeting", Qos::ExactlyOnce);
            client
        });
        pass_on(&mut there, &mut here, "up/greeting", version);
        pass_on(&mut here, &mut there, "down/greeting", version);
    }
}

fn pass_on(from: &mut Client, to: &mut Client, topic: &str, words: &str) {
    from.publish(topic, words.as_bytes(), Qos::ExactlyOnce);
    assert_eq!(from.receive_payload(), words.as_bytes(), "its own copy");
    let got = to.receive();
    assert_eq!((got.payload, got.delivery.qos()), (words.as_bytes(), Qos::ExactlyOnce), "{topic}");
}
