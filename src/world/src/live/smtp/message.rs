//! From arguments to a mail. What comes from outside can begin no header of its own.

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;
use sha2::{Digest as _, Sha256};

use super::super::Cx;
use super::super::args::Args;
use super::super::fail::invalid;

/// The most recipients, attachments and headers, and the longest mail in bytes.
const MAX_RECIPIENTS: usize = 100;
const MAX_ATTACHMENTS: usize = 20;
const MAX_HEADERS: usize = 50;
const MAX_BYTES: usize = 10 << 20;

/// The longest subject and value of a header, in bytes.
const MAX_LINE: usize = 2_000;

/// Headers that other arguments make.
const OURS: [&str; 14] = [
    "bcc",
    "cc",
    "content-disposition",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "reply-to",
    "sender",
    "subject",
    "to",
];

/// A mail, ready to be sent.
pub struct Mail {
    /// Without the angle brackets.
    pub id: String,
    pub from: Address,
    /// Whom it goes to, with those in `bcc`.
    pub to: Vec<Address>,
    pub content: Vec<u8>,
}

impl Mail {
    /// From the arguments of `smtp.send`.
    pub fn from(cx: Cx<'_>) -> Result<Self, Failure> {
        let args = cx.args;
        let from = mailbox("from", args.text("from")?)?;
        let id = id(cx, from.email.domain());
        let mut builder = Message::builder().message_id(Some(format!("<{id}>"))).date_now().from(from.clone());
        let mut to = Vec::new();
        for (name, list) in [("to", args.texts("to")?), ("cc", optional(args, "cc")?), ("bcc", optional(args, "bcc")?)]
        {
            for text in list {
                let mailbox = mailbox(name, text)?;
                if !to.contains(&mailbox.email) {
                    to.push(mailbox.email.clone());
                }
                builder = match name {
                    "to" => builder.to(mailbox),
                    "cc" => builder.cc(mailbox),
                    _ => builder.bcc(mailbox),
                };
            }
        }
        if to.is_empty() || to.len() > MAX_RECIPIENTS {
            return Err(invalid(format!("a mail has from 1 to {MAX_RECIPIENTS} recipients")));
        }
        builder = builder.subject(line("subject", args.text("subject")?)?);
        if let Some(text) = args.text_or_none("reply_to")? {
            builder = builder.reply_to(mailbox("reply_to", text)?);
        }
        if let Some(text) = args.text_or_none("in_reply_to")? {
            let bare = message_id(text)?;
            builder = builder.in_reply_to(format!("<{bare}>")).references(format!("<{bare}>"));
        }
        builder = headers(args, builder)?;
        let message = body(args, builder)?;
        let content = folded(message.formatted());
        if content.len() > MAX_BYTES {
            return Err(invalid("the mail is longer than 10 MiB"));
        }
        Ok(Self { id, from: from.email, to, content })
    }
}

/// Breaks long lists of addresses into lines: one may have 998 bytes. https://www.rfc-editor.org/rfc/rfc5322#section-2.2.3
fn folded(content: Vec<u8>) -> Vec<u8> {
    const LONG: usize = 900;
    let Ok(text) = std::str::from_utf8(&content) else { return content };
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return content };
    let fold = |line: &str| if line.len() > LONG { line.replace(", ", ",\r\n ") } else { line.to_owned() };
    let head: Vec<String> = head.split("\r\n").map(fold).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}

/// The same for the same key, so that who gets it twice can see that.
fn id(cx: Cx<'_>, domain: &str) -> String {
    let local = match &cx.call.key {
        Some(key) => Sha256::digest(key.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect(),
        None => uuid::Uuid::new_v4().simple().to_string(),
    };
    format!("{local}@{domain}")
}

fn optional<'a>(args: Args<'a>, name: &str) -> Result<Vec<&'a str>, Failure> {
    Ok(args.texts_or_none(name)?.unwrap_or_default())
}

fn line<'a>(name: &str, text: &'a str) -> Result<&'a str, Failure> {
    if text.chars().any(char::is_control) || text.len() > MAX_LINE {
        return Err(invalid(format!("`{name}` is one line of at most {MAX_LINE} bytes, without control characters")));
    }
    Ok(text)
}

