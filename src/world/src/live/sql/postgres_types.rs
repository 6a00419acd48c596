//! Values of PostgreSQL: parameters go as text, which the server reads by the type it gave them; columns come as it sends them in binary.
//! https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-FORMAT-CODES

use std::error::Error;
use std::fmt::Write as _;
use std::net::IpAddr;

use rrb_lang::json::Json;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::rows;

type Unread = Box<dyn Error + Sync + Send>;

/// A value for a statement.
#[derive(Debug)]
pub struct Param<'a>(pub &'a Json);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Unread> {
        let text = match self.0 {
            Json::Null => return Ok(IsNull::Yes),
            Json::List(items) if matches!(ty.kind(), Kind::Array(_)) => array(items)?,
            value if is_json(ty) => serde_json::Value::from(value).to_string(),
            value => plain(value),
        };
        if text.contains('\0') {
            return Err("a text of PostgreSQL holds no zero byte".into());
        }
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

fn is_json(ty: &Type) -> bool {
    *ty == Type::JSON || *ty == Type::JSONB
}

/// As a literal of the server, without quotes.
fn plain(value: &Json) -> String {
    match value {
        Json::Text(text) => text.to_string(),
        other => serde_json::Value::from(other).to_string(),
    }
}

/// `{1,NULL,"a b"}`. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
fn array(items: &[Json]) -> Result<String, Unread> {
    let mut out = String::from("{");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        match item {
            Json::Null => out.push_str("NULL"),
            Json::List(inner) => out.push_str(&array(inner)?),
            item => write!(out, "\"{}\"", plain(item).replace('\\', "\\\\").replace('"', "\\\""))?,
        }
    }
    out.push('}');
    Ok(out)
}

/// A column of a row.
#[derive(Debug)]
pub struct Cell(pub Json);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Unread> {
        value(ty, raw).map(Self)
    }

    fn from_sql_null(_: &Type) -> Result<Self, Unread> {
        Ok(Self(Json::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Whether columns of the type can be read.
pub fn readable(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Enum(_) => true,
        Kind::Array(inner) | Kind::Domain(inner) => readable(inner),
        _ => READABLE.contains(ty) || ["citext", "ltree"].contains(&ty.name()),
    }
}

const READABLE: [Type; 42] = [
    Type::BOOL,
    Type::BPCHAR,
    Type::BYTEA,
    Type::CHAR,
    Type::CID,
    Type::CIDR,
    Type::DATE,
    Type::FLOAT4,
    Type::FLOAT8,
    Type::INET,
    Type::INT2,
    Type::INT2_VECTOR,
    Type::INT4,
    Type::INT8,
    Type::INTERVAL,
    Type::JSON,
    Type::JSONB,
    Type::MACADDR,
    Type::NAME,
    Type::NUMERIC,
    Type::OID,
    Type::OID_VECTOR,
    Type::PG_LSN,
    Type::REGCLASS,
    Type::REGCOLLATION,
    Type::REGCONFIG,
    Type::REGDICTIONARY,
    Type::REGNAMESPACE,
    Type::REGOPER,
    Type::REGOPERATOR,
    Type::REGPROC,
    Type::REGPROCEDURE,
    Type::REGROLE,
    Type::REGTYPE,
    Type::TEXT,
    Type::TIME,
    Type::TIMESTAMP,
    Type::TIMESTAMPTZ,
    Type::UUID,
    Type::VARCHAR,
    Type::VOID,
    Type::XID,
];

fn value(ty: &Type, raw: &[u8]) -> Result<Json, Unread> {
    match ty.kind() {
        Kind::Enum(_) => return text(raw),
        Kind::Domain(inner) => return value(inner, raw),
        Kind::Array(inner) => return list(inner, raw),
        _ => {}
    }
    let mut bytes = Bytes(raw);
    Ok(match *ty {
        Type::BOOL => Json::Bool(bytes.array::<1>()? != [0]),
        Type::INT2 => Json::Int(i16::from_be_bytes(bytes.array()?).into()),
        Type::INT4 => Json::Int(bytes.int()?.into()),
        Type::INT8 => Json::Int(bytes.long()?),
        Type::OID | Type::XID | Type::CID => Json::Int(u32::from_be_bytes(bytes.array()?).into()),
        ref t if t.name().starts_with("reg") => Json::Int(u32::from_be_bytes(bytes.array()?).into()),
        Type::FLOAT4 => float4(f32::from_be_bytes(bytes.array()?)),
        Type::FLOAT8 => rows::float(f64::from_be_bytes(bytes.array()?)),
        Type::NUMERIC => Json::from(numeric(bytes)?.as_str()),
        Type::JSON => rows::json(raw).map_err(|f| f.message)?,
        // A version of the format, then the text.
        Type::JSONB => rows::json(raw.get(1..).unwrap_or_default()).map_err(|f| f.message)?,
        Type::BYTEA => rows::base64(raw),
        Type::UUID => Json::from(uuid::Uuid::from_slice(raw)?.to_string().as_str()),
        Type::TIMESTAMPTZ => Json::from(instant(bytes.long()?, "Z")?.as_str()),
        Type::TIMESTAMP => Json::from(instant(bytes.long()?, "")?.as_str()),
        Type::DATE => Json::from(date(bytes.int()?)?.as_str()),
        Type::TIME => Json::from(clock(bytes.long()?).as_str()),
        Type::INTERVAL => Json::from(interval(bytes)?.as_str()),
        Type::INET | Type::CIDR => Json::from(network(bytes)?.as_str()),
        Type::MACADDR => Json::from(raw.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":").as_str()),
        Type::PG_LSN => {
            let at = bytes.long()?.cast_unsigned();
            Json::from(format!("{:X}/{:X}", at >> 32, at & 0xFFFF_FFFF).as_str())
        }
        Type::INT2_VECTOR => list(&Type::INT2, raw)?,
        Type::OID_VECTOR => list(&Type::OID, raw)?,
        Type::VOID => Json::Null,
        // "char" is a byte.
        Type::CHAR => Json::from(String::from_utf8_lossy(raw).trim_end_matches('\0')),
        _ => text(raw)?,
    })
}

fn text(raw: &[u8]) -> Result<Json, Unread> {
    Ok(Json::from(std::str::from_utf8(raw)?))
}

/// The shortest text of a narrow number, read again as a wide one: 0.1 stays 0.1.
fn float4(value: f32) -> Json {
    value.to_string().parse().map_or(Json::Null, rows::float)
}

/// A reader that fails at the end.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("a value is shorter than its type")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unread> {
        Ok(self.take(N)?.try_into()?)
    }

    fn short(&mut self) -> Result<i16, Unread> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    fn int(&mut self) -> Result<i32, Unread> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<i64, Unread> {
        Ok(i64::from_be_bytes(self.array()?))
    }
}

