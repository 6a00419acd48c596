//! Which command of Redis does what. What stands in no table is refused: a new command may do anything.
//!
//! https://redis.io/docs/latest/commands/

use rrb_lang::syntax::ast::Effect;

/// Read and nothing else.
const READS: &[&str] = &[
    "ACL CAT",
    "ACL LIST",
    "ACL LOG",
    "ACL USERS",
    "ACL WHOAMI",
    "BITCOUNT",
    "BITFIELD_RO",
    "BITPOS",
    "CLIENT GETNAME",
    "CLIENT ID",
    "CLIENT INFO",
    "CLIENT LIST",
    "CLUSTER COUNTKEYSINSLOT",
    "CLUSTER GETKEYSINSLOT",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT",
    "CLUSTER LINKS",
    "CLUSTER MYID",
    "CLUSTER NODES",
    "CLUSTER REPLICAS",
    "CLUSTER SHARDS",
    "CLUSTER SLOTS",
    "COMMAND COUNT",
    "COMMAND INFO",
    "CONFIG GET",
    "DBSIZE",
    "DUMP",
    "ECHO",
    "EXISTS",
    "EXPIRETIME",
    "GEODIST",
    "GEOHASH",
    "GEOPOS",
    "GEORADIUSBYMEMBER_RO",
    "GEORADIUS_RO",
    "GEOSEARCH",
    "GET",
    "GETBIT",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HRANDFIELD",
    "HSCAN",
    "HSTRLEN",
    "HVALS",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LATENCY DOCTOR",
    "LATENCY GRAPH",
    "LATENCY HISTOGRAM",
    "LATENCY HISTORY",
    "LATENCY LATEST",
    "LCS",
    "LINDEX",
    "LLEN",
    "LPOS",
    "LRANGE",
    "MEMORY DOCTOR",
    "MEMORY MALLOC-STATS",
    "MEMORY STATS",
    "MEMORY USAGE",
    "MGET",
    "MODULE LIST",
    "OBJECT ENCODING",
    "OBJECT FREQ",
    "OBJECT IDLETIME",
    "OBJECT REFCOUNT",
    "PEXPIRETIME",
    "PFCOUNT",
    "PING",
    "PTTL",
    "PUBSUB CHANNELS",
    "PUBSUB NUMPAT",
    "PUBSUB NUMSUB",
    "RANDOMKEY",
    "ROLE",
    "SCAN",
    "SCARD",
    "SDIFF",
    "SENTINEL CKQUORUM",
    "SENTINEL GET-MASTER-ADDR-BY-NAME",
    "SENTINEL MASTER",
    "SENTINEL MASTERS",
    "SENTINEL MYID",
    "SENTINEL REPLICAS",
    "SENTINEL SENTINELS",
    "SINTER",
    "SINTERCARD",
    "SISMEMBER",
    "SLOWLOG GET",
    "SLOWLOG LEN",
    "SMEMBERS",
    "SMISMEMBER",
    "SORT_RO",
    "SRANDMEMBER",
    "SSCAN",
    "STRLEN",
    "SUNION",
    "TIME",
    "TTL",
    "TYPE",
    "XINFO CONSUMERS",
    "XINFO GROUPS",
    "XINFO STREAM",
    "XLEN",
    "XPENDING",
    "XRANGE",
    "XREVRANGE",
    "ZCARD",
    "ZCOUNT",
    "ZDIFF",
    "ZINTER",
    "ZINTERCARD",
    "ZLEXCOUNT",
    "ZMSCORE",
    "ZRANDMEMBER",
    "ZRANGE",
    "ZRANGEBYLEX",
    "ZRANGEBYSCORE",
    "ZRANK",
    "ZREVRANGE",
    "ZREVRANGEBYLEX",
    "ZREVRANGEBYSCORE",
    "ZREVRANK",
    "ZSCAN",
    "ZSCORE",
    "ZUNION",
];

