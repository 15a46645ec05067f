//! Drives an [`mqtt::client::Client`] over TCP, with TLS or without: its socket, its timer and its clock. It knows nothing of what is said.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use mqtt::Instant;
use mqtt::client::{Client, Config, Event, Input, Output};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::tls::{self, TlsClient};

/// A Client with a TCP connection that is made anew as often as the Client wants.
pub struct Link {
    client: Client,
    address: String,
    tls: Option<TlsClient>,
    start: tokio::time::Instant,
    seed: u64,
    socket: Socket,
    /// What waits for room in the socket.
    unsent: VecDeque<u8>,
    /// The end of the connection before: its last bytes and its shutdown.
    closing: Option<JoinHandle<()>>,
    scratch: Box<[u8]>,
}

enum Socket {
    None,
    Connecting(Pin<Box<dyn Future<Output = Dialled> + Send>>),
    Open(Box<dyn Stream>),
}

type Dialled = io::Result<Box<dyn Stream>>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What there is to tell the Client.
enum Happened {
    Opened(Box<dyn Stream>),
    Read(usize),
    Wrote(usize),
    Closed(String),
    Tick,
}

impl Link {
    /// A link to `address` (`host:port`) that waits for [`Client::start`]. The configuration's seed is drawn here.
    #[must_use]
    pub fn new(address: String, config: Config) -> Self {
        let seed = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        Self {
            client: Client::new(Config { seed, ..config }),
            address,
            tls: None,
            start: tokio::time::Instant::now(),
            seed,
            socket: Socket::None,
            unsent: VecDeque::new(),
            closing: None,
            scratch: vec![0; 16 * 1024].into_boxed_slice(),
        }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsClient) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The time as the Client sees it.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Sleeps to a moment of [`now`](Self::now)'s clock.
    pub fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep_until(self.start + Duration::from_millis(at.as_millis()))
    }

    /// A number that differs from process to process.
    #[must_use]
    pub const fn random(&self) -> u64 {
        self.seed
    }

    /// Gives the Client commands. They take effect with the following [`next`](Self::next).
    pub fn with<R>(&mut self, command: impl FnOnce(&mut Client, Instant) -> R) -> R {
        let now = self.now();
        command(&mut self.client, now)
    }

    /// The next event of the Client. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Event {
        loop {
            let wait = match self.client.poll() {
                Output::Event(event) => return event,
                Output::Open => {
                    self.open();
                    continue;
                }
                Output::Send(bytes) => {
                    self.unsent.extend(bytes);
                    continue;
                }
                Output::Close => {
                    self.close();
                    continue;
                }
                Output::Store(_) => continue, // its session ends with it
                Output::Wait(until) => until,
            };
            let happened = self.happens(wait).await;
            self.tell(happened);
        }
    }

    /// Waits for the last bytes of a connection that was ended to leave.
    pub async fn finish(&mut self) {
        if let Some(closing) = self.closing.take() {
            let _gave_up = tokio::time::timeout(Duration::from_secs(2), closing).await;
        }
    }

    fn open(&mut self) {
        let (address, tls) = (self.address.clone(), self.tls.clone());
        self.unsent.clear();
        self.socket = Socket::Connecting(Box::pin(async move {
            let stream = TcpStream::connect(address).await?; // [MQTT-4.2-1]
            stream.set_nodelay(true)?;
            Ok(match tls {
                None => Box::new(stream) as Box<dyn Stream>,
                Some(tls) => Box::new(tls.connector.connect(tls.name, stream).await?),
            })
        }));
    }

    fn close(&mut self) {
        let unsent = Vec::from(std::mem::take(&mut self.unsent));
        if let Socket::Open(mut stream) = std::mem::replace(&mut self.socket, Socket::None) {
            self.closing = Some(tokio::spawn(async move {
                let _gone_already = stream.write_all(&unsent).await;
                let _gone_already = stream.shutdown().await;
            }));
        }
    }

    async fn happens(&mut self, wait: Option<Instant>) -> Happened {
        let start = self.start;
        let timer = async move {
            match wait {
                Some(at) => tokio::time::sleep_until(start + Duration::from_millis(at.as_millis())).await,
                None => std::future::pending().await,
            }
        };
        let (unsent, scratch) = (&self.unsent, &mut self.scratch);
        let transport = async {
            match &mut self.socket {
                Socket::None => std::future::pending().await,
                Socket::Connecting(connecting) => match connecting.await {
                    Ok(stream) => Happened::Opened(stream),
                    Err(e) => Happened::Closed(tls::words(&e)),
                },
                Socket::Open(stream) => transfer(stream, unsent.as_slices().0, scratch).await,
            }
        };
        tokio::select! {
            happened = transport => happened,
            () = timer => Happened::Tick,
        }
    }

    fn tell(&mut self, happened: Happened) {
        let now = self.now();
        match happened {
            Happened::Opened(stream) => {
                self.socket = Socket::Open(stream);
                self.client.handle(now, Input::Opened);
            }
            Happened::Read(n) => {
                self.client.handle(now, Input::Received(self.scratch.get(..n).unwrap_or_default()));
            }
            Happened::Wrote(n) => {
                self.unsent.drain(..n);
            }
            Happened::Closed(why) => {
                self.socket = Socket::None;
                self.unsent.clear();
                self.client.handle(now, Input::Closed { why });
            }
            Happened::Tick => self.client.handle(now, Input::Tick),
        }
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("address", &self.address)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Writes or reads once, whichever can be done first. Nothing is lost when it is dropped: it waits only before.
async fn transfer(stream: &mut Box<dyn Stream>, unsent: &[u8], scratch: &mut [u8]) -> Happened {
    let mut stream = Pin::new(stream);
    let done = poll_fn(|context| {
        if !unsent.is_empty()
            && let Poll::Ready(written) = stream.as_mut().poll_write(context, unsent)
        {
            return Poll::Ready(written.map(Happened::Wrote));
        }
        // TLS may still have some of what was written.
        if let Poll::Ready(Err(error)) = stream.as_mut().poll_flush(context) {
            return Poll::Ready(Err(error));
        }
        let mut buffer = ReadBuf::new(scratch);
        stream.as_mut().poll_read(context, &mut buffer).map_ok(|()| match buffer.filled().len() {
            0 => Happened::Closed("the server closed the connection".into()),
            n => Happened::Read(n),
        })
    });
    done.await.unwrap_or_else(|error| Happened::Closed(tls::words(&error)))
}

#[cfg(test)]
mod tests {
    use mqtt::client::{Ended, Offline, Outcome};
    use mqtt::codec::Deframer;
    use mqtt::packet::{Connack, Packet};
    use mqtt::{Message, Qos, ReasonCode, TopicName, Version};
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// A Server that says yes to CONNECT, reads until `enough` bytes of payload have come, and hangs up.
    async fn serve(listener: &TcpListener, enough: usize) -> usize {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut buffer, mut deframer, mut payload) = (Vec::new(), Deframer::server(u32::MAX), 0);
        while payload < enough {
            assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the client hung up");
            while let Some((packet, length)) = deframer.next(&buffer).unwrap() {
                match packet {
                    Packet::Connect(_) => {
                        let mut connack = Vec::new();
                        Packet::Connack(Box::new(Connack::new(ReasonCode::Success)))
                            .encode(Version::V5, &mut connack)
                            .unwrap();
                        stream.write_all(&connack).await.unwrap();
                    }
                    Packet::Publish(publish) => payload += publish.payload.len(),
                    Packet::Disconnect(_) => {}
                    other => panic!("{other:?}"),
                }
                buffer.drain(..length);
            }
        }
        payload
    }

    async fn until_connected(link: &mut Link) {
        while !matches!(link.next().await, Event::Connected(_)) {}
    }

    #[tokio::test]
    async fn a_link_sends_what_no_socket_buffer_holds_and_comes_back_when_it_is_cut() {
        const LARGE: usize = 16 << 20;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move { (serve(&listener, LARGE).await, serve(&listener, 1).await) });
        let config = Config { max_queued_bytes: usize::MAX, ..Config::default() };
        let mut link = Link::new(address, config);
        link.with(|client, now| client.start(now));
        until_connected(&mut link).await;

        let topic = TopicName::new("t".into()).unwrap();
        let message = Message::new(topic.clone(), vec![7; LARGE]).with_qos(Qos::AtLeastOnce);
        link.with(|client, now| client.publish_with(now, message, Offline::FailNow)).unwrap();
        let (why, retry_at) = loop {
            if let Event::Ended { why, retry_at } = link.next().await {
                break (why, retry_at);
            }
        };
        assert!(matches!(why, Ended::TransportClosed { .. }), "{why:?}");
        assert!(retry_at.is_some());

        until_connected(&mut link).await;
        let last = link.with(|client, now| client.publish(now, Message::new(topic, "x"))).unwrap();
        loop {
            if let Event::Published { id, outcome: Outcome::Sent } = link.next().await {
                assert_eq!(id, last);
                break;
            }
        }
        link.with(|client, now| client.stop(now, ReasonCode::Success));
        while !matches!(link.next().await, Event::Ended { why: Ended::Stopped, .. }) {}
        link.finish().await;
        assert_eq!(server.await.unwrap(), (LARGE, 1));
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_told_with_the_systems_words() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let mut link = Link::new(address, Config::default());
        link.with(|client, now| client.start(now));
        let Event::Ended { why: Ended::TransportClosed { why }, retry_at } = link.next().await else {
            panic!("closed")
        };
        assert!(why.contains("refused"), "{why}");
        assert!(retry_at.is_some());
    }
}
