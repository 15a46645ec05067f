//! What other brokers got wrong, line by line: each line of the checklist, and each weakness that has a number, has tests that are
//! named here. They stand below this folder, or where they were needed before.

mod access;
mod attacks;
mod browser;
mod memory;
mod sessions;
mod visitor;

use std::fs;
use std::path::Path;

use tests::{Bridge, Client, Wire, workspace};

/// The lines with their weaknesses, and the tests that hold them.
const CHECKLIST: [(&str, &[&str], &[&str]); 13] = [
    (
        "lying or truncated lengths",
        &["CVE-2026-25627", "CVE-2026-21888", "CVE-2021-34432"],
        &[
            "a_frame_that_is_shorter_than_its_packet_says_cve_2026_25627",
            "a_length_of_five_bytes_cve_2026_21888",
            "an_empty_topic_is_refused_mqtt_4_7_3_1",
            "subscribe_without_its_options_byte",
            "every_truncation_of_a_good_packet_waits_or_ends_quietly",
            "frames_that_promise_more_than_memory_holds_cost_nothing",
        ],
    ),
    (
        "memory before CONNECT",
        &["CVE-2017-7651", "CVE-2023-0809"],
        &[
            "memory_grows_by_what_came_cve_2017_7651",
            "a_first_packet_that_is_no_connect_is_not_gathered_cve_2023_0809",
        ],
    ),
    (
        "nothing leaks by never acknowledging",
        &["CVE-2023-28366", "CVE-2023-3592"],
        &[
            "qos_2_that_is_never_released_is_bounded_cve_2023_28366",
            "refused_subscriptions_leave_nothing",
            "bad_will_properties_leave_nothing_cve_2023_3592",
        ],
    ),
    (
        "depth, and much memory for a small packet",
        &["CVE-2019-11779", "CVE-2021-33175", "CVE-2021-33176", "CVE-2021-22116"],
        &["slashes_without_end_cve_2019_11779", "small_packets_take_little_memory_cve_2021_33175"],
    ),
    (
        "takeover and churn",
        &["CVE-2026-22040", "CVE-2025-59946", "CVE-2026-8741"],
        &[
            "takeovers_and_subscriptions_in_a_hurry_cve_2026_22040_cve_2025_59946",
            "a_qos_2_publisher_goes_on_where_it_was_cut",
            "a_takeover_within_a_qos_2_handshake_delivers_once_cve_2026_8741",
        ],
    ),
    (
        "permission bypass",
        &[
            "CVE-2017-7650",
            "CVE-2018-12550",
            "CVE-2018-12551",
            "CVE-2018-12546",
            "CVE-2021-34434",
            "CVE-2026-33217",
        ],
        &[
            "a_client_id_with_wildcards_opens_nothing",
            "a_rule_that_is_wrong_stops_the_start_with_its_line",
            "what_waits_is_asked_about_again_cve_2018_12546_cve_2021_34434_cve_2026_33217",
            "rights_are_taken_and_given_while_it_runs",
        ],
    ),
    (
        "hijack of a client id",
        &["CVE-2026-33215", "CVE-2026-6564"],
        &["a_session_is_its_users_alone", "a_session_that_waits_is_its_users_alone_cve_2026_6564"],
    ),
    (
        "absent fields, and packets of servers",
        &["CVE-2026-32696", "CVE-2021-28166"],
        &["absent_fields_are_absent_cve_2026_32696", "packets_that_only_servers_send_cve_2021_28166"],
    ),
    (
        "the admin surface",
        &[],
        &[
            "there_is_no_default_user_and_no_default_password",
            "nothing_but_reading_is_served",
            "what_a_visitor_can_reach",
            "admins_change_users_and_nobody_else",
        ],
    ),
    (
        "logins",
        &[],
        &[
            "what_decides_a_login_fails_closed",
            "logins_of_one_address_are_bounded_also_behind_a_proxy",
            "who_does_not_exist_is_checked_like_who_does",
        ],
    ),
    ("files", &[], &["state_is_for_its_user_alone", "no_path_leaves_the_page"]),
    (
        "browsers",
        &[],
        &[
            "origins_are_compared_whole",
            "a_text_frame_is_answered_with_1003_mqtt_6_0_0_1",
            "fragments_with_pings_between_are_one_stream_mqtt_6_0_0_2",
            "a_large_message_may_come_in_many_fragments",
            "a_burst_travels_in_few_frames",
            "an_unmasked_frame_is_answered_with_1002",
            "a_flood_of_pings_of_a_websocket",
            "heads_of_requests_have_a_bound",
            "compression_is_never_agreed_on",
            "a_cookie_is_its_user_at_the_websocket",
            "only_our_own_pages_change_anything",
            "subprotocols_are_chosen_as_offered_mqtt_6_0_0_3_and_4",
            "every_kind_of_answer_carries_the_headers_that_protect_it",
            "what_stands_in_an_address_is_not_logged",
        ],
    ),
    (
        "tokens",
        &[],
        &[
            "a_token_that_does_not_count_is_refused_and_the_reason_told",
            "the_end_of_a_token_ends_its_connection",
            "a_client_of_5_0_brings_a_new_token_by_auth",
        ],
    ),
];

#[test]
fn every_line_of_the_checklist_has_its_tests() {
    let mut sources = String::new();
    for folder in ["tests/tests", "bridge/src"] {
        collect(&workspace().join(folder), &mut sources);
    }
    let named = |name: &str| sources.contains(&format!("fn {name}()"));
    for (line, weaknesses, names) in CHECKLIST {
        for name in names {
            assert!(named(name), "{line}: there is no test {name}");
        }
        for weakness in weaknesses {
            let in_a_name = weakness.to_lowercase().replace('-', "_");
            let stands =
                sources.matches(weakness).count() > 1 || names.iter().any(|name| name.contains(&in_a_name));
            assert!(stands, "{line}: no test names {weakness}");
        }
    }
}

fn collect(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, sources),
            path if path.extension().is_some_and(|ending| ending == "rs") => {
                sources.push_str(&fs::read_to_string(path).expect("a source is text"));
            }
            _ => {}
        }
    }
}

/// A packet with this first byte around a body.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let more = length > 127;
        bytes.push((length & 127) as u8 | u8::from(more) << 7);
        length >>= 7;
        if !more {
            break;
        }
    }
    [bytes, body.to_vec()].concat()
}

/// A string with its length.
fn text(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

/// A client of 5.0 that is let in.
fn connect(bridge: &Bridge, id: &str) -> Client {
    let mut client = Client::new(Wire::tcp(bridge.tcp), mqtt::Version::V5);
    let reason = client.connect(&mqtt::packet::Connect::new(mqtt::Version::V5, id)).reason;
    assert_eq!(reason, mqtt::ReasonCode::Success);
    client
}

/// What the process holds more now, in KiB, than before something was done.
fn growth(bridge: &Bridge, done: impl FnOnce()) -> u64 {
    let before = bridge.process.resident_kib();
    done();
    bridge.process.resident_kib().saturating_sub(before)
}
