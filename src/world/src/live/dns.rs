//! `dns.lookup`: what name servers say now, with no cache between.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::fail::{forbidden, invalid, not_found, unavailable};
use super::{Cx, net};

/// The most records of an answer.
const MAX_RECORDS: usize = 1_000;

const KINDS: [(&str, RecordType); 10] = [
    ("A", RecordType::A),
    ("AAAA", RecordType::AAAA),
    ("CAA", RecordType::CAA),
    ("CNAME", RecordType::CNAME),
    ("MX", RecordType::MX),
    ("NS", RecordType::NS),
    ("PTR", RecordType::PTR),
    ("SOA", RecordType::SOA),
    ("SRV", RecordType::SRV),
    ("TXT", RecordType::TXT),
];

/// `dns.lookup`
pub async fn lookup(cx: Cx<'_>) -> Result<Value, Failure> {
    let text = cx.args.text("name")?;
    let kind = kind(cx.args.text_or_none("kind")?.unwrap_or("A"))?;
    let name = name(text, kind)?;
    let within = cx.within(cx.args.duration("timeout", Duration::from_secs(5))?)?;
    let resolver = resolver(cx, within)?;
    let asked = tokio::time::timeout(within, resolver.lookup(name, kind)).await;
    let answer = match asked {
        Err(_) => return Err(net::late(format!("no name server answered for `{text}` within {within:?}"))),
        Ok(Ok(answer)) => answer,
        Ok(Err(e)) if e.is_nx_domain() => return Err(not_found(format!("the name `{text}` does not exist"))),
        Ok(Err(e)) if e.is_no_records_found() => return Ok(Value::list([])),
        Ok(Err(NetError::Timeout)) => {
            return Err(net::late(format!("no name server answered for `{text}` within {within:?}")));
        }
        Ok(Err(e)) => return Err(unavailable(format!("the name `{text}` could not be looked up: {e}"))),
    };
    let records: Vec<Value> = answer.answers().iter().take(MAX_RECORDS).filter_map(record).collect();
    Ok(Value::list(records))
}

fn kind(text: &str) -> Result<RecordType, Failure> {
    let found = KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
    found.ok_or_else(|| {
        let all: Vec<String> = KINDS.iter().map(|(name, _)| format!("`{name}`")).collect();
        invalid(format!("`kind` is one of {}, not `{}`", all.join(", "), text.escape_debug()))
    })
}

fn name(text: &str, kind: RecordType) -> Result<Name, Failure> {
    if let (RecordType::PTR, Ok(ip)) = (kind, text.parse::<IpAddr>()) {
        return Ok(Name::from(ip));
    }
    let wrong = || invalid(format!("`{}` is no name", text.escape_debug()));
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    let mut name = Name::from_utf8(text).map_err(|_| wrong())?;
    // Nothing is added to a name, whatever the machine's configuration says.
    name.set_fqdn(true);
    Ok(name)
}

fn resolver(cx: Cx<'_>, within: Duration) -> Result<TokioResolver, Failure> {
    let made = match cx.args.text_or_none("server")? {
        Some(text) => {
            let server = server(text)?;
            let reach = cx.world.reach();
            reach.egress.check(text, server.ip()).map_err(|refused| forbidden(refused.message))?;
            let at = |mut connection: ConnectionConfig| {
                connection.port = server.port();
                connection
            };
            let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
            let config =
                ResolverConfig::from_parts(None, vec![], vec![NameServerConfig::new(server.ip(), true, connections)]);
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        }
        None => TokioResolver::builder_tokio(),
    };
    let unusable = |e: NetError| unavailable(format!("this machine's name servers cannot be asked: {e}"));
    let mut builder = made.map_err(unusable)?;
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.attempts = 2;
    options.timeout = (within / 3).max(Duration::from_millis(100));
    options.edns0 = true;
    builder.build().map_err(unusable)
}

fn server(text: &str) -> Result<SocketAddr, Failure> {
    let ip = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    ip.or_else(|_| text.parse::<SocketAddr>()).map_err(|_| {
        let text = text.escape_debug();
        invalid(format!(
            "`server` is the address of a name server, such as `192.0.2.53` or `192.0.2.53:5353`, not `{text}`"
        ))
    })
}

fn record(record: &Record) -> Option<Value> {
    let mut fields = [Value::None, Value::None, Value::None];
    let value = match &record.data {
        RData::A(ip) => ip.0.to_string(),
        RData::AAAA(ip) => ip.0.to_string(),
        RData::CNAME(n) => plain(&n.0),
        RData::NS(n) => plain(&n.0),
        RData::PTR(n) => plain(&n.0),
        RData::MX(mx) => {
            fields = [Value::Int(mx.preference.into()), Value::None, Value::None];
            plain(&mx.exchange)
        }
        RData::SRV(srv) => {
            fields = [srv.priority, srv.weight, srv.port].map(|n| Value::Int(n.into()));
            plain(&srv.target)
        }
        RData::TXT(txt) => txt.txt_data.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect(),
        RData::SOA(_) | RData::CAA(_) => record.data.to_string(),
        _ => return None,
    };
    let [priority, weight, port] = fields;
    Some(Value::record([
        ("name", Value::text(plain(&record.name))),
        ("kind", Value::text(record.record_type().to_string())),
        ("ttl", Value::Duration(i64::from(record.ttl) * 1000)),
        ("value", Value::text(value)),
        ("priority", priority),
        ("weight", weight),
        ("port", port),
    ]))
}

/// Without the dot at its end.
fn plain(name: &Name) -> String {
    let text = name.to_utf8();
    if text == "." { text } else { text.trim_end_matches('.').to_owned() }
}

#[cfg(test)]
#[path = "dns_tests.rs"]
mod tests;
