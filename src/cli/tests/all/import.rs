//! `rrb import`, and what a connector made by it asks of the other side.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use crate::command::{code, folder, rrb, stderr, stdout};

const SHOP: &str = include_str!("../../../import/tests/descriptions/shop.yaml");

const RUNBOOK: &str = r#"use shop

/// Asks the shop for all that it can do.
runbook tidy(color: Text) {
  owner "ops"
  let page = shop.list_pets(
    status: shop.Status.in_transit,
    tag: ["a b", "c&d"],
    ids: [1, 2],
    filter: { color: color, max_age: 3 },
    page: 2,
    x_trace: "t-1",
    session: "x;y",
  )
  let pet = page.items[0]
  do shop.create_pet({ name: "Rex", status: shop.Status.n2nd_hand, x_note: "new" })
  do shop.replace_pet("a/b c", { ..pet, status: shop.Status.sold })
  do shop.upload_photo("7", { file: "bytes", caption: "Nice" })
  let animals = do shop.search_all({ q: "a&b", kind: ["x", "y z"] })
  let kinds = animals.map(it => match it {
    cat(value: cat) => "cat ${cat.lives}",
    guide_dog(value: dog) => "dog ${dog.name}",
    other(value: json) => "other ${json.kind as Text}",
  })
  log kinds.join(", ")
  waive "a test" by "ana" until time"2099-12-01T00:00:00Z" { do shop.delete_pet("7") }
  finish resolved "tidied"
}

test "it replaces the pet that is in transit" {
  given shop.list_pets(_) returns { items: [{ name: "Rex", status: shop.Status.in_transit }] }
  given shop.create_pet(_) returns { name: "Rex", status: shop.Status.sold }
  given shop.replace_pet(_, _)
  given shop.upload_photo(_, _)
  given shop.search_all(_) returns [shop.Animal.cat({ kind: "cat", lives: 9 })]
  given shop.delete_pet("7")
  run tidy(color: "red")
  expect shop.replace_pet called 1 times with pet_id: "a/b c"
  expect outcome resolved
}
"#;

const PET: &str = r#"{"id": 9007199254740993, "name": "Rex", "status": "brand-new", "x-note": "n", "labels": {"a b": "c"}, "more": 1}"#;

/// What must stand in each request, in their order.
const REQUESTS: [&[&str]; 6] = [
    &[
        "GET /v1/pets?status=in-transit&tag=a+b&tag=c%26d&ids=1%2C2&filter%5Bcolor%5D=r%26d&filter%5Bmax-age%5D=3&page=2\n",
        "x-trace: t-1",
        "cookie: session=x%3By",
    ],
    &["POST /v1/pets\n", "idempotency-key", r#"{"name":"Rex","status":"2nd-hand","x-note":"new"}"#],
    &[
        "PUT /v1/pets/a%2Fb%20c\n",
        r#"{"id":9007199254740993,"name":"Rex","status":"sold","x-note":"n","labels":{"a b":"c"}}"#,
    ],
    &[
        "POST /v1/pets/7/photo\n",
        "multipart/form-data; boundary=rrb-",
        "name=\"file\"; filename=\"file\"",
        "bytes",
        "Nice",
    ],
    &["POST /v1/search\n", "application/x-www-form-urlencoded", "q=a%26b&kind=x&kind=y%20z"],
    &["DELETE /v1/pets/7\n"],
];

/// One request, and what is answered to it.
fn answer(stream: TcpStream, seen: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let header = |name: &str| {
            head.lines().find_map(|l| {
                l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
            })
        };
        let length = header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let mut said = line.clone();
        for name in ["authorization", "x-trace", "cookie", "content-type"] {
            if let Some(value) = header(name) {
                said.push_str(&format!("\n  {name}: {value}"));
            }
        }
        if header("idempotency-key").is_some() {
            said.push_str("\n  idempotency-key");
        }
        said.push_str(&format!("\n  {}", String::from_utf8(body).unwrap().replace("\r\n", "\n  ")));
        seen.send(said.trim_end().to_owned()).unwrap();
        let (status, reply) = match line.as_str() {
            l if l.starts_with("GET") => ("200 OK", format!("{{\"items\": [{PET}], \"next_page\": null}}")),
            l if l.ends_with("/pets") => ("201 Created", PET.to_owned()),
            l if l.ends_with("/search") => (
                "200 OK",
                r#"[{"kind": "cat", "lives": 9}, {"kind": "guide-dog", "name": "Bo"}, {"kind": "fish"}]"#.to_owned(),
            ),
            _ => ("204 No Content", String::new()),
        };
        let length = if reply.is_empty() {
            String::new()
        } else {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", reply.len())
        };
        write!(reader.get_mut(), "HTTP/1.1 {status}\r\n{length}\r\n{reply}").unwrap();
    }
}

