//! Wire scripts: what is sent and what comes back, byte by byte, over TCP and over WebSocket. The scripts are text files
//! below `tests/wire`, one folder for each version and one file for each packet or theme:
//!
//! ```text
//! SUBSCRIBE with packet identifier 0 is refused          the name, a sentence of its own
//!   ids MQTT-2.2.1-3                                     statements of the standard it holds (`MQTT3-…` for 3.x)
//!   profile default                                      a configuration from tests/wire/profiles
//!   only websocket                                       not over both transports
//!   with options in 03 40 80                             one script for each value of {options}
//!   with what | bytes                                    or for each row of a table
//!   | a name  | 26 'a' 'b'
//!   connect                                              a plain CONNECT, let in
//!   b connect                                            the same on a second connection; the first is `a`
//!   send 82 [ 0000 [] '{n}/x' 00 ]                       bytes; {n} is different in each run. Forms: see `pattern`
//!   expect 90 [ 0001 [] 00 ]                             the next packet, whole. A reason string in it is for people
//!                                                        and is not compared; `exactly` compares it too
//!   accepted, resumed                                    a CONNACK that lets in, session present 0 or 1
//!   close e0 [ 81 ]                                      this packet is the last (none: not one), and then the end
//!   code 03eb                                            the status code of the WebSocket's close frame before
//!   silence                                              nothing but the answer to a PINGREQ
//!   cut                                                  the client is gone without a word
//!   frame 81 61                                          a WebSocket frame: its first byte, and what it carries
//!   raw 82 01 00                                         bytes below the frames
//! ```
//!
//! At the end of each script every connection that was let in must be silent, and after an end by the broker a bystander
//! must not have noticed anything. Each step has a deadline.

mod link;
mod pattern;
mod play;
mod profile;
mod script;

use profile::Profiles;

/// Scripts there must be at least.
const AT_LEAST: usize = 1400;

#[test]
fn every_script_is_answered_byte_for_byte() {
    let mut scripts = script::all().unwrap_or_else(|e| panic!("{e}"));
    let all = scripts.len();
    // For one who writes scripts: only those whose file or name contains this.
    let wanted = std::env::var("WIRE").unwrap_or_default();
    scripts.retain(|script| script.name.contains(&wanted) || script.file.contains(&wanted));
    let mut profiles = Profiles::start(&scripts);
    let mut failures = play::all(&scripts, &profiles.by_name);
    failures.extend(profiles.complaints());
    let count = failures.len();
    assert!(failures.is_empty(), "{count} of {} scripts fail:\n\n{}\n", scripts.len(), failures.join("\n\n"));
    eprintln!("{} of {all} scripts, over TCP and WebSocket", scripts.len());
    assert!(all >= AT_LEAST, "{all} scripts are fewer than {AT_LEAST}");
}

#[test]
fn a_script_that_expects_anything_else_fails() {
    let wrong = [
        ("a wrong byte", "connect\n  send c000\n  expect d001"),
        ("a packet too few", "connect\n  send 32 [ '{n}' 0001 [] ]"),
        ("a packet too many", "connect\n  send c000\n  expect d000\n  expect d000"),
        ("an end that does not come", "connect\n  send c000\n  expect d000\n  close"),
        ("no end where one comes", "connect\n  send c100\n  expect d000"),
        ("another reason", "connect\n  send c100\n  close e0 [ 82 ]"),
        ("an end without the reason that comes", "connect\n  send c100\n  close"),
        ("a silence that is broken", "connect\n  send 32 [ '{n}' 0001 [] ]\n  silence"),
    ];
    let mut scripts = Vec::new();
    for (name, steps) in wrong {
        let text = format!("{name}\n  {steps}\n");
        script::parse(&text, "here", "5.0", &mut scripts).unwrap_or_else(|e| panic!("{e}"));
    }
    let profiles = Profiles::start(&scripts);
    let failures = play::all(&scripts, &profiles.by_name).join("\n");
    for (name, _) in wrong {
        for transport in ["Tcp", "WebSocket"] {
            let lines = format!("{name}\n  over {transport}");
            assert!(failures.contains(&lines), "{name} is noticed over {transport}:\n{failures}");
        }
    }
}

#[test]
fn a_file_that_breaks_the_format_is_refused_with_its_line() {
    for (text, why) in [
        ("a\n  send 10\n\na\n  send 10", "here:4: the name stands at here:1 too"),
        ("a\n  ids MQTT3-\n  send 10", "here:1: MQTT3- is not of the numbering"),
        ("a\n  send 1", "here:2: 1 is not pairs"),
        ("a\n  send 10 [ 00", "here:2: a bracket is not closed"),
        ("a\n  send ..", "here:2: a wildcard"),
        ("a\n  shout 10", "here:2: \"shout\" is no verb"),
        ("a {x}\n  send 10", "here:1: a column is missing"),
        ("a\n  ids MQTT-", "here:1: a script without steps"),
    ] {
        let refused = script::parse(text, "here", "5.0", &mut Vec::new()).expect_err(why);
        assert!(refused.starts_with(why), "{refused}");
    }
}
