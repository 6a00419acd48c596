use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diag::{Diagnostic, plain};
use crate::hir::{Setting, SettingOwner};
use crate::ids::ConstId;
use crate::span::{FileId, Sources, Span};
use crate::types::{FieldTy, Ty, Type, TypeDef, TypeDefKind, TypeTable, VariantTy, builtin};
use crate::value::{Secret, Value};

const GOOD: &str = r#"
[project]
name = "checkout"
[users.ana]
name = "Ana"
email = "ana@example.org"
login = "ana@idp"
[users.bo]
[groups]
sre = ["ana", "bo", "ana"]
nobody = []
[settings.lib.paging]
channel = "/c"
[connectors.slack]
token = "env:SLACK_TOKEN"
[connectors.k8s.eu]
url = "https://eu.example.org"
[connectors.k8s.us]
url = "https://us.example.org"
[safety]
require_approval = "changes"
[serve]
listen = "[::1]:8000"
allow_remote = true
hosts = ["rrb.example.org", "rrb"]
state = "/var/lib/rrb"
max_body = "2MiB"
queue = 16
runs = 3
[limits]
fuel = 5000
memory = "1MiB"
depth = 8
effects = 10
"#;

fn render(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut sources = Sources::default();
    sources.add("rrb.toml", text);
    plain::render(diagnostics, &sources)
}

fn errors(text: &str) -> String {
    let (_, diagnostics) = parse(FileId(0), text);
    render(text, &diagnostics)
}

#[test]
fn a_whole_file() {
    let (config, diagnostics) = parse(FileId(0), GOOD);
    assert_eq!(diagnostics, []);
    assert_eq!(config.name.as_deref(), Some("checkout"));
    assert_eq!(config.users["ana"].login, "ana@idp");
    assert_eq!(config.users["bo"].name, "bo");
    assert_eq!(config.members("sre"), Some(&["ana".into(), "bo".into()][..]));
    assert_eq!(config.members("ops"), None);
    assert_eq!(config.instances("k8s"), ["eu", "us"]);
    assert_eq!(config.default_instance("k8s"), None);
    assert_eq!(config.default_instance("slack").as_deref(), Some("default"));
    assert_eq!(config.safety.require_approval, crate::syntax::ast::Effect::Changes);
    assert!(config.serve.allow_remote);
    assert_eq!(config.serve.hosts, ["rrb.example.org", "rrb"]);
    assert_eq!((config.serve.max_body, config.serve.queue, config.serve.runs), (2 << 20, 16, 3));
    assert_eq!(config.serve.listen.port(), 8000);
    assert_eq!(config.limits.depth, 8);
    assert_eq!(config.limits.memory, 1 << 20);
}

#[test]
fn an_empty_file_is_the_default() {
    let (config, diagnostics) = parse(FileId(0), "");
    assert_eq!(diagnostics, []);
    assert_eq!(config, ProjectConfig { file: Some(FileId(0)), ..ProjectConfig::default() });
}

#[test]
fn mistakes_in_the_file() {
    let cases = [
        "[project\nname = \"x\"",
        "[project]\nname = checkout",
        "[project]\nname = \"a\"\nname = \"b\"",
        "[project]\n[project]\nname = \"b\"",
        "[connector.slack]\ntoken = \"env:X\"",
        "[weather]\nsun = true",
        "project = \"checkout\"",
        "[project]\nname = 3",
        "[project]\nnaem = \"x\"",
        "[users]\nana = \"Ana\"",
        "[users.ana]\nmail = \"a@b\"",
        "[users.ana]\nlogin = \"x\"\n[users.bo]\nlogin = \"x\"",
        "[users.\"a b\"]",
        "[users.ana]\n[groups]\nsre = [\"anna\"]",
        "[groups]\nsre = [\"zoe\"]",
        "[groups]\nsre = \"ana\"",
        "[groups.sre]\nmembers = [\"ana\"]",
        "[groups]\nsre = [1]",
        "[safety]\nrequire_approval = \"always\"",
        "[safety]\nrequire_approvals = \"changes\"",
        "[serve]\nlisten = \"localhost:7117\"",
        "[serve]\nlisten = 7117",
        "[serve]\nlisten = \"127.0.0.1\"",
        "[serve]\nlisten = \"0.0.0.0:7117\"",
        "[serve]\nlisten = \"192.168.1.7:7117\"\nallow_remote = false",
        "[serve]\nallow_remote = \"yes\"",
        "[serve]\nhosts = \"rrb.example.org\"",
        "[serve]\nhosts = [\"https://rrb.example.org\"]",
        "[serve]\nhosts = [7]",
        "[serve]\nmax_body = 1024",
        "[serve]\nmax_body = \"1 MB\"",
        "[serve]\nmax_body = \"1TB\"",
        "[serve]\nqueue = 0",
        "[serve]\nqueue = \"many\"",
        "[serve]\nstate = \" \"",
        "[limits]\nfuel = 99999999999999999999",
        "[limits]\nmemory = \"1KB\"",
        "[limits]\ndepth = 2000",
        "[limits]\nstack = 3",
        "[connectors]\nslack = \"x\"",
        "[connectors.k8s.\"\"]\nurl = \"x\"",
    ];
    let shown: Vec<String> = cases.iter().map(|c| format!("{c}\n----\n{}", errors(c))).collect();
    assert!(cases.iter().all(|c| !errors(c).is_empty()));
    insta::assert_snapshot!(shown.join("\n========\n"));
}