#[test]
fn requests_are_what_the_description_says() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let send = send.clone();
            std::thread::spawn(move || answer(stream, &send));
        }
    });
    let dir = folder(&[("api.yaml", SHOP), ("tidy.rrb", RUNBOOK), ("token", "s3cret")]);
    let token = dir.path().join("token");
    let toml = format!(
        "[project]\nname = \"e2e\"\n[connectors.shop]\nbase_url = \"http://{address}/v1\"\ntoken = \"file:{}\"\n[users.ana]\n[groups]\nops = [\"ana\"]\n",
        token.display()
    );
    std::fs::write(dir.path().join("rrb.toml"), toml).unwrap();

    let import = rrb(dir.path(), &["import", "openapi", "api.yaml", "--out", "shop.rrb"]);
    assert_eq!(code(&import), 0, "{}", stderr(&import));
    let test = rrb(dir.path(), &["test"]);
    assert_eq!(code(&test), 0, "{}{}", stdout(&test), stderr(&test));
    let run = rrb(dir.path(), &["run", "tidy", "--param", "color=r&d"]);
    assert_eq!(code(&run), 0, "{}{}", stdout(&run), stderr(&run));
    let all: Vec<String> = seen.try_iter().collect();
    assert_eq!(all.len(), 6, "{all:#?}");
    for (request, parts) in all.iter().zip(REQUESTS) {
        for part in parts {
            assert!(request.contains(part), "`{part}` is not in\n{request}");
        }
        assert!(request.contains("authorization: Bearer s3cret"), "{request}");
    }
    assert!(stdout(&run).contains("cat 9, dog Bo, other fish"), "{}", stdout(&run));
}

#[test]
fn files_are_written_compared_and_never_lost() {
    let dir = folder(&[("api.yaml", SHOP), ("broken.yaml", "openapi: [")]);
    let import = |args: &[&str]| {
        let mut all = vec!["import", "openapi"];
        all.extend(args);
        rrb(dir.path(), &all)
    };
    let shown = import(&["api.yaml", "--name", "pets"]);
    assert_eq!(code(&shown), 0);
    assert!(stdout(&shown).contains("\nconnector pets {"));
    assert!(stderr(&shown).contains("guessed, to be looked at"), "{}", stderr(&shown));

    assert_eq!(code(&import(&["api.yaml", "--out", "shop.rrb", "--report", "report.json"])), 0);
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.path().join("report.json")).unwrap()).unwrap();
    assert_eq!((&report["counts"]["actions"], &report["connector"]), (&7.into(), &"shop".into()));
    assert_eq!(code(&import(&["api.yaml", "--out", "shop.rrb", "--check"])), 0);
    assert_eq!(code(&import(&["api.yaml", "--out", "shop.rrb"])), 4);

    std::fs::write(dir.path().join("shop.rrb"), "// mine\n").unwrap();
    assert_eq!(code(&import(&["api.yaml", "--out", "shop.rrb", "--check"])), 1);
    assert_eq!(code(&import(&["broken.yaml", "--out", "shop.rrb", "--force"])), 2);
    assert_eq!(std::fs::read_to_string(dir.path().join("shop.rrb")).unwrap(), "// mine\n");
    assert_eq!(code(&import(&["api.yaml", "--out", "shop.rrb", "--force"])), 0);
    assert!(std::fs::read_to_string(dir.path().join("shop.rrb")).unwrap().starts_with("//! Made by"));

    for (args, exit, said) in [
        (&["none.yaml"][..], 3, "cannot read `none.yaml`"),
        (&["api.yaml", "--only", "petz"], 2, "did you mean `pets`?"),
        (&["api.yaml", "--name", "Pets"], 2, "is no name of a connector"),
        (&["api.yaml", "--check"], 2, "--out"),
        (&["api.yaml", "--out", "none.rrb", "--check"], 3, "cannot read `none.rrb`"),
        (&["api.yaml", "--out", "no/such/folder.rrb"], 2, "cannot write"),
        (&["."], 2, "cannot read"),
    ] {
        let output = import(args);
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
    }
}

