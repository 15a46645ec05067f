//! WebSocket, as far as a load needs it: the upgrade, frames out under a mask of zeros, frames in of any size.

use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What the broker has sent and is no whole frame yet.
pub(crate) type Raw = BytesMut;

/// Asks for the protocol and leaves in `raw` what came behind the answer.
pub(crate) async fn upgrade(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: SocketAddr,
    path: &str,
    raw: &mut Raw,
) -> Result<()> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    loop {
        ensure!(stream.read_buf(raw).await? > 0, "closed during the upgrade");
        if let Some(end) = raw.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = raw.split_to(end + 4);
            let head = String::from_utf8_lossy(&head);
            ensure!(head.contains(" 101 "), "the upgrade is refused: {head}");
            return Ok(());
        }
    }
}

/// Begins a binary frame. The mask is zero: masked bytes equal the plain ones, and the broker unmasks all the same.
pub(crate) fn put_head(out: &mut Vec<u8>, length: usize) {
    out.push(0x82);
    match length {
        0..126 => out.push(0x80 | length as u8),
        126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
}

/// Moves the payloads of all whole frames from `raw` to `packets`; a pong for each ping goes to `out`.
pub(crate) fn take(raw: &mut Raw, packets: &mut BytesMut, out: &mut Vec<u8>) -> Result<()> {
    while let Some((head, length)) = head_of(raw) {
        if raw.len() < head + length {
            return Ok(());
        }
        let kind = raw[0] & 0x0f;
        raw.advance(head);
        let payload = raw.split_to(length);
        match kind {
            0 | 2 => packets.extend_from_slice(&payload),
            8 => bail!("the broker closes the WebSocket: {payload:?}"),
            9 => {
                out.extend_from_slice(&[0x8a, 0x80 | length as u8, 0, 0, 0, 0]);
                out.extend_from_slice(&payload);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Bytes of the next frame's head and of its payload, when the head is complete.
fn head_of(raw: &[u8]) -> Option<(usize, usize)> {
    match raw.get(1)? & 0x7f {
        126 => Some((4, u16::from_be_bytes(raw.get(2..4)?.try_into().ok()?).into())),
        127 => Some((10, u64::from_be_bytes(raw.get(2..10)?.try_into().ok()?).try_into().ok()?)),
        length => Some((2, length.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let mut wire = vec![0x82, 3, 1, 2, 3, 0x89, 1, b'p', 0x82, 126, 1, 0];
        wire.extend([7; 256]);
        for cut in 0..wire.len() {
            let (mut packets, mut out) = (BytesMut::new(), Vec::new());
            let mut raw = Raw::from(&wire[..cut]);
            take(&mut raw, &mut packets, &mut out).unwrap();
            raw.extend_from_slice(&wire[cut..]);
            take(&mut raw, &mut packets, &mut out).unwrap();
            assert_eq!(packets.len(), 259, "cut at {cut}");
            assert_eq!(out, [0x8a, 0x81, 0, 0, 0, 0, b'p']);
        }
    }

    #[test]
    fn heads_say_their_length() {
        for (length, size) in [(5, 6), (126, 8), (65_536, 14)] {
            let mut out = Vec::new();
            put_head(&mut out, length);
            assert_eq!(out.len(), size);
            assert_eq!(head_of(&out), Some((size - 4, length)));
        }
    }
}
