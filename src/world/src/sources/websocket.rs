//! `from stream websocket(…)`: the messages of a WebSocket (https://www.rfc-editor.org/rfc/rfc6455).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rrb_engine::sink::{Fed, MAX_BATCH};
use rrb_lang::value::Value;
use serde_json::{Value as Json, json};
use smol_str::SmolStr;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use super::http_lines::at;
use super::lines::Format;
use super::message::Message;
use super::source::{Args, Source, Stopped};
use crate::flow::Switched;

/// How long a connection may take to be made.
const BEGIN: Duration = Duration::from_secs(30);

/// When nothing is heard for so long, the other side is asked whether it is there; and for how long an answer is waited for.
const QUIET: Duration = Duration::from_secs(30);
const ANSWER: Duration = Duration::from_secs(15);

/// How long a message of ours may take to be sent.
const SEND: Duration = Duration::from_secs(10);

/// Messages wait this long for others, so that many are written together.
const GATHER: Duration = Duration::from_millis(20);

/// A connection that ends sooner, and brought nothing, is a failure.
const SHORT: Duration = Duration::from_secs(5);

/// The longest message that is read at all, in bytes: it has to be whole before its name is known. What is kept of one ends at
/// [`MAX_MESSAGE`](super::message::MAX_MESSAGE), as of every other source.
const LONGEST: usize = 16 << 20;

/// What the request for a connection takes of the arguments.
const REQUEST: [&str; 6] = ["headers", "bearer", "ca_file", "ca", "client_cert", "client_key"];

pub(super) async fn run(source: &Source, args: Args<'_>) -> Result<(), Stopped> {
    let talk = Talk {
        source,
        args,
        format: Format::named(args.choice("format")?),
        acknowledge: args.text_or_none("acknowledge")?,
        says_so: !source.shadow,
        close_on: match args.text_or_none("close_on")? {
            None => None,
            Some(text) => Some(text.split_once('=').filter(|(field, _)| !field.is_empty()).ok_or_else(|| {
                Stopped::Failed("`close_on` is a field and what stands there: `type=disconnect`".to_owned())
            })?),
        },
    };
    loop {
        talk.once().await?;
    }
}

/// What is said over one connection after the other.
struct Talk<'a> {
    source: &'a Source,
    args: Args<'a>,
    format: Format,
    acknowledge: Option<&'a str>,
    /// Whether it is said to the other side: what a daemon in shadow heard is to be given to the one that does the work.
    says_so: bool,
    close_on: Option<(&'a str, &'a str)>,
}

/// What a message is to us.
struct Heard {
    fed: Fed,
    /// What is sent back when it is durable.
    name: Option<Json>,
    /// Whether it says that the connection ends.
    last: bool,
}

type Socket = WebSocketStream<Switched>;

