//! One HTTP/1.1 request on a connection of its own, written as it is, so that a test may also write what no library would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::deadline::PATIENCE;
use crate::wire::{dial, is_timeout};

/// A request, to be sent once.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    version: &'static str,
}

/// The whole answer; after an upgrade, `body` is what came right behind it.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent, encodings included.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with `Host`, unless it gets another, and nothing else. The target is sent as it is.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            version: "HTTP/1.1",
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST of JSON.
    #[must_use]
    pub fn post(target: &str, body: &Value) -> Self {
        let request = Self::new("POST", target).with("Content-Type", "application/json");
        request.with_body(body.to_string().as_bytes())
    }

    /// A WebSocket upgrade with the key of RFC 6455's own example.
    #[must_use]
    pub fn upgrade(target: &str, protocols: &str) -> Self {
        let request = Self::get(target)
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        if protocols.is_empty() { request } else { request.with("Sec-WebSocket-Protocol", protocols) }
    }

    /// The request in another version of HTTP.
    #[must_use]
    pub const fn in_version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// The request with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self
    }

    /// The request with a body.
    #[must_use]
    pub fn with_body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.with("Content-Length", &body.len().to_string())
    }

    /// The request with bytes right behind it that are no body.
    #[must_use]
    pub fn with_tail(mut self, bytes: &[u8]) -> Self {
        self.body = bytes.to_vec();
        self
    }

    /// Sends it and gives the answer.
    ///
    /// # Panics
    /// There is no whole answer in time.
    #[must_use]
    pub fn send(self, address: SocketAddr) -> Response {
        self.connect(address).0
    }

    /// Sends it and gives the answer and the connection.
    ///
    /// # Panics
    /// There is no whole answer in time.
    #[must_use]
    pub fn connect(self, address: SocketAddr) -> (Response, TcpStream) {
        let mut stream = dial(address);
        stream.set_read_timeout(Some(PATIENCE * 3)).expect("a socket takes a timeout");
        let response = self.exchange(&mut stream, address);
        (response, stream)
    }

    /// Sends it over a connection that is there, and gives the answer.
    ///
    /// # Panics
    /// There is no whole answer in time.
    #[must_use]
    pub fn exchange(self, stream: &mut (impl Read + Write), address: SocketAddr) -> Response {
        let mut text = format!("{} {} {}\r\n", self.method, self.target, self.version);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let bytes = [text.as_bytes(), b"\r\n", &self.body].concat();
        stream.write_all(&bytes).expect("a request is written");
        read(stream, self.method == "HEAD")
    }
}

impl Response {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The cookie that it sets, as a browser sends it back.
    ///
    /// # Panics
    /// It sets none.
    #[must_use]
    pub fn cookie(&self) -> String {
        let line = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {self:?}"));
        line.split(';').next().unwrap_or_default().to_owned()
    }

    /// The body without its content encoding.
    ///
    /// # Panics
    /// It does not decode, or the encoding is unknown.
    #[must_use]
    pub fn decoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let read = match self.header("content-encoding") {
            None | Some("identity") => return self.body.clone(),
            Some("gzip") => flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut out),
            Some("br") => brotli::Decompressor::new(&*self.body, 4096).read_to_end(&mut out),
            Some(other) => panic!("unknown content encoding {other}"),
        };
        read.expect("the body decodes");
        out
    }
}

fn read(stream: &mut impl Read, is_head: bool) -> Response {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        assert!(
            more(stream, &mut bytes),
            "the answer ended in its head: {:?}",
            String::from_utf8_lossy(&bytes)
        );
    };
    let body = bytes.split_off(head_end);
    let head = String::from_utf8(bytes).expect("a head is text");
    let mut response = parse(&head, body);
    if is_head || matches!(response.status, 101 | 204 | 304) {
        return response;
    }
    if response.header("transfer-encoding") == Some("chunked") {
        while !response.body.ends_with(b"0\r\n\r\n") && more(stream, &mut response.body) {}
        response.body = unchunk(&response.body);
        return response;
    }
    match response.header("content-length").map(|n| n.parse::<usize>().expect("a length is a number")) {
        Some(length) => {
            while response.body.len() < length {
                assert!(more(stream, &mut response.body), "the body is shorter than its length says");
            }
        }
        None => while more(stream, &mut response.body) {},
    }
    response
}

fn parse(head: &str, body: Vec<u8>) -> Response {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let header = |line: &str| line.split_once(':').map(|(n, v)| (n.to_lowercase(), v.trim().to_owned()));
    Response {
        status: status.expect("an answer has a status"),
        headers: lines.filter_map(header).collect(),
        body,
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size =
            std::str::from_utf8(&bytes[..at]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk has a size");
        let chunk = &bytes[at + 2..at + 2 + size];
        body.extend_from_slice(chunk);
        bytes = &bytes[at + 2 + size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}

/// Reads once. False at the end.
fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> bool {
    let mut part = vec![0; 1 << 16];
    match stream.read(&mut part) {
        Ok(n) => {
            bytes.extend_from_slice(&part[..n]);
            n > 0
        }
        Err(e) if is_timeout(e.kind()) => panic!("no answer in time"),
        Err(_) => false,
    }
}
