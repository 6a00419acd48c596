//! OpenAPI 3 and Swagger 2.0.

pub(crate) mod action;
pub(crate) mod auth;
pub(crate) mod document;
pub(crate) mod effects;
mod events;
pub(crate) mod identity;
pub(crate) mod operations;
pub(crate) mod pages;
mod schema;
mod select;
pub(crate) mod servers;
pub(crate) mod shape;
pub(crate) mod swagger2;

use serde_json::Value;

use self::action::{Action, Gives, Maker, Sent};
use self::auth::{Auth, Setting};
use self::document::Document;
pub(crate) use self::events::Event;
use self::operations::Version;
use self::schema::Schemas;
use self::shape::{Declared, Shape};
use crate::emit::{self, Connector};
use crate::names::{self, Names};
use crate::report::{Counts, Notes, Report};
use crate::{ImportError, Imported, Options, read, text};

/// The stack for it: schemas are looked into as deep as they nest.
const STACK: usize = 128 << 20;

/// The most operations of a description.
pub const MAX_OPERATIONS: usize = 10_000;

/// Types that rrb itself has.
const OWN_TYPES: &[&str] = &[
    "Bool",
    "Int",
    "Float",
    "Text",
    "Duration",
    "Size",
    "Time",
    "Regex",
    "Cron",
    "Url",
    "Ip",
    "Cidr",
    "Bytes",
    "Json",
    "Secret",
    "Never",
    "Nothing",
    "List",
    "Map",
    "Set",
    "Range",
    "Failure",
    "FailureKind",
    "ApprovalRequest",
    "Approval",
    "Denial",
    "Event",
    "Meta",
    "Severity",
    "Outcome",
    "Response",
];

/// Names that a connector's own code needs to mean what they mean.
const OWN_NAMES: &[&str] =
    &["http", "now", "random", "uuid", "env", "exec", "file", "time", "body", "headers", "query"];

/// Makes a connector of a description.
///
/// # Errors
/// When the bytes are no description, or nothing of it was chosen.
pub fn import(bytes: &[u8], options: &Options) -> Result<Imported, ImportError> {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("import".into()).stack_size(STACK);
        match worker.spawn_scoped(scope, || import_here(bytes, options)) {
            Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: the stack that is there does for all but the deepest descriptions.
            Err(_) => import_here(bytes, options),
        }
    })
}

fn import_here(bytes: &[u8], options: &Options) -> Result<Imported, ImportError> {
    let read = read::read(bytes)?;
    let mut root = read.root;
    let (version, format) = identity::version(&root)?;
    if version == Version::Swagger2 {
        swagger2::lift_forms(&mut root);
    }
    let mut notes = Notes::default();
    for at in &read.duplicates {
        notes.left_out("duplicate", at, "a key that stands twice: the last one counts");
    }
    let doc = Document::new(&root);
    let connector = identity::name(&root, options)?;
    let plan = Plan::new(&doc, version, &connector, notes)?;
    plan.write(&root, &format, &connector, options)
}

/// Everything that the description has, before some of it is chosen.
struct Plan<'a> {
    schemas: Schemas<'a>,
    settings: Vec<Setting>,
    actions: Vec<Action<'a>>,
    events: Vec<Event>,
    operations: usize,
}

