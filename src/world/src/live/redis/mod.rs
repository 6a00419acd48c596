//! `redis.*`: commands of Redis.

mod commands;

use std::time::Duration;

use redis::{ErrorKind, RedisError, Value as Reply};
use rrb_lang::json::Json;
use rrb_lang::syntax::ast::Effect;
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};

use super::Cx;
use super::broker::{access, answered, broke, late, patience};
use super::fail::{forbidden, invalid};
use crate::brokers::{chain, redis as broker};

/// The longest command, in words and bytes.
const MAX_WORDS: usize = 4_096;
const MAX_BYTES: usize = 16 << 20;

/// The longest answer: values, levels and bytes of texts.
const MAX_VALUES: usize = 100_000;
const MAX_LEVELS: usize = 64;
const MAX_ANSWER: usize = 4 << 20;

const TIMEOUT: Duration = Duration::from_secs(10);

/// So much longer the client would wait: the time of the call is up first, and says so.
const SPARE: Duration = Duration::from_secs(5);

/// `redis.read`
pub async fn read(cx: Cx<'_>) -> Result<Value, Failure> {
    run(cx, Effect::Reads).await
}

/// `redis.change`
pub async fn change(cx: Cx<'_>) -> Result<Value, Failure> {
    run(cx, Effect::Changes).await
}

/// `redis.destroy`
pub async fn destroy(cx: Cx<'_>) -> Result<Value, Failure> {
    run(cx, Effect::Destroys).await
}

async fn run(cx: Cx<'_>, most: Effect) -> Result<Value, Failure> {
    let (address, words) = (broker::address(cx.args.url("url")?)?, cx.args.texts("command")?);
    if words.len() > MAX_WORDS || words.iter().map(|w| w.len()).sum::<usize>() > MAX_BYTES {
        return Err(invalid("the command is longer than 4,096 words or 16 MiB"));
    }
    let name = allowed(&words, most)?;
    let (access, time) = (access(cx).await?, patience(cx, TIMEOUT)?);
    let mut sent = false;
    let all = async {
        let mut connection = broker::connect(&address, &access, time + SPARE).await?;
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(*word);
        });
        sent = true;
        let answer: Result<Reply, RedisError> = command.query_async(&mut connection.commands).await;
        let answer = answer.map_err(|e| refused(&name, &e))?;
        let mut room = Room { values: MAX_VALUES, bytes: MAX_ANSWER };
        Ok(Value::Json(room.json(answer, MAX_LEVELS)?))
    };
    let done = tokio::time::timeout(time, all).await;
    done.unwrap_or_else(|_| Err(late(&format!("`{name}`"), time, sent)))
}

/// The name of a command that does no more than this.
fn allowed(words: &[&str], most: Effect) -> Result<String, Failure> {
    match commands::effect(words) {
        Ok((effect, name)) if effect <= most => Ok(name),
        Ok((Effect::Changes, name)) => Err(forbidden(format!("`{name}` changes: call `redis.change`"))),
        Ok((_, name)) => Err(forbidden(format!("`{name}` destroys: call `redis.destroy`"))),
        Err(name) if name.is_empty() => Err(invalid("`command` is a list of words, the first of which is the command")),
        Err(name) => Err(forbidden(format!(
            "`{}` is no command that rrb sends: it keeps the connection, or is not known",
            name.escape_debug()
        ))),
    }
}

/// What an error of the server means.
fn refused(name: &str, error: &RedisError) -> Failure {
    let Some(code) = error.code() else {
        return match error.kind() {
            ErrorKind::Io | ErrorKind::Parse => broke(format!("the connection broke over `{name}`: {}", chain(error))),
            _ => answered(FailureKind::Failed, format!("`{name}` failed: {}", chain(error))),
        };
    };
    let message = format!("Redis refuses `{name}`: {}", chain(error));
    let kind = match code {
        "WRONGTYPE" | "ERR" | "NOSCRIPT" | "CROSSSLOT" => FailureKind::Invalid,
        "NOAUTH" | "WRONGPASS" => FailureKind::Unauthorized,
        "NOPERM" => FailureKind::Forbidden,
        "MOVED" | "ASK" | "BUSYGROUP" | "INPROG" => FailureKind::Conflict,
        "LOADING" | "BUSY" | "CLUSTERDOWN" | "MASTERDOWN" | "READONLY" | "TRYAGAIN" | "OOM" | "NOREPLICAS"
        | "NOGOODSLAVE" => {
            // The server says that it did nothing, so that it may be tried again; a script may have come as far as its middle.
            let script = name.starts_with("EVAL") || name == "FCALL";
            let happened = if script { Happened::Maybe } else { Happened::No };
            return Failure::new(FailureKind::Unavailable, message).happened(happened);
        }
        _ => FailureKind::Failed,
    };
    answered(kind, message)
}

/// What an answer may still hold.
struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    fn json(&mut self, reply: Reply, levels: usize) -> Result<Json, Failure> {
        let large = || answered(FailureKind::Invalid, "the answer is larger than 4 MiB, 100,000 values or 64 levels");
        self.values = self.values.checked_sub(1).ok_or_else(large)?;
        let levels = levels.checked_sub(1).ok_or_else(large)?;
        let mut text = |bytes: &[u8]| {
            self.bytes = self.bytes.checked_sub(bytes.len()).ok_or_else(large)?;
            Ok(Json::from(String::from_utf8_lossy(bytes).as_ref()))
        };
        match reply {
            Reply::Nil => Ok(Json::Null),
            Reply::Int(n) => Ok(Json::Int(n)),
            Reply::Okay => Ok(Json::from("OK")),
            Reply::Boolean(b) => Ok(Json::Bool(b)),
            Reply::Double(d) => Ok(Json::from(serde_json::Value::from(d))),
            Reply::BulkString(bytes) => text(&bytes),
            Reply::SimpleString(s) => text(s.as_bytes()),
            Reply::VerbatimString { text: s, .. } => text(s.as_bytes()),
            Reply::Array(items) | Reply::Set(items) => self.list(items, levels),
            Reply::Map(pairs) => self.map(pairs, levels),
            Reply::Attribute { data, .. } => self.json(*data, levels),
            Reply::Push { data, .. } => self.list(data, levels),
            Reply::ServerError(e) => {
                Err(answered(FailureKind::Failed, format!("a part of the answer is an error: {e}")))
            }
            other => text(format!("{other:?}").as_bytes()),
        }
    }

    fn list(&mut self, items: Vec<Reply>, levels: usize) -> Result<Json, Failure> {
        let items: Result<Vec<Json>, Failure> = items.into_iter().map(|item| self.json(item, levels)).collect();
        Ok(Json::list(items?))
    }

    fn map(&mut self, pairs: Vec<(Reply, Reply)>, levels: usize) -> Result<Json, Failure> {
        let mut fields = Vec::with_capacity(pairs.len().min(1_000));
        for (name, value) in pairs {
            let name = match self.json(name, levels)? {
                Json::Text(name) => name.to_string(),
                other => serde_json::Value::from(&other).to_string(),
            };
            fields.push((name, self.json(value, levels)?));
        }
        Ok(Json::object(fields.iter().map(|(n, v)| (n.as_str(), v.clone()))))
    }
}

#[cfg(test)]
#[path = "../redis_tests.rs"]
mod tests;