/// Change something, and what was there can be put back or is made anew.
const CHANGES: &[&str] = &[
    "ACL SETUSER",
    "APPEND",
    "BGREWRITEAOF",
    "BGSAVE",
    "BITFIELD",
    "BITOP",
    "CLIENT KILL",
    "CLIENT NO-EVICT",
    "CLIENT PAUSE",
    "CLIENT UNPAUSE",
    "CLUSTER FAILOVER",
    "CONFIG RESETSTAT",
    "CONFIG REWRITE",
    "CONFIG SET",
    "COPY",
    "DECR",
    "DECRBY",
    "EXPIRE",
    "EXPIREAT",
    "FAILOVER",
    "GEOADD",
    "GETEX",
    "GETSET",
    "HINCRBY",
    "HINCRBYFLOAT",
    "HMSET",
    "HSET",
    "HSETNX",
    "INCR",
    "INCRBY",
    "INCRBYFLOAT",
    "LATENCY RESET",
    "LINSERT",
    "LPUSH",
    "LPUSHX",
    "LSET",
    "MEMORY PURGE",
    "MOVE",
    "MSET",
    "MSETNX",
    "PERSIST",
    "PEXPIRE",
    "PEXPIREAT",
    "PFADD",
    "PFMERGE",
    "PSETEX",
    "PUBLISH",
    "RENAMENX",
    "RPUSH",
    "RPUSHX",
    "SADD",
    "SAVE",
    "SCRIPT KILL",
    "SENTINEL FAILOVER",
    "SENTINEL FLUSHCONFIG",
    "SENTINEL RESET",
    "SENTINEL SET",
    "SET",
    "SETBIT",
    "SETEX",
    "SETNX",
    "SETRANGE",
    "SLOWLOG RESET",
    "SMOVE",
    "SPUBLISH",
    "TOUCH",
    "XACK",
    "XADD",
    "XAUTOCLAIM",
    "XCLAIM",
    "XGROUP CREATE",
    "XGROUP CREATECONSUMER",
    "XGROUP SETID",
    "XSETID",
    "ZADD",
    "ZINCRBY",
];

/// Throw something away, overwrite a whole key by another, or do what nobody can say.
const DESTROYS: &[&str] = &[
    "ACL DELUSER",
    "CLUSTER FORGET",
    "CLUSTER RESET",
    "DEL",
    "EVAL",
    "EVALSHA",
    "FCALL",
    "FLUSHALL",
    "FLUSHDB",
    "GEOSEARCHSTORE",
    "GETDEL",
    "HDEL",
    "LMOVE",
    "LPOP",
    "LREM",
    "LTRIM",
    "RENAME",
    "REPLICAOF",
    "RESTORE",
    "RPOP",
    "RPOPLPUSH",
    "SCRIPT FLUSH",
    "SDIFFSTORE",
    "SHUTDOWN",
    "SINTERSTORE",
    "SLAVEOF",
    "SORT",
    "SPOP",
    "SREM",
    "SUNIONSTORE",
    "SWAPDB",
    "UNLINK",
    "XDEL",
    "XGROUP DELCONSUMER",
    "XGROUP DESTROY",
    "XTRIM",
    "ZDIFFSTORE",
    "ZINTERSTORE",
    "ZPOPMAX",
    "ZPOPMIN",
    "ZRANGESTORE",
    "ZREM",
    "ZREMRANGEBYLEX",
    "ZREMRANGEBYRANK",
    "ZREMRANGEBYSCORE",
    "ZUNIONSTORE",
];

/// What a command does, and its name: `CONFIG SET`.
pub fn effect(command: &[&str]) -> Result<(Effect, String), String> {
    let first = command.first().map(|w| w.to_ascii_uppercase()).unwrap_or_default();
    let two = command.get(1).map(|w| format!("{first} {}", w.to_ascii_uppercase()));
    for name in two.iter().chain([&first]) {
        for (table, effect) in [(READS, Effect::Reads), (CHANGES, Effect::Changes), (DESTROYS, Effect::Destroys)] {
            if table.contains(&name.as_str()) {
                return Ok((with_options(effect, name, command), name.clone()));
            }
        }
    }
    Err(two.filter(|_| has_parts(&first)).unwrap_or(first))
}