#[test]
fn the_size_is_bounded() {
    let pad = |n: usize| format!("#{}", " ".repeat(n - 1));
    for (size, fits) in [(MAX_BYTES - 1, true), (MAX_BYTES, true), (MAX_BYTES + 1, false)] {
        let (_, diagnostics) = parse(FileId(0), &pad(size));
        assert_eq!(diagnostics.is_empty(), fits, "{size}");
    }
}

#[test]
fn ranges_hold_at_their_ends() {
    for (text, fits) in [
        ("[limits]\ndepth = 7", false),
        ("[limits]\ndepth = 8", true),
        ("[limits]\ndepth = 1024", true),
        ("[limits]\ndepth = 1025", false),
        ("[serve]\nmax_body = \"1023B\"", false),
        ("[serve]\nmax_body = \"1KiB\"", true),
        ("[serve]\nmax_body = \"67108863B\"", true),
        ("[serve]\nmax_body = \"64MiB\"", true),
        ("[serve]\nmax_body = \"67108865B\"", false),
        ("[limits]\nmemory = \"1048575B\"", false),
        ("[limits]\nmemory = \"1MiB\"", true),
        ("[limits]\nmemory = \"268435455B\"", true),
        ("[limits]\nmemory = \"256MiB\"", true),
        ("[limits]\nmemory = \"268435457B\"", false),
        ("[serve]\nallow_remote = true\nlisten = \"0.0.0.0:7117\"", true),
        ("[serve]\nlisten = \"127.3.4.5:7117\"", true),
        ("[serve]\nhosts = []", true),
        ("[serve]\nhosts = [\"a-b.c\"]", true),
        ("[serve]\nhosts = [\"a..c\"]", false),
        ("[serve]\nhosts = [\"-a.c\"]", false),
        ("[serve]\nhosts = [\"a:7117\"]", false),
        ("[serve]\nhosts = [\"\"]", false),
        ("[serve]\nqueue = 1000000", true),
        ("[serve]\nqueue = 1000001", false),
    ] {
        assert_eq!(parse(FileId(0), text).1.is_empty(), fits, "{text}");
    }
}