/// Dimensions, then the values of all of them, each with its length.
fn list(inner: &Type, raw: &[u8]) -> Result<Json, Unread> {
    const MOST: i32 = 6;
    let mut bytes = Bytes(raw);
    let (count, _nulls, _oid) = (bytes.int()?, bytes.int()?, bytes.int()?);
    if !(0..=MOST).contains(&count) {
        return Err("an array has too many dimensions".into());
    }
    let mut dimensions = Vec::new();
    for _ in 0..count {
        let (length, _lower) = (bytes.int()?, bytes.int()?);
        dimensions.push(usize::try_from(length)?);
    }
    if dimensions.is_empty() { Ok(Json::list([])) } else { level(&dimensions, inner, &mut bytes) }
}

fn level(dimensions: &[usize], inner: &Type, bytes: &mut Bytes<'_>) -> Result<Json, Unread> {
    let Some((length, deeper)) = dimensions.split_first() else {
        let length = bytes.int()?;
        return match usize::try_from(length) {
            Ok(length) => value(inner, bytes.take(length)?),
            Err(_) => Ok(Json::Null),
        };
    };
    let items: Result<Vec<Json>, Unread> = (0..*length).map(|_| level(deeper, inner, bytes)).collect();
    Ok(Json::list(items?))
}

/// Digits to the base of 10,000. https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (`numeric_send`)
fn numeric(mut bytes: Bytes<'_>) -> Result<String, Unread> {
    let count = usize::try_from(bytes.short()?)?;
    let weight = i32::from(bytes.short()?);
    let sign = u16::from_be_bytes(bytes.array()?);
    let scale = usize::try_from(bytes.short()?)?;
    let mut out = match sign {
        0 => String::new(),
        0x4000 => String::from("-"),
        0xD000 => return Ok("Infinity".into()),
        0xF000 => return Ok("-Infinity".into()),
        _ => return Ok("NaN".into()),
    };
    let digits: Vec<i16> = (0..count).map(|_| bytes.short()).collect::<Result<_, _>>()?;
    let digit = |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    if weight < 0 {
        out.push('0');
    }
    for at in 0..=weight {
        if at == 0 {
            write!(out, "{}", digit(at))?;
        } else {
            write!(out, "{:04}", digit(at))?;
        }
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut at = weight + 1;
        // Below a negative weight stand groups of zeros that are not sent.
        for _ in weight..-1 {
            if fraction.len() < scale {
                fraction.push_str("0000");
            }
        }
        if weight < -1 {
            at = 0;
        }
        while fraction.len() < scale {
            write!(fraction, "{:04}", digit(at))?;
            at += 1;
        }
        fraction.truncate(scale);
        write!(out, ".{fraction}")?;
    }
    Ok(out)
}

/// Seconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH: i64 = 946_684_800;

fn instant(micros: i64, zone: &str) -> Result<String, Unread> {
    match micros {
        i64::MAX => return Ok("infinity".into()),
        i64::MIN => return Ok("-infinity".into()),
        _ => {}
    }
    let moment = EPOCH
        .checked_mul(1_000_000)
        .and_then(|epoch| epoch.checked_add(micros))
        .and_then(|us| jiff::Timestamp::from_microsecond(us).ok())
        .ok_or("a time is out of range: convert it to text")?;
    Ok(format!("{}{zone}", jiff::tz::TimeZone::UTC.to_datetime(moment)))
}

fn date(days: i32) -> Result<String, Unread> {
    match days {
        i32::MAX => return Ok("infinity".into()),
        i32::MIN => return Ok("-infinity".into()),
        _ => {}
    }
    let begin = jiff::civil::date(2000, 1, 1);
    let day = begin.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days)));
    Ok(day.map_err(|_| "a date is out of range: convert it to text")?.to_string())
}

fn clock(micros: i64) -> String {
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { whole } else { format!("{whole}.{rest:06}").trim_end_matches('0').to_owned() }
}

/// ISO 8601: `P1M2DT3.5S`. Months, days and seconds are apart, as a month is no number of days.
fn interval(mut bytes: Bytes<'_>) -> Result<String, Unread> {
    let (micros, days, months) = (bytes.long()?, bytes.int()?, bytes.int()?);
    let mut out = String::from("P");
    if months != 0 {
        write!(out, "{months}M")?;
    }
    if days != 0 {
        write!(out, "{days}D")?;
    }
    if micros != 0 || out.len() == 1 {
        let sign = if micros < 0 { "-" } else { "" };
        let (seconds, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
        let fraction = if rest == 0 { String::new() } else { format!(".{rest:06}").trim_end_matches('0').to_owned() };
        write!(out, "T{sign}{seconds}{fraction}S")?;
    }
    Ok(out)
}

/// Family, bits, whether it is a network, length, address.
fn network(mut bytes: Bytes<'_>) -> Result<String, Unread> {
    let [family, bits, is_network, length] = bytes.array()?;
    let ip: IpAddr = match (family, length) {
        (2, 4) => bytes.array::<4>()?.into(),
        (3, 16) => bytes.array::<16>()?.into(),
        _ => return Err("an address of an unknown family".into()),
    };
    let whole = if ip.is_ipv4() { 32 } else { 128 };
    Ok(if bits == whole && is_network == 0 { ip.to_string() } else { format!("{ip}/{bits}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_short_is_an_error_and_no_panic() {
        for ty in READABLE.iter().chain([&Type::INT4_ARRAY, &Type::TEXT_ARRAY, &Type::NUMERIC_ARRAY]) {
            for length in 0..40 {
                for byte in [0, 1, 2, 0x7F, 0x80, 0xFF] {
                    let _ = value(ty, &vec![byte; length]);
                }
            }
        }
        assert!(value(&Type::INT4, &[0; 3]).is_err() && value(&Type::UUID, &[0; 3]).is_err());
    }

    #[test]
    fn arrays_are_quoted() {
        let items =
            [Json::from(r#"a"b\c"#), Json::Null, Json::from("NULL"), Json::Int(1), Json::list([Json::from(",")])];
        assert_eq!(array(&items).unwrap(), r#"{"a\"b\\c",NULL,"NULL","1",{","}}"#);
    }
}