/// Options that make a command do more than its name says. `XADD … MAXLEN` throws the oldest entries away, which is what it is asked for;
/// they are gone all the same, as is what `COPY … REPLACE` writes over and the log that `ACL LOG RESET` empties.
fn with_options(effect: Effect, name: &str, command: &[&str]) -> Effect {
    let (words, options): (_, &[&str]) = match name {
        "XADD" => (command.get(2..5), &["MAXLEN", "MINID"]),
        "COPY" => (command.get(3..), &["REPLACE"]),
        "ACL LOG" => (command.get(2..), &["RESET"]),
        _ => return effect,
    };
    let has = words.unwrap_or_default().iter().any(|w| options.contains(&w.to_ascii_uppercase().as_str()));
    if has { Effect::Destroys } else { effect }
}

/// Whether a command is named by its first two words.
fn has_parts(first: &str) -> bool {
    READS.iter().chain(CHANGES).chain(DESTROYS).any(|name| name.split_once(' ').is_some_and(|(f, _)| f == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_stands_once_and_in_order() {
        let all: Vec<&&str> = READS.iter().chain(CHANGES).chain(DESTROYS).collect();
        for table in [READS, CHANGES, DESTROYS] {
            assert!(table.is_sorted());
        }
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(all.len(), unique.len());
        // A first word that stands alone would let all of its parts through.
        assert!(all.iter().all(|name| name.contains(' ') || !has_parts(name)));
    }

    #[test]
    fn a_command_is_known_however_it_is_written() {
        let is = |command: &[&str]| effect(command);
        assert_eq!(is(&["get", "a"]), Ok((Effect::Reads, "GET".to_owned())));
        assert_eq!(is(&["Config", "get", "*"]), Ok((Effect::Reads, "CONFIG GET".to_owned())));
        assert_eq!(is(&["config", "SET", "a", "b"]), Ok((Effect::Changes, "CONFIG SET".to_owned())));
        assert_eq!(is(&["FLUSHALL"]), Ok((Effect::Destroys, "FLUSHALL".to_owned())));
        assert_eq!(is(&["xadd", "s", "*", "maxlen", "b"]).map(|(e, _)| e), Ok(Effect::Destroys));
        assert_eq!(is(&["xadd", "s", "*", "a", "b", "maxlen", "b"]).map(|(e, _)| e), Ok(Effect::Changes));
        assert_eq!(is(&["acl", "log", "10"]).map(|(e, _)| e), Ok(Effect::Reads));
        assert_eq!(is(&["acl", "log", "reset"]).map(|(e, _)| e), Ok(Effect::Destroys));
        assert_eq!(is(&["COPY", "replace", "b"]).map(|(e, _)| e), Ok(Effect::Changes));
        assert_eq!(is(&["COPY", "a", "b", "DB", "1", "replace"]).map(|(e, _)| e), Ok(Effect::Destroys));
    }

    #[test]
    fn what_is_not_known_or_keeps_the_connection_is_refused() {
        for command in [
            &[][..],
            &[""],
            &["SUBSCRIBE", "a"],
            &["MULTI"],
            &["MONITOR"],
            &["BLPOP", "a", "0"],
            &["XREAD"],
            &["CONFIG"],
            &["CONFIG", "WHAT"],
            &["DEBUG", "SEGFAULT"],
            &["MODULE", "LOAD", "x"],
            &["GET\r\nFLUSHALL"],
            &["SELECT", "1"],
            &["AUTH", "a"],
            &["MIGRATE"],
        ] {
            assert!(effect(command).is_err(), "{command:?}");
        }
    }
}