impl Talk<'_> {
    /// Makes a connection and reads it to its end.
    async fn once(&self) -> Result<(), Stopped> {
        let asked = self.source.unless_stopped(self.address()).await??;
        let stream = self.source.unless_stopped(self.source.web.websocket(&asked, BEGIN)).await??;
        let mut config = WebSocketConfig::default();
        config.max_message_size = Some(LONGEST);
        config.max_frame_size = Some(LONGEST);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        if let Some(hello) = self.args.text_or_none("send")? {
            self.say(&mut socket, Frame::text(hello)).await?;
        }
        self.source.reading();
        let read = self.read(&mut socket).await;
        // The other side then knows at once that nobody reads any more, and gives to others what is not acknowledged.
        let _ = tokio::time::timeout(Duration::from_secs(1), socket.close(None)).await;
        read
    }

    async fn read(&self, socket: &mut Socket) -> Result<(), Stopped> {
        let began = Instant::now();
        let mut any = false;
        loop {
            let (heard, end) = self.gather(socket).await?;
            any |= !heard.is_empty();
            let last = heard.iter().any(|h| h.last);
            let (items, names): (Vec<Fed>, Vec<Option<Json>>) = heard.into_iter().map(|h| (h.fed, h.name)).unzip();
            if !items.is_empty() {
                self.source.bring(items, None).await?;
            }
            for name in names.into_iter().flatten() {
                if let Some(field) = self.acknowledge.filter(|_| self.says_so) {
                    self.say(socket, Frame::text(json!({ field: name }).to_string())).await?;
                }
            }
            match end {
                _ if last => return Ok(()),
                None => {}
                Some(Ok(())) if any || began.elapsed() >= SHORT => return Ok(()),
                Some(Ok(())) => return Err(Stopped::Failed("the connection was closed at once".to_owned())),
                Some(Err(why)) => return Err(Stopped::Failed(why)),
            }
        }
    }

    /// Where to connect, and as whom.
    async fn address(&self) -> Result<Vec<(SmolStr, Value)>, Stopped> {
        let url = self.args.text("url")?;
        let mut asked = self.args.only(&REQUEST);
        let Some(path) = self.args.text_or_none("open_at")? else {
            asked.push(("url".into(), Value::Url(web(url)?.into())));
            return Ok(asked);
        };
        asked.push(("url".into(), Value::Url(url.into())));
        let reply = self.source.web.ask(&asked, true).await?;
        let Some(Value::Json(answer)) = reply.field("json") else {
            return Err(Stopped::Failed("the answer of `url` is no JSON".to_owned()));
        };
        let answer = Json::from(answer);
        let Some(there) = at(&answer, path) else {
            let why = at(&answer, "error").map(|e| format!(": it says `{}`", cut(&e))).unwrap_or_default();
            return Err(Stopped::Failed(format!("the answer of `url` does not say in `{path}` where to connect{why}")));
        };
        let address = web(&there)?;
        if url.starts_with("https:") && !address.starts_with("https:") {
            return Err(Stopped::Failed("the answer of `url` names an address that is not encrypted".to_owned()));
        }
        // What it names holds its own ticket; who asked for it is shown to nobody else.
        let trusts = |(name, _): &(SmolStr, Value)| ["ca_file", "ca"].contains(&name.as_str());
        let mut asked: Vec<_> = asked.into_iter().filter(trusts).collect();
        asked.push(("url".into(), Value::Url(address.into())));
        Ok(asked)
    }

    /// Waits for messages, then a little longer for more of them. With the end of the connection, when it has come: with its reason, unless
    /// the other side closed it.
    async fn gather(&self, socket: &mut Socket) -> Result<(Vec<Heard>, Option<Result<(), String>>), Stopped> {
        let mut heard: Vec<Heard> = Vec::new();
        let mut due: Option<Instant> = None;
        let mut asked = false;
        while heard.len() < MAX_BATCH && !heard.last().is_some_and(|h| h.last) {
            let quiet = if asked { ANSWER } else { QUIET };
            let until = due.unwrap_or_else(|| Instant::now() + quiet);
            let next = self.source.unless_stopped(tokio::time::timeout_at(until, socket.next())).await?;
            let frame = match next {
                Err(_) if due.is_some() => break,
                Err(_) if asked => return Ok((heard, Some(Err("the other side does not answer any more".to_owned())))),
                Err(_) => {
                    asked = true;
                    self.say(socket, Frame::Ping(Default::default())).await?;
                    continue;
                }
                Ok(None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed))) => {
                    return Ok((heard, Some(Ok(()))));
                }
                Ok(Some(Err(e))) => return Ok((heard, Some(Err(broken(&e))))),
                Ok(Some(Ok(frame))) => frame,
            };
            asked = false;
            match frame {
                Frame::Text(text) => heard.push(self.heard(text.as_bytes())),
                Frame::Binary(bytes) => heard.push(self.heard(&bytes)),
                Frame::Close(_) => return Ok((heard, Some(Ok(())))),
                // A ping is answered by the library.
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {}
            }
            if !heard.is_empty() && due.is_none() {
                due = Some(Instant::now() + GATHER);
            }
        }
        Ok((heard, None))
    }

    fn heard(&self, bytes: &[u8]) -> Heard {
        let said: Json = serde_json::from_slice(bytes).unwrap_or_default();
        let name = self.acknowledge.and_then(|field| said.get(field)).filter(|v| v.is_string() || v.is_number());
        let last = self.close_on.is_some_and(|(field, value)| said.get(field).and_then(Json::as_str) == Some(value));
        let position = name.map(ToString::to_string);
        Heard { fed: Message::default().fed(self.format, Some(bytes), position), name: name.cloned(), last }
    }

    async fn say(&self, socket: &mut Socket, frame: Frame) -> Result<(), Stopped> {
        let said = self.source.unless_stopped(tokio::time::timeout(SEND, socket.send(frame))).await?;
        match said {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(Stopped::Failed(broken(&e))),
            Err(_) => Err(Stopped::Failed("the other side takes nothing any more".to_owned())),
        }
    }
}

/// `wss://…` as the address of the request that asks for it.
fn web(url: &str) -> Result<String, Stopped> {
    for (socket, web) in [("wss://", "https://"), ("ws://", "http://")] {
        if let Some(rest) = url.strip_prefix(socket) {
            return Ok(format!("{web}{rest}"));
        }
    }
    let scheme = url.split(':').next().unwrap_or_default();
    Err(Stopped::Failed(format!(
        "the address of a WebSocket begins with `wss://` or `ws://`, not with `{}:`",
        cut(scheme)
    )))
}

fn broken(error: &Error) -> String {
    match error {
        Error::Capacity(_) => {
            format!("a message is longer than {} MiB, so the connection was given up", LONGEST >> 20)
        }
        other => format!("the connection broke: {}", cut(&other.to_string())),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
