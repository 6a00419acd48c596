//! What a module offers to those who use it, in its author's own words: connectors with their settings, actions and events, native
//! actions, types. What reference pages and searches are made of. It is read from the text alone, so that a module with mistakes has a
//! reference too.

use serde::Serialize;

use crate::span::{Sources, Span};
use crate::syntax::ast::{
    ActionDecl, Effect, Event, EventSource, FieldDecl, Item, ItemKind, RepeatClass, Verification,
};
use crate::syntax::{flat, parse};

/// A file with what it offers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Module {
    /// As `use` names it: `std.slack`; a native module: `http`.
    pub name: String,
    /// The text of its `//!` lines.
    pub docs: String,
    pub connectors: Vec<Connector>,
    /// Those outside of connectors.
    #[serde(flatten)]
    pub own: Offers,
}

/// `connector NAME { … }`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connector {
    pub name: String,
    pub docs: String,
    pub settings: Vec<Field>,
    pub events: Vec<Heard>,
    #[serde(flatten)]
    pub offers: Offers,
}

/// Actions, functions and types, in the order of their file.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Offers {
    pub actions: Vec<Action>,
    pub functions: Vec<Declared>,
    pub types: Vec<Declared>,
}

/// A setting or a parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    /// Its source; none where a value must be given.
    pub default: Option<String>,
    pub docs: String,
}

/// `action NAME(…) -> TYPE EFFECT CLASS`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Action {
    pub name: String,
    pub docs: String,
    pub params: Vec<Field>,
    pub returns: Option<String>,
    /// The greatest thing it can do, as declared; `pure` where nothing is.
    pub effect: Effect,
    /// What may be repeated: `once`, `idempotent`, `keyed within 24h`, `probe`; none for the cautious default.
    pub class: Option<String>,
    /// The source of what it works on.
    pub target: Option<String>,
    /// The source of what undoes it.
    pub undo: Option<String>,
}

/// A function's head, or a whole type, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declared {
    pub name: String,
    pub docs: String,
    pub text: String,
}

/// `event NAME: TYPE from SOURCE { … }`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heard {
    pub name: String,
    pub docs: String,
    #[serde(rename = "type")]
    pub ty: String,
    /// `webhook "/alertmanager"`, `poll every 1m`, `file(path)`
    pub source: String,
    /// How a delivery shows who sent it: `bearer(token)`, `none because "…"`.
    pub verify: Option<String>,
    /// What is done when a delivery is durable: `do delete(body.receipt as Text)`.
    pub acknowledge: Option<String>,
}

