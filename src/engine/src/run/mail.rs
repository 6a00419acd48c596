//! What is said to a run from outside, and where it comes in.

use std::collections::VecDeque;

use rrb_lang::vm::protocol::Resolution;
use tokio::sync::{mpsc, oneshot};

use crate::api::ApiError;

/// What is said to a run from outside.
#[derive(Debug)]
pub enum Mail {
    /// Something changed: look.
    Look,
    Cancel {
        why: String,
        by: String,
        reply: Option<Reply>,
    },
    Resolve {
        resolution: Resolution,
        why: String,
        by: String,
        reply: Option<Reply>,
    },
}

/// Answers once it is durable.
pub type Reply = oneshot::Sender<Result<(), ApiError>>;

/// Where mail for a run comes in.
#[derive(Debug)]
pub struct Mailbox {
    mail: mpsc::UnboundedReceiver<Mail>,
    /// What came in and is not read yet.
    read: VecDeque<Mail>,
}

impl Mailbox {
    /// A mailbox and its slot.
    pub fn new() -> (mpsc::UnboundedSender<Mail>, Self) {
        let (slot, mail) = mpsc::unbounded_channel();
        (slot, Self { mail, read: VecDeque::new() })
    }

    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.mail.is_empty()
    }

    pub fn take(&mut self) -> Option<Mail> {
        self.read.pop_front().or_else(|| self.mail.try_recv().ok())
    }

    /// Puts mail back in front.
    pub fn put_back(&mut self, mail: Vec<Mail>) {
        mail.into_iter().rev().for_each(|m| self.read.push_front(m));
    }

    /// Returns when there is something to take.
    pub async fn arrives(&mut self) {
        if self.read.is_empty() {
            match self.mail.recv().await {
                Some(mail) => self.read.push_back(mail),
                None => std::future::pending().await,
            }
        }
    }
}