fn mailbox(name: &str, text: &str) -> Result<Mailbox, Failure> {
    let wrong = || {
        let text = text.escape_debug();
        invalid(format!("`{name}` takes addresses such as `ana@example.com` or `Ana <ana@example.com>`, not `{text}`"))
    };
    let mailbox: Mailbox = line(name, text)?.parse().map_err(|_| wrong())?;
    let email = mailbox.email.to_string();
    // An address on the wire ends at `>` or a blank; in quotes it may hold both.
    if !email.is_ascii()
        || email.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
        || email.len() > 254
    {
        return Err(wrong());
    }
    Ok(mailbox)
}

fn message_id(text: &str) -> Result<&str, Failure> {
    let bare = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')).unwrap_or(text);
    let usual = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | '"');
    if bare.is_empty() || bare.len() > 900 || !bare.contains('@') || !bare.chars().all(usual) {
        return Err(invalid(format!("`in_reply_to` is the id of a mail, not `{}`", text.escape_debug())));
    }
    Ok(bare)
}

fn headers(args: Args<'_>, mut builder: MessageBuilder) -> Result<MessageBuilder, Failure> {
    let given = args.text_map("headers")?.unwrap_or_default();
    if given.len() > MAX_HEADERS {
        return Err(invalid(format!("a mail takes at most {MAX_HEADERS} headers")));
    }
    for (name, value) in given {
        let usual = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if name.is_empty() || name.len() > 76 || !usual || OURS.contains(&name.to_ascii_lowercase().as_str()) {
            let name = name.escape_debug();
            return Err(invalid(format!(
                "`{name}` is no header that can be given: an argument makes it, or it is no name"
            )));
        }
        let header =
            HeaderName::new_from_ascii(name.to_owned()).map_err(|_| invalid(format!("`{name}` is no header")))?;
        builder = builder.raw_header(HeaderValue::new(header, line(name, value)?.to_owned()));
    }
    Ok(builder)
}

fn body(args: Args<'_>, builder: MessageBuilder) -> Result<Message, Failure> {
    let (text, html) = (args.text_or_none("text")?, args.text_or_none("html")?);
    let mut files = Vec::new();
    for file in args.records("attachments")? {
        files.push(attachment(file)?);
    }
    if files.len() > MAX_ATTACHMENTS {
        return Err(invalid(format!("a mail takes at most {MAX_ATTACHMENTS} attachments")));
    }
    if text.map_or(0, str::len) + html.map_or(0, str::len) > MAX_BYTES {
        return Err(invalid("the mail is longer than 10 MiB"));
    }
    let message = match (text, html, files.is_empty()) {
        (None, None, _) => return Err(invalid("a mail has a `text`, an `html`, or both")),
        (Some(text), None, true) => builder.singlepart(SinglePart::plain(text.to_owned())),
        (None, Some(html), true) => builder.singlepart(SinglePart::html(html.to_owned())),
        (Some(text), Some(html), true) => builder.multipart(both(text, html)),
        (text, html, false) => {
            let mixed = match (text, html) {
                (Some(text), Some(html)) => MultiPart::mixed().multipart(both(text, html)),
                (Some(text), None) => MultiPart::mixed().singlepart(SinglePart::plain(text.to_owned())),
                (None, html) => MultiPart::mixed().singlepart(SinglePart::html(html.unwrap_or_default().to_owned())),
            };
            builder.multipart(files.into_iter().fold(mixed, MultiPart::singlepart))
        }
    };
    message.map_err(|e| invalid(format!("the mail cannot be written: {e}")))
}

fn both(text: &str, html: &str) -> MultiPart {
    MultiPart::alternative_plain_html(text.to_owned(), html.to_owned())
}

fn attachment(args: Args<'_>) -> Result<SinglePart, Failure> {
    let name = line("name", args.text("name")?)?;
    if name.is_empty() || name.contains(['/', '\\', '"']) {
        return Err(invalid(format!("an attachment has a plain `name`, not `{}`", name.escape_debug())));
    }
    let kind = line("media_type", args.text_or_none("media_type")?.unwrap_or("text/plain; charset=utf-8"))?;
    let kind = ContentType::parse(kind).map_err(|_| invalid(format!("`{kind}` is no media type")))?;
    let content = match args.get("bytes") {
        Some(Value::Bytes(bytes)) => bytes.to_vec(),
        Some(_) => return Err(invalid("`bytes` of an attachment needs Bytes")),
        None => args.text_or_none("text")?.unwrap_or_default().as_bytes().to_vec(),
    };
    if content.len() > MAX_BYTES {
        return Err(invalid("an attachment is longer than 10 MiB"));
    }
    Ok(Attachment::new(name.to_owned()).body(content, kind))
}
