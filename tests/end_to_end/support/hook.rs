//! Whoever listens to a webhook: keeps what is posted, and answers as it is told.
#![allow(dead_code, reason = "tests/crash has no use for it")]

use std::{
    collections::VecDeque,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{port::Port, waiting::wait_until};

/// The listener, until it is dropped.
#[derive(Debug)]
pub struct Hook {
    port: Port,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    closed: AtomicBool,
    /// Statuses of the next replies; then 200.
    replies: Mutex<VecDeque<u16>>,
    posted: Mutex<Vec<(u16, Value)>>,
}

impl Hook {
    /// Starts one that answers the first requests with these statuses, and 200 from then on.
    pub fn start(replies: &[u16]) -> Self {
        let port = Port::lease();
        let listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        let shared = Arc::new(Shared { replies: Mutex::new(replies.iter().copied().collect()), ..Shared::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.closed.load(Ordering::Acquire) {
                    return;
                }
                answer(stream.unwrap(), &accepting);
            }
        });
        Self { port, shared }
    }

    /// Its address, with a secret in it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook/s3cret", self.port.number())
    }

    /// The status that was answered and the object that was posted, in order.
    pub fn posted(&self) -> Vec<(u16, Value)> {
        self.shared.posted.lock().unwrap().clone()
    }

    /// Waits until so many were posted.
    #[track_caller]
    pub fn wait_for(&self, count: usize, limit: Duration) {
        wait_until(&format!("{count} requests at the webhook"), limit, || self.posted().len() >= count);
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        drop(TcpStream::connect(("127.0.0.1", self.port.number())));
    }
}

fn answer(mut stream: TcpStream, shared: &Shared) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    let body = loop {
        let count = stream.read(&mut buffer).unwrap_or(0);
        request.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let body = text.split_once("\r\n\r\n").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
        if body.is_some() || count == 0 {
            break body;
        }
    };
    // Somebody who only tried the port.
    let Some(body) = body else { return };
    let text = String::from_utf8_lossy(&request).into_owned();
    assert!(text.starts_with("POST /hook/s3cret HTTP/1.1\r\n"), "{text}");
    let status = shared.replies.lock().unwrap().pop_front().unwrap_or(200);
    let _ = write!(stream, "HTTP/1.1 {status} As told\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    shared.posted.lock().unwrap().push((status, body));
}