#[test]
fn deep_files_do_not_exhaust_the_stack() {
    let dotted = format!("[settings]\n{}x = 1", "a.".repeat(100_000));
    let nested = format!("[settings]\nx = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let inline = format!("[settings]\nx = {}", "{ a = ".repeat(40_000));
    let header = format!("[settings.{}a]", "a.".repeat(100_000));
    for text in [dotted, nested, inline, header] {
        let (_, diagnostics) = parse(FileId(0), &text);
        assert!(!diagnostics.is_empty());
    }
}

proptest! {
    #[test]
    fn any_text_parses_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(FileId(0), &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_toml_parses_without_panic(text in "(\\[{1,2}(users|groups|settings|connectors|serve|limits)(\\.[a-z\"é]{0,3}){0,3}\\]{0,2}\n|[a-z.]{1,4} ?= ?([0-9]{0,22}|\"[^\"]{0,4}\"?|\\[|\\{|\\}|true|1e999|nan)\n){0,12}") {
        let (_, diagnostics) = parse(FileId(0), &text);
        for diagnostic in diagnostics {
            for label in &diagnostic.labels {
                prop_assert!(label.span.end as usize <= text.len(), "{diagnostic:?}");
            }
        }
    }
}

// ---- settings

struct World {
    settings: Vec<Setting>,
    types: TypeTable,
}

fn ty(t: Type) -> Ty {
    Ty::new(t)
}

impl World {
    fn new() -> Self {
        Self { settings: Vec::new(), types: builtin::table() }
    }

    fn with(mut self, owner: SettingOwner, name: &str, t: Type, default: bool) -> Self {
        self.settings.push(Setting {
            owner,
            name: name.into(),
            docs: String::new(),
            ty: ty(t),
            default: default.then_some(ConstId(0)),
            span: Span::new(FileId(1), 0, 5),
        });
        self
    }

    fn module(self, module: &str, name: &str, t: Type) -> Self {
        self.with(SettingOwner::Module(module.into()), name, t, false)
    }

    fn connector(self, connector: &str, name: &str, t: Type) -> Self {
        self.with(SettingOwner::Connector(connector.into()), name, t, false)
    }

    fn resolve(&self, text: &str, env: &[(&str, &str)]) -> Result<Vec<(u32, String, Value)>, String> {
        let (config, diagnostics) = parse(FileId(0), text);
        assert_eq!(diagnostics, [], "{text}");
        let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let constants = |_| Some(Value::text("default"));
        let declared = Declared { settings: &self.settings, types: &self.types, constants: &constants };
        let mut sources = Sources::default();
        sources.add("rrb.toml", text);
        sources.add("main.rrb", "field: Type");
        match resolve_settings(declared, &config, &env) {
            Ok(values) => Ok(values.into_iter().map(|((id, instance), v)| (id.0, instance.to_string(), v)).collect()),
            Err(diagnostics) => {
                hide_secrets(&diagnostics, &mut sources);
                Err(plain::render(&diagnostics, &sources))
            }
        }
    }

    fn one(&self, text: &str, env: &[(&str, &str)]) -> Result<Value, String> {
        self.resolve(text, env).map(|mut v| v.remove(0).2)
    }
}

fn level() -> (Type, World) {
    let mut world = World::new();
    let variant = |name: &str, payload: Vec<FieldTy>| VariantTy { name: name.into(), payload };
    let limit = FieldTy { name: "limit".into(), ty: ty(Type::Size), default: None };
    let id = world.types.add(TypeDef {
        name: "Level".into(),
        module: "main".into(),
        docs: String::new(),
        generics: vec![],
        kind: TypeDefKind::Enum(vec![
            variant("info", vec![]),
            variant("warning", vec![]),
            variant("over", vec![limit]),
        ]),
    });
    (Type::Named(id, vec![]), world)
}

#[test]
fn every_type_reads_its_form() {
    let list = |t: Type| Type::List(ty(t));
    let map = Type::Map(ty(Type::Text), ty(Type::Int));
    for (t, toml, env) in [
        (Type::Text, "\"a\"", "a"),
        (Type::Int, "3", "3"),
        (Type::Float, "0.5", "50%"),
        (Type::Float, "\"50%\"", "0.5"),
        (Type::Bool, "true", "true"),
        (Type::Duration, "\"1h30m\"", "90m"),
        (Type::Size, "\"10MiB\"", "10240KiB"),
        (Type::Time, "2026-11-21T10:00:00Z", "2026-11-21T11:00:00+01:00"),
        (Type::Time, "\"2026-11-21T10:00:00Z\"", "2026-11-21T10:00:00Z"),
        (Type::Url, "\"https://example.org\"", "https://example.org/"),
        (Type::Ip, "\"10.0.0.1\"", "10.0.0.1"),
        (Type::Cidr, "\"10.0.0.0/8\"", "10.0.0.0/8"),
        (Type::Regex, "\"^a\"", "^a"),
        (Type::Cron, "\"0 3 * * *\"", "0 3 * * *"),
        (Type::Bytes, "\"YWJj\"", "YWJj"),
        (Type::Optional(ty(Type::Int)), "3", "3"),
        (list(Type::Text), "[\"a\", \"b\"]", "[\"a\", \"b\"]"),
        (Type::Set(ty(Type::Int)), "[1, 2, 1]", "[1, 2]"),
        (map, "{ a = 1 }", "{\"a\": 1}"),
        (Type::Json, "{ a = [1, \"x\"] }", "{\"a\": [1, \"x\"]}"),
        (Type::Secret, "\"env:RRB_MAIN_X\"", "plain-value"),
        (Type::Secret, "\"file:/run/x\"", "file:/run/x"),
        (level().0, "\"warning\"", "warning"),
    ] {
        let (_, world) = level();
        let world = world.module("main", "x", t.clone());
        let from_file = world.one(&format!("[settings.main]\nx = {toml}"), &[]);
        let from_env = world.one("", &[("RRB_MAIN_X", env)]);
        assert!(from_file.is_ok(), "{t:?}: {from_file:?}");
        assert_eq!(from_file, from_env, "{t:?}");
    }
}

#[test]
fn records_fill_defaults_and_optionals() {
    let field = |name: &str, t: Type, default: Option<ConstId>| FieldTy { name: name.into(), ty: ty(t), default };
    let record = Type::Record(vec![
        field("a", Type::Int, None),
        field("b", Type::Text, Some(ConstId(0))),
        field("c", Type::Optional(ty(Type::Int)), None),
    ]);
    let world = World::new().module("main", "x", record);
    let value = world.one("[settings.main.x]\na = 1", &[]).unwrap();
    assert_eq!(value, Value::record([("a", Value::Int(1)), ("b", Value::text("default")), ("c", Value::None)]));
    let value = world.one("", &[("RRB_MAIN_X", r#"{"a": 2, "c": null}"#)]).unwrap();
    assert_eq!(value.field("a"), Some(&Value::Int(2)));
}

#[test]
fn the_nearest_place_wins() {
    let world = World::new().connector("k8s", "url", Type::Text);
    let text = "[connectors.k8s]\nurl = \"shared\"\n[connectors.k8s.eu]\n[connectors.k8s.us]\nurl = \"own\"";
    let both =
        |eu: &str, us: &str| Ok(vec![(0, "eu".to_owned(), Value::text(eu)), (0, "us".to_owned(), Value::text(us))]);
    assert_eq!(world.resolve(text, &[]), both("shared", "own"));
    assert_eq!(world.resolve(text, &[("RRB_K8S_URL", "env")]), both("env", "own"));
    assert_eq!(world.resolve(text, &[("RRB_K8S_US_URL", "env")]), both("shared", "env"));
}

#[test]
fn a_default_and_an_only_instance() {
    let world = World::new().connector("k8s", "url", Type::Text);
    let alone = world.resolve("[connectors.k8s]\nurl = \"a\"", &[]);
    assert_eq!(alone, Ok(vec![(0, "default".to_owned(), Value::text("a"))]));
    let named = world.resolve("[connectors.k8s.eu]\nurl = \"a\"", &[]);
    let under = |i: &str| (0, i.to_owned(), Value::text("a"));
    assert_eq!(named, Ok(vec![under("default"), under("eu")]));
    let defaulted = World::new().with(SettingOwner::Module("main".into()), "x", Type::Text, true);
    assert_eq!(defaulted.one("", &[]), Ok(Value::text("default")));
    assert_eq!(World::new().module("main", "x", Type::Optional(ty(Type::Text))).one("", &[]), Ok(Value::None));
}

#[test]
fn modules_in_folders() {
    let world = World::new().module("lib.paging", "x", Type::Text);
    for text in
        ["[settings.lib.paging]\nx = \"a\"", "[settings.\"lib.paging\"]\nx = \"a\"", "[settings]\nlib.paging.x = \"a\""]
    {
        assert_eq!(world.one(text, &[]), Ok(Value::text("a")), "{text}");
    }
    assert_eq!(world.one("", &[("RRB_LIB_PAGING_X", "a")]), Ok(Value::text("a")));
}

#[test]
fn mistakes_in_settings() {
    let (level, world) = level();
    let record = Type::Record(vec![FieldTy { name: "port".into(), ty: ty(Type::Int), default: None }]);
    let list = Type::List(ty(Type::Duration));
    type Case<'a> = (World, &'a str, &'a [(&'a str, &'a str)]);
    let cases: Vec<Case<'_>> = vec![
        (World::new().module("lib.paging", "channel", Type::Text), "", &[]),
        (World::new().connector("slack", "token", Type::Secret), "", &[]),
        (
            World::new().connector("k8s", "url", Type::Url),
            "[connectors.k8s.eu]\n[connectors.k8s.us]\nurl = \"https://u\"",
            &[],
        ),
        (World::new().module("main", "every", Type::Duration), "[settings.main]\nevery = 5", &[]),
        (World::new().module("main", "every", Type::Duration), "[settings.main]\nevery = \"5 minutes\"", &[]),
        (World::new().module("main", "every", Type::Duration), "", &[("RRB_MAIN_EVERY", "5")]),
        (World::new().module("main", "n", Type::Int), "[settings.main]\nn = \"3\"", &[]),
        (World::new().module("main", "n", Type::Int), "", &[("RRB_MAIN_N", "three")]),
        (World::new().module("main", "flag", Type::Bool), "", &[("RRB_MAIN_FLAG", "yes")]),
        (World::new().module("main", "url", Type::Url), "[settings.main]\nurl = \"example.org\"", &[]),
        (World::new().module("main", "re", Type::Regex), "[settings.main]\nre = \"(\"", &[]),
        (World::new().module("main", "cron", Type::Cron), "[settings.main]\ncron = \"99 3 * * *\"", &[]),
        (World::new().module("main", "net", Type::Cidr), "[settings.main]\nnet = \"10.0.0.0/33\"", &[]),
        (World::new().module("main", "waits", list), "[settings.main]\nwaits = [\"5m\", 5]", &[]),
        (World::new().module("main", "to", record.clone()), "[settings.main.to]\nprot = 80", &[]),
        (World::new().module("main", "to", record.clone()), "[settings.main.to]", &[]),
        (World::new().module("main", "to", record.clone()), "[settings.main.to]\nport = \"80\"", &[]),
        (World::new().module("main", "to", record), "", &[("RRB_MAIN_TO", "port=80")]),
        (world.module("main", "level", level), "[settings.main]\nlevel = \"warn\"", &[]),
        (
            World::new().connector("slack", "token", Type::Secret),
            "[connectors.slack]\ntoken = \"xoxb-real-secret\"",
            &[],
        ),
        (World::new().connector("slack", "token", Type::Secret), "[connectors.slack]\ntoken = 12345678", &[]),
        (
            World::new().module("lib.a", "x", Type::Text),
            "[settings.lib.a]\nx = \"1\"\n[settings.\"lib.a\"]\nx = \"2\"",
            &[],
        ),
        (
            World::new().connector("a", "b_c", Type::Text).connector("a", "c", Type::Text),
            "[connectors.a]\nb_c = \"1\"\nc = \"2\"\n[connectors.a.b]",
            &[("RRB_A_B_C", "x")],
        ),
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|(world, text, env)| {
            let error = world.resolve(text, env).expect_err(text);
            assert!(!error.contains("xoxb") && !error.contains("12345678"), "a secret leaks");
            format!("{text}\n{env:?}\n----\n{error}")
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n========\n"));
}

#[test]
fn references_to_secrets() {
    let world = World::new().module("main", "x", Type::Secret);
    let reference = |text: &str| Ok(Value::Secret(Arc::new(Secret::Ref(text.into()))));
    assert_eq!(world.one("", &[("RRB_MAIN_X", "hunter2")]), reference("env:RRB_MAIN_X"));
    assert_eq!(world.one("", &[("RRB_MAIN_X", "env:OTHER")]), reference("env:OTHER"));
    for bad in ["env:", "env:1A", "env:A B", "file:", "vault:x", "hunter2", "file:a\\u0000"] {
        assert!(world.one(&format!("[settings.main]\nx = \"{bad}\""), &[]).is_err(), "{bad}");
    }
}

#[test]
fn the_digest_follows_people_and_rules_only() {
    let digest = |text: &str| parse(FileId(0), text).0.digest_text();
    let base = "[users.ana]\n[users.bo]\n[groups]\nsre = [\"ana\", \"bo\"]\n";
    assert_eq!(digest(base), digest(&format!("{base}[serve]\nqueue = 3\n[settings.main]\nx = 1")));
    assert_eq!(digest(base), digest("[users.bo]\n[users.ana]\n[groups]\nsre = [\"bo\", \"ana\"]\n"));
    assert_ne!(digest(base), digest(&base.replace("[\"ana\", \"bo\"]", "[\"ana\"]")));
    assert_ne!(digest(base), digest(&format!("{base}[safety]\nrequire_approval = \"changes\"")));
}
