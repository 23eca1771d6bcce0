//! A TCP stream that can be cut from outside, as a router that loses power cuts it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A flag that is raised once and can be waited for.
#[derive(Clone, Default)]
pub(crate) struct Signal {
    state: Arc<(AtomicBool, Notify)>,
}

impl Signal {
    pub(crate) fn raise(&self) {
        self.state.0.store(true, Ordering::Release);
        self.state.1.notify_waiters();
    }

    pub(crate) async fn wait(&self) {
        let notified = self.state.1.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.state.0.load(Ordering::Acquire) {
            notified.await;
        }
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    over: bool,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, cut: Signal) -> Self {
        Self { stream, cut: Box::pin(async move { cut.wait().await }), over: false }
    }

    fn poll_cut(&mut self, context: &mut Context<'_>) -> bool {
        self.over = self.over || self.cut.as_mut().poll(context).is_ready();
        self.over
    }
}

fn reset() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the simulated router cut the connection")
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.poll_cut(context) {
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.over {
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