impl<'a> Plan<'a> {
    fn new(doc: &'a Document<'a>, version: Version, connector: &str, mut notes: Notes) -> Result<Self, ImportError> {
        let operations = operations::operations(doc, version, &mut notes);
        if operations.len() > MAX_OPERATIONS {
            return Err(ImportError::new(
                format!("the description has {} operations; at most {MAX_OPERATIONS} are read", operations.len()),
                "cut it to the paths that are needed",
            ));
        }
        let count = operations.len();
        let server = servers::default_server(doc, version, &mut notes);
        let mut setting_names = Names::with(OWN_NAMES.iter().copied());
        let mut settings = vec![base_setting(setting_names.take("base_url"), &server)];
        let mut auth = Auth::new(doc, setting_names, &mut notes);
        let mut bases: Vec<(String, String)> = vec![(server.url.clone(), "base_url".to_owned())];

        let taken = OWN_TYPES.iter().copied().map(str::to_owned).chain([names::pascal(connector, "Connector")]);
        let mut schemas = Schemas::new(doc, notes, Names::with(taken));
        let reserved = reserved_names(&settings, &auth, &operations);
        let named = identity::action_names(&operations, reserved.clone(), &mut schemas.notes);
        let mut actions = Vec::new();
        let mut callbacks = Vec::new();
        for (operation, name) in operations.into_iter().zip(named) {
            let base = base_of(&operation, &mut bases, &mut settings, &mut auth, &mut schemas.notes);
            callbacks.extend(events::callbacks(doc, &operation, &name, &mut schemas.notes));
            let mut maker = Maker { schemas: &mut schemas, auth: &mut auth, reserved: reserved.clone() };
            actions.extend(maker.action(operation, name, base));
        }
        let mut taken = reserved;
        actions.iter().for_each(|a: &Action<'_>| taken.keep(&a.name));
        for pages in actions.iter_mut().filter_map(|a| a.pages.as_mut()) {
            pages.name = taken.take(&pages.name);
        }
        let events = events::events(doc, connector, callbacks, taken, &mut schemas, &mut settings);
        schemas.finish();
        settings.extend(auth.settings);
        Ok(Self { schemas, settings, actions, events, operations: count })
    }

    fn write(
        mut self,
        root: &Value,
        format: &str,
        connector: &str,
        options: &Options,
    ) -> Result<Imported, ImportError> {
        let (sent, received) = self.shapes();
        let mut types: Vec<Declared> = std::mem::take(&mut self.schemas.types);
        let usage = emit::Usage::new(&mut types, &sent, &received);
        let chosen = select::choose(&self.actions, &self.events, &options.only)?;
        let info = root.get("info");
        let said = |name: &str| info.and_then(|i| i.get(name)).and_then(Value::as_str).unwrap_or_default();
        let report = Report {
            title: text::plain(said("title"), 120),
            version: info
                .and_then(|i| i.get("version"))
                .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
                .map(|v| text::plain(&v, 60))
                .unwrap_or_default(),
            format: format.to_owned(),
            connector: connector.to_owned(),
            counts: Counts { operations: self.operations, ..Counts::default() },
            notes: Vec::new(),
        };
        let docs = text::plain(said("description"), 400);
        let more =
            root.pointer("/externalDocs/url").and_then(Value::as_str).map(|u| text::plain(u, 200)).unwrap_or_default();
        let written = emit::connector(&Connector {
            name: connector,
            source: &options.source,
            only: &options.only,
            report: &report,
            docs: &docs,
            more: &more,
            settings: &self.settings,
            actions: chosen.actions.iter().filter_map(|i| self.actions.get(*i)).collect(),
            events: chosen.events.iter().filter_map(|i| self.events.get(*i)).collect(),
            types: &types,
            usage: &usage,
        })?;
        let kept = select::places(&self.actions, &chosen, !options.only.is_empty());
        let mut notes = self.schemas.notes.into_vec();
        notes.retain(|n| kept.concerns(&n.at));
        Ok(Imported {
            text: written.text,
            report: Report { counts: Counts { operations: self.operations, ..written.counts }, notes, ..report },
        })
    }

    /// What requests hold, and what replies and events hold.
    fn shapes(&self) -> (Vec<Shape>, Vec<Shape>) {
        let mut sent = Vec::new();
        let mut received = Vec::new();
        for action in &self.actions {
            sent.extend(action.args.iter().map(|a| a.shape.clone()));
            match &action.sent {
                Some(Sent::Json { shape, .. } | Sent::Form { shape } | Sent::Multipart { shape, .. }) => {
                    sent.push(shape.clone())
                }
                Some(Sent::Text { .. }) | None => {}
            }
            if let Gives::Json { shape, .. } = &action.gives {
                received.push(shape.clone());
            }
        }
        received.extend(self.events.iter().map(|e| e.shape.clone()));
        (sent, received)
    }
}

fn base_setting(name: String, server: &servers::Server) -> Setting {
    Setting { name, ty: "Url", default: format!("url{}", literal(&server.url)), docs: server.docs.clone() }
}

/// A tagged literal takes no escapes; what would need one is percent-encoded in an address already.
fn literal(url: &str) -> String {
    format!("\"{}\"", url.replace('"', "%22"))
}

/// The setting that holds an operation's server, made when it has one of its own.
fn base_of(
    operation: &operations::Operation<'_>,
    bases: &mut Vec<(String, String)>,
    settings: &mut Vec<Setting>,
    auth: &mut Auth,
    notes: &mut Notes,
) -> String {
    let Some(servers) = &operation.servers else { return "base_url".to_owned() };
    let server = servers::of_list(servers, notes);
    if let Some((_, name)) = bases.iter().find(|(url, _)| *url == server.url) {
        return name.clone();
    }
    let host = url::Url::parse(&server.url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default();
    let name = auth.take_name(&format!("{}_base_url", names::snake(label, "other")));
    settings.push(base_setting(name.clone(), &server));
    bases.push((server.url, name.clone()));
    name
}

/// Names of settings, which no parameter may hide: those of schemes, and those that parameters may still ask for.
fn reserved_names(settings: &[Setting], auth: &Auth, operations: &[operations::Operation<'_>]) -> Names {
    let hosts = operations.iter().filter_map(|o| o.servers.as_ref()).count();
    let mut taken: Vec<String> = OWN_NAMES.iter().take(8).map(|n| (*n).to_owned()).collect();
    taken.extend(settings.iter().chain(&auth.settings).map(|s| s.name.clone()));
    taken.extend(["token".to_owned(), "authorization".to_owned(), "api_key".to_owned(), "webhook_secret".to_owned()]);
    if hosts > 0 {
        let labels = operations.iter().filter_map(|o| o.servers.as_ref()).flat_map(|s| s.items());
        for server in labels {
            let host = server
                .text("url")
                .and_then(|u| url::Url::parse(u).ok())
                .and_then(|u| u.host_str().map(str::to_owned))
                .unwrap_or_default();
            taken.push(format!("{}_base_url", names::snake(host.split('.').next().unwrap_or_default(), "other")));
        }
    }
    let credentials = operations.iter().flat_map(|o| &o.params).filter(|p| auth::is_credential(p.place, &p.name));
    taken.extend(credentials.map(|p| names::snake(&p.name, "api_key")));
    Names::with(taken)
}
