//! Stands before a broker and sends each packet in a WebSocket frame of its own, as brokers do that gather nothing.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use tungstenite::handshake::server::{Request, Response};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

/// Listens for browsers, and connects each to the broker's TCP port. It ends with the process.
pub(crate) fn start(broker: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            thread::spawn(move || serve(stream, broker));
        }
    });
    address
}

#[expect(clippy::result_large_err, reason = "tungstenite's own callback")]
fn serve(browser: TcpStream, broker: SocketAddr) {
    let answer = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mqtt"));
        Ok(response)
    };
    browser.set_nodelay(true).expect("a socket");
    let down = browser.try_clone().expect("a socket");
    let Ok(mut up) = tungstenite::accept_hdr(browser, answer) else { return };
    let broker = TcpStream::connect(broker).expect("the broker listens");
    broker.set_nodelay(true).expect("a socket");
    let from_broker = broker.try_clone().expect("a socket");
    let pump = thread::spawn(move || split(from_broker, down));
    send_on(&mut up, broker);
    // The broker's side is closed by now, so this ends too.
    let _ = pump.join();
}

/// What the browser sends goes on as it is.
fn send_on(up: &mut WebSocket<TcpStream>, mut broker: TcpStream) {
    while let Ok(message) = up.read() {
        let Message::Binary(bytes) = message else { continue };
        if broker.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = broker.shutdown(std::net::Shutdown::Both); // it may be gone already
}

/// Each packet of the broker becomes a frame; all that one read brought leave in one write.
fn split(mut broker: TcpStream, mut browser: TcpStream) {
    let (mut bytes, mut part, mut frames) = (Vec::new(), vec![0; 1 << 16], Vec::new());
    while let Ok(n @ 1..) = broker.read(&mut part) {
        bytes.extend_from_slice(&part[..n]);
        let mut used = 0;
        while let Some(length) = packet(&bytes[used..]) {
            let packet = &bytes[used..used + length];
            frames.push(0x82);
            match length {
                0..126 => frames.push(length as u8),
                126..65_536 => frames.extend([&[126][..], &(length as u16).to_be_bytes()].concat()),
                _ => frames.extend([&[127][..], &(length as u64).to_be_bytes()].concat()),
            }
            frames.extend_from_slice(packet);
            used += length;
        }
        bytes.drain(..used);
        if browser.write_all(&frames).is_err() {
            return;
        }
        frames.clear();
    }
}

/// Bytes of the packet at the beginning; none while it is not whole.
fn packet(bytes: &[u8]) -> Option<usize> {
    let mut remaining = 0;
    for (n, &byte) in bytes.iter().enumerate().skip(1).take(4) {
        remaining |= usize::from(byte & 0x7f) << (7 * (n - 1));
        if byte & 0x80 == 0 {
            let length = n + 1 + remaining;
            return (bytes.len() >= length).then_some(length);
        }
    }
    None
}