const RULEBOOK: &str = include_str!("../../../import/tests/rulebooks/58_string_search.yml");
const SSM: &str = include_str!("../../../import/tests/ssm/util__ec2__kill_process.yml");
const CACAO: &str = include_str!("../../../import/tests/cacao/soarca_playbooks_parallels_playbook.json");

/// What `rrb check` needs besides the file that was made: whom its steps ask.
const PEOPLE: &str = "[project]\nname = \"x\"\n[users.ana]\n[groups]\nops = [\"ana\"]\n";

#[test]
fn playbooks_of_each_kind_become_files_that_check_and_are_formatted() {
    for (kind, name, text) in
        [("rulebook", "rules.yml", RULEBOOK), ("ssm", "kill.yml", SSM), ("cacao", "playbook.json", CACAO)]
    {
        let dir = folder(&[("rrb.toml", PEOPLE), (name, text)]);
        let output = rrb(dir.path(), &["import", kind, name, "--operators", "ops", "--out", "made.rrb"]);
        assert_eq!(code(&output), 0, "{kind}: {}", stderr(&output));
        assert!(stderr(&output).contains("by hand") || stderr(&output).contains("runbook"), "{}", stderr(&output));
        for args in [
            &["fmt", "--check", "."][..],
            &["import", kind, name, "--operators", "ops", "--out", "made.rrb", "--check"],
        ] {
            let output = rrb(dir.path(), args);
            assert_eq!(code(&output), 0, "{kind} {args:?}: {}{}", stdout(&output), stderr(&output));
        }
        let output = rrb(dir.path(), &["check", "--format", "short"]);
        let said = stdout(&output) + &stderr(&output);
        let wrong =
            said.lines().filter(|l| l.contains("error") && l.contains("rrb::") && !l.contains("setting::missing"));
        assert_eq!(wrong.collect::<Vec<_>>(), [] as [&str; 0], "{kind}");
        let again = rrb(dir.path(), &["import", kind, name, "--out", "made.rrb"]);
        assert_eq!(code(&again), 4, "{kind}: {}", stderr(&again));
    }
}

#[test]
fn what_is_no_playbook_is_said_and_nothing_is_written() {
    for kind in ["rulebook", "ssm", "cacao"] {
        for (text, part) in [
            ("", "the file is empty"),
            ("a: [1", "the file is no YAML"),
            ("{\"a\": 1", "the file is no JSON"),
            ("3", "expected"),
        ] {
            let dir = folder(&[("in.yml", text)]);
            let output = rrb(dir.path(), &["import", kind, "in.yml", "--out", "made.rrb"]);
            assert_eq!(code(&output), 2, "{kind} {text:?}");
            assert!(
                stderr(&output).contains(part) && stderr(&output).contains("help"),
                "{kind} {text:?}: {}",
                stderr(&output)
            );
            assert!(!dir.path().join("made.rrb").exists());
        }
        let dir = folder(&[]);
        assert_eq!(code(&rrb(dir.path(), &["import", kind, "nowhere.yml"])), 3);
    }
}

#[test]
fn a_runbook_goes_out_as_a_playbook_and_is_the_same_twice() {
    let dir = folder(&[
        ("rrb.toml", PEOPLE),
        ("main.rrb", "/// Tidies.\nrunbook tidy() {\n  owner \"ops\"\n  step \"look\" { log \"here\" }\n}\n"),
    ]);
    let export = |name: &str| rrb(dir.path(), &["export", "cacao", name]);
    let first = export("tidy");
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let playbook: serde_json::Value = serde_json::from_str(&stdout(&first)).unwrap();
    assert_eq!((&playbook["type"], &playbook["spec_version"]), (&"playbook".into(), &"cacao-2.0".into()));
    assert_eq!(stdout(&first), stdout(&export("tidy")));
    let missing = export("tidi");
    assert_eq!(code(&missing), 3);
    assert!(stderr(&missing).contains("`tidy`"), "{}", stderr(&missing));
}
