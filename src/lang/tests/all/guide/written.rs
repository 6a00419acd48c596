//! Values as the language writes them: what stands after `// =>` in the guide and in the examples of methods.

use rrb_lang::types::{TypeDefKind, TypeTable};
use rrb_lang::value::Value;
use rrb_lang::vm::display;

/// An expression that gives the value. Json is written as JSON.
pub fn written(value: &Value, types: &TypeTable) -> String {
    let each =
        |items: &mut dyn Iterator<Item = &Value>| items.map(|v| written(v, types)).collect::<Vec<_>>().join(", ");
    match value {
        Value::Text(t) => quoted(t),
        Value::Time(_) => format!("time\"{}\"", display(value)),
        Value::Url(u) => format!("url\"{u}\""),
        Value::Ip(ip) => format!("ip\"{ip}\""),
        Value::Cidr(net) => format!("cidr\"{net}\""),
        Value::Regex(p) => format!("re\"{}\"", p.regex().as_str()),
        Value::Cron(c) => format!("cron\"{c}\""),
        Value::Bytes(b) => match std::str::from_utf8(b) {
            Ok(t) => format!("{}.to_bytes()", quoted(t)),
            Err(_) => format!("{} bytes", b.len()),
        },
        Value::Range(r) => {
            let dots = if r.inclusive { "..=" } else { ".." };
            format!("{}{dots}{}", written(&r.start, types), written(&r.end, types))
        }
        Value::List(items) => format!("[{}]", each(&mut items.iter())),
        Value::Set(items) => format!("[{}].to_set()", each(&mut items.iter())),
        Value::Map(map) if map.is_empty() => "{}".into(),
        Value::Map(map) => {
            let entry = |(k, v): (&Value, &Value)| match k {
                Value::Text(t) => format!("{}: {}", quoted(t), written(v, types)),
                _ => format!("[{}]: {}", written(k, types), written(v, types)),
            };
            format!("{{ {} }}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::Record(r) => {
            let fields = r.names.iter().zip(&r.values).map(|(n, v)| format!("{n}: {}", written(v, types)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Variant(v) if !v.payload.is_empty() => {
            let names: Vec<_> = match types.get(v.ty).map(|d| &d.kind) {
                Some(TypeDefKind::Enum(all)) => all[v.index as usize].payload.iter().map(|f| f.name.clone()).collect(),
                _ => Vec::new(),
            };
            let fields = names.iter().zip(&v.payload).map(|(n, v)| format!("{n}: {}", written(v, types)));
            format!("{}({})", v.name, fields.collect::<Vec<_>>().join(", "))
        }
        other => display(other),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:X}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.replace("${", "\\${") + "\""
}
