//! Autobahn's cases (kosoku plays them): an echo server that reads and writes frames by the very source that the broker uses.
//! Only this test knows messages; the broker takes what frames carry as a stream of bytes [MQTT-6.0.0-2].

#[path = "../../../bridge/src/server/websocket.rs"]
#[expect(dead_code, reason = "an echo server is never the first to close, for which there is a status")]
mod websocket;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tests::{Process, tool, workspace};
use tungstenite::handshake::derive_accept_key;

use self::websocket::{Event, Frames};

/// Fewer would mean that cases are missing.
const CASES: usize = 156;
/// What they take, some of which wait for a second that nothing happens.
const AT_MOST: Duration = Duration::from_secs(180);

/// One connection of the echo server.
struct Echo {
    stream: TcpStream,
    frames: Frames,
    message: Vec<u8>,
    out: Vec<u8>,
}

#[test]
fn autobahns_cases_find_no_fault_in_our_frames() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    // It ends with the test's process: nobody connects any more.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A peer that goes away ends its connection and nothing else.
            thread::spawn(move || serve(stream));
        }
    });
    let script = workspace().join("tests/tests/interop/autobahn.py");
    let mut cases = Process::start(&tool("venv/bin/python"), &[&script.to_string_lossy(), &port]);
    let end = cases.wait(AT_MOST);
    assert!(end.success(), "the cases are played to their end, not to {end}");
    let (passed, all) = cases.stdout.find("how many passed", |line| {
        let (passed, all) = line.strip_prefix("passed ")?.split_once(" of ")?;
        Some((passed.to_owned(), all.to_owned()))
    });
    assert_eq!(passed, all, "{:#?}", cases.stdout.all());
    assert!(all.parse::<usize>().expect("a number") >= CASES, "{all} cases were played");
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head);
    let named = |line: &&str| line.to_ascii_lowercase().starts_with("sec-websocket-key:");
    let key = head.lines().find(named).and_then(|line| line.split_once(':')).map_or("", |(_, key)| key);
    let accept = derive_accept_key(key.trim().as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    let mut echo = Echo { stream, frames: Frames::default(), message: Vec::new(), out: Vec::new() };
    echo.serve()
}

impl Echo {
    fn serve(&mut self) -> io::Result<()> {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        loop {
            let n = self.stream.read(&mut buffer)?;
            bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
            let goes_on = n > 0 && self.take(&mut bytes);
            self.stream.write_all(&self.out)?;
            self.out.clear();
            if !goes_on {
                // As the broker does: it says that it is done, and waits for the peer to go.
                self.stream.shutdown(Shutdown::Write)?;
                return io::copy(&mut self.stream, &mut io::sink()).map(drop);
            }
        }
    }

    /// Takes what is complete, never more at once than what ends with a message at most. False after the last frame.
    fn take(&mut self, bytes: &mut Vec<u8>) -> bool {
        let mut at = 0;
        let mut size = 0;
        while at + size < bytes.len() {
            let is_control = bytes.get(at).is_some_and(|first| first & 8 != 0) && self.frames.left() == 0;
            size = (size + 1).max(self.frames.left()).min(bytes.len() - at);
            let read = self.frames.read(&mut bytes[at..at + size]);
            self.message.extend_from_slice(&bytes[at..at + read.payload]);
            at += read.rest;
            if read.rest > 0 {
                size = 0;
                if !is_control && read.event.is_none() && self.frames.is_between_messages() {
                    self.send_message();
                }
            }
            match read.event {
                None => {}
                Some(Event::Ping(payload)) => {
                    websocket::write_control(&mut self.out, websocket::PONG, &payload);
                }
                Some(Event::Close(code)) => return self.close(code),
                Some(Event::Violation(code, _)) => return self.close(Some(code)),
            }
        }
        bytes.drain(..at);
        true
    }

    fn send_message(&mut self) {
        let mut frame = vec![0; websocket::MAX_HEADER];
        frame.append(&mut self.message);
        let start = websocket::write_header(&mut frame);
        self.out.extend_from_slice(frame.get(start..).unwrap_or_default());
    }

    fn close(&mut self, code: Option<u16>) -> bool {
        let code = code.map(u16::to_be_bytes);
        let status = code.as_ref().map_or(&[][..], <[u8; 2]>::as_slice);
        websocket::write_control(&mut self.out, websocket::CLOSE, status);
        false
    }
}