/// What the file `file` with this text offers as the module `name`.
pub fn read(name: &str, file: &str, text: &str) -> Module {
    let id = Sources::default().add(file, text);
    let module = parse(id, text).module;
    let reader = Reader { text };
    let mut out =
        Module { name: name.to_owned(), docs: module.docs.clone(), connectors: Vec::new(), own: Offers::default() };
    for item in &module.items {
        match &item.kind {
            ItemKind::Connector(c) => out.connectors.push(reader.connector(&c.name.name, &item.docs, &c.items)),
            _ => reader.offer(item, &mut out.own),
        }
    }
    out
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn connector(&self, name: &str, docs: &str, items: &[Item]) -> Connector {
        let mut out = Connector {
            name: name.to_owned(),
            docs: docs.to_owned(),
            settings: Vec::new(),
            events: Vec::new(),
            offers: Offers::default(),
        };
        for item in items {
            match &item.kind {
                ItemKind::Settings(s) => out.settings.extend(self.fields(&s.fields)),
                ItemKind::Event(event) => out.events.push(self.event(event, &item.docs)),
                _ => self.offer(item, &mut out.offers),
            }
        }
        out
    }

    fn offer(&self, item: &Item, into: &mut Offers) {
        let docs = item.docs.clone();
        match &item.kind {
            ItemKind::Action(action) => into.actions.push(self.action(action, docs)),
            // A function without a doc comment is its connector's own affair.
            ItemKind::Fn(f) if !docs.is_empty() => {
                let head = Span::new(item.span.file, item.span.start, f.body.span.start);
                into.functions.push(Declared { name: f.name.name.to_string(), docs, text: self.line(head) });
            }
            ItemKind::Type(t) => {
                into.types.push(Declared { name: t.name.name.to_string(), docs, text: self.lines(item.span) });
            }
            ItemKind::Enum(e) => {
                into.types.push(Declared { name: e.name.name.to_string(), docs, text: self.lines(item.span) });
            }
            _ => {}
        }
    }

    fn action(&self, action: &ActionDecl, docs: String) -> Action {
        Action {
            name: action.name.name.to_string(),
            docs,
            params: self.fields(&action.params),
            returns: action.ret.as_ref().map(|t| self.line(t.span)),
            effect: action.effect.map_or(Effect::Pure, |(effect, _)| effect),
            class: action.class.as_ref().map(|(class, _)| self.class(class)),
            target: action.target.as_ref().map(|t| self.line(t.span)),
            undo: action.undo.as_ref().map(|block| inside(&self.line(block.span)).to_owned()),
        }
    }

    fn event(&self, event: &Event, docs: &str) -> Heard {
        Heard {
            name: event.name.name.to_string(),
            docs: docs.to_owned(),
            ty: self.line(event.ty.span),
            source: match &event.source {
                EventSource::Webhook { path, .. } => format!("webhook {}", self.line(path.span)),
                EventSource::Poll { every, .. } => format!("poll every {}", self.line(every.span)),
                EventSource::Feed { stream, call, .. } => {
                    format!("{}{}", if *stream { "stream " } else { "" }, self.line(call.span))
                }
            },
            verify: event.verify.as_ref().map(|v| match v {
                Verification::None { because, .. } => {
                    format!("none because {}", because.as_ref().map(|b| self.line(b.span)).unwrap_or_default())
                }
                Verification::Scheme(call) => self.line(call.span),
            }),
            acknowledge: event.acknowledge.as_ref().map(|block| inside(&self.line(block.span)).to_owned()),
        }
    }

    fn class(&self, class: &RepeatClass) -> String {
        match class {
            RepeatClass::Idempotent => "idempotent".to_owned(),
            RepeatClass::Keyed(within) => format!("keyed within {}", self.line(within.span)),
            RepeatClass::Probe(_) => "probe".to_owned(),
            RepeatClass::Once => "once".to_owned(),
        }
    }

    fn fields(&self, fields: &[FieldDecl]) -> Vec<Field> {
        let field = |f: &FieldDecl| Field {
            name: f.name.name.to_string(),
            ty: self.line(f.ty.span),
            default: f.default.as_ref().map(|d| self.line(d.span)),
            docs: f.docs.clone(),
        };
        fields.iter().map(field).collect()
    }

    fn source(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// A piece of source on one line.
    fn line(&self, span: Span) -> String {
        flat(self.source(span)).trim().to_owned()
    }

    /// A piece of source with its line ends, moved to the left margin.
    fn lines(&self, span: Span) -> String {
        let before = self.text.get(..span.start as usize).unwrap_or_default();
        let margin = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let mut lines = self.source(span).lines();
        let first = lines.next().unwrap_or_default().to_owned();
        lines.fold(first, |out, line| {
            let indent = line.len() - line.trim_start().len();
            format!("{out}\n{}", line.get(indent.min(margin)..).unwrap_or_default())
        })
    }
}

/// What stands between the braces of a block on one line.
fn inside(block: &str) -> &str {
    block.strip_prefix('{').and_then(|b| b.strip_suffix('}')).unwrap_or(block).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"//! Doors.

/// The doors of the house.
/// https://doors.example
connector doors {
  settings {
    /// Opens them.
    key: Secret
    base: Url = url"https://doors.example"
  }

  type Door = {
    /// Its number.
    number: Int,
  }

  enum State { open, closed }

  fn hidden(x: Int) -> Int { x }

  /// Half of it.
  fn half(x: Float) -> Float { x / 2 }

  /// Closes a door.
  action close(number: Int, gently: Bool = true) -> Door changes keyed within 24h target "door/${number}" undo {
    do open(number)
  } {
    { number: number }
  }

  action open(number: Int) changes idempotent { }

  /// Somebody rang.
  event rang: Door from webhook "/doors" {
    verify bearer(key)
    emit { number: body.number as Int }
  }

  event slammed: Door from poll every 1m { [1] } { id "1" emit { number: 1 } }
}
"#;

    #[test]
    fn a_connector_is_read_in_its_authors_words() {
        let module = read("lib.doors", "lib/doors.rrb", TEXT);
        assert_eq!((module.name.as_str(), module.docs.as_str()), ("lib.doors", "Doors."));
        let [doors] = module.connectors.as_slice() else { panic!("{module:#?}") };
        assert_eq!((doors.name.as_str(), doors.settings.len()), ("doors", 2));
        assert_eq!(doors.settings[0].docs, "Opens them.");
        assert_eq!(doors.settings[0].default, None);
        assert_eq!(doors.settings[1].default.as_deref(), Some("url\"https://doors.example\""));
        let close = &doors.offers.actions[0];
        assert_eq!((close.effect, close.class.as_deref()), (Effect::Changes, Some("keyed within 24h")));
        assert_eq!(close.target.as_deref(), Some("\"door/${number}\""));
        assert_eq!(close.undo.as_deref(), Some("do open(number)"));
        assert_eq!((close.params[1].ty.as_str(), close.params[1].default.as_deref()), ("Bool", Some("true")));
        assert_eq!(doors.offers.functions.len(), 1, "only what is documented");
        assert_eq!(doors.offers.functions[0].text, "fn half(x: Float) -> Float");
        assert_eq!(doors.offers.types[0].text, "type Door = {\n  /// Its number.\n  number: Int,\n}");
        assert_eq!(doors.offers.types[1].text, "enum State { open, closed }");
        assert_eq!(doors.events[0].source, "webhook \"/doors\"");
        assert_eq!(doors.events[0].verify.as_deref(), Some("bearer(key)"));
        assert_eq!((doors.events[1].source.as_str(), doors.events[1].verify.as_deref()), ("poll every 1m", None));
    }

    #[test]
    fn a_text_with_mistakes_has_what_can_be_read() {
        let module = read("x", "x.rrb", &TEXT.replace("x / 2", "x / "));
        assert!(
            module
                .connectors
                .iter()
                .any(|c| c.offers.actions.iter().any(|a| a.name == "close") && !c.events.is_empty()),
            "{module:#?}"
        );
        for text in ["", "connector", "connector x {", "native action", "\u{0}"] {
            read("x", "x.rrb", text);
        }
    }

    #[test]
    fn the_whole_library_is_read() {
        let of = |(file, text): (&str, &str)| read(file, file, text);
        for module in crate::stdlib::names().filter_map(crate::stdlib::get).map(of) {
            assert!(!module.docs.is_empty() && !module.connectors.is_empty(), "{}", module.name);
        }
        for (name, file, text) in crate::stdlib::natives() {
            assert!(!read(name, file, text).own.actions.is_empty() || *name == "core", "{name}");
        }
    }
}
