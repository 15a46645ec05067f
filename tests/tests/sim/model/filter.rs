//! Topic Filters, word for word from 4.7.

pub(super) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false; // [MQTT-4.7.2-1]
    }
    let filter: Vec<_> = filter.split('/').collect();
    let topic: Vec<_> = topic.split('/').collect();
    for (at, level) in filter.iter().enumerate() {
        match *level {
            "#" => return topic.len() >= at, // also the parent
            "+" if at < topic.len() => {}
            level if topic.get(at) == Some(&level) => {}
            _ => return false,
        }
    }
    filter.len() == topic.len()
}

#[test]
fn mqtt_4_7_1_the_examples_of_the_standard() {
    for topic in ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/x"] {
        assert!(matches("sport/tennis/player1/#", topic));
    }
    assert!(matches("sport/#", "sport"));
    assert!(matches("sport/tennis/+", "sport/tennis/player1"));
    assert!(!matches("sport/tennis/+", "sport/tennis/player1/ranking"));
    assert!(!matches("sport/+", "sport"));
    assert!(matches("sport/+", "sport/"));
    assert!(matches("+/+", "/finance") && matches("/+", "/finance") && !matches("+", "/finance"));
    assert!(!matches("#", "$SYS/x") && !matches("+/x", "$SYS/x") && matches("$SYS/#", "$SYS/x"));
}
