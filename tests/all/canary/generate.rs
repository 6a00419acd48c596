//! Well-typed runbooks at random: every statement that can hold a call, nested in every other.

use std::fmt::Write;

/// Runbooks of one module.
pub const RUNBOOKS: usize = 25;

/// Kinds of events.
pub const KINDS: usize = 4;

/// How deep statements nest.
const DEPTH: u32 = 4;

pub const PROJECT: &str = "[project]\nname = \"canary\"\n\n[users.ana]\n[users.bo]\n[users.cy]\n\n[groups]\nsre = [\"ana\", \"bo\", \"cy\"]\n";

const LAB: &str = r#"
connector lab {
  settings { base: Url = url"http://lab.test" }

  event calm: { node: Text } from webhook "/calm" {
    verify none because "a test"
    emit { node: body.node as Text }
  }

  event came: { node: Text, kind: Int } from webhook "/came" {
    verify none because "a test"
    emit { node: body.node as Text, kind: body.kind as Int }
  }

  action look(what: Text) -> Text reads { http.get("${base}/look/${what}").text }
  action count(what: Text) -> Int reads { (http.get("${base}/count/${what}").json as Int?) ?? 3 }
  action search(what: Text) -> Text reads {
    trust reads because "a search that happens to be a POST" { (do http.post("${base}/search/${what}")).text }
  }
  action set(what: Text) changes idempotent { do http.put("${base}/set/${what}") }
  action add(what: Text) -> Text changes once { (do http.post("${base}/add/${what}")).text }
  action order(what: Text) changes keyed within 1h { do http.post("${base}/order/${what}") }
  action move_to(what: Text) changes probe { lab.look("moved") == "yes" } { do http.post("${base}/move/${what}") }
  action hold(node: Text) changes idempotent target "node/${node}" undo { do http.put("${base}/free/${node}") } {
    do http.put("${base}/hold/${node}")
  }
  action wipe(node: Text) destroys idempotent target "node/${node}" { do http.delete("${base}/wipe/${node}") }
  action tell(room: Text, request: ApprovalRequest) changes idempotent {
    do http.post("${base}/tell/${room}", json: { question: request.question })
  }
}

action twice(what: Text) changes {
  do lab.set(what)
  do lab.set("${what}-again")
}

runbook child(n: Text) { do lab.set(n) }
"#;

/// A source of numbers that is the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }
}

/// What starts the runbook `i` by itself: an event of its kind, or the clock.
fn trigger(i: usize, random: &mut Random) -> String {
    let dedupe = random.pick(&["", "  dedupe by n for 1m\n", "  limit 5 per 1h\n"]);
    let on = match random.below(6) {
        0 => "  every 10m with n: \"tick\"\n".to_owned(),
        1 => "  on lab.came as e with n: e.node\n".to_owned(),
        2 => "  on lab.came as e then lab.calm as c where c.node == e.node within 1h with n: e.node\n".to_owned(),
        _ => format!("  on lab.came as e where e.kind == {} with n: e.node\n", i % KINDS),
    };
    format!("{on}{dedupe}")
}

/// A module of runbooks; each takes `n: Text`.
pub fn module(seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x00ca_4a47);
    let mut text = LAB.to_owned();
    for i in 0..RUNBOOKS {
        let mut writer = Writer { random: Random(random.0), next: 0 };
        random.below(2);
        let body = writer.block(DEPTH, Inside::default());
        let failure = writer.random.below(2) == 0;
        let trigger = trigger(i, &mut writer.random);
        let _ = write!(text, "\nrunbook r{i}(n: Text) {{\n{trigger}  timeout 1h\n{body}");
        if failure {
            let handler = writer.block(1, Inside::default());
            let _ = write!(text, "  on failure as f {{\n  log f.message\n{handler}  }}\n");
        }
        if writer.random.below(3) == 0 {
            let handler = writer.block(1, Inside::default());
            let _ = write!(text, "  finally {{\n{handler}  }}\n");
        }
        text.push_str("}\n");
    }
    text
}

/// What the place allows.
#[derive(Debug, Clone, Copy, Default)]
struct Inside {
    /// `destroys` is discharged here.
    covered: bool,
    /// In a branch, a loop or a handler: no approval, no child, nothing that ends the run.
    apart: bool,
}

struct Writer {
    random: Random,
    /// Names are never used twice.
    next: u32,
}

impl Writer {
    fn name(&mut self) -> String {
        self.next += 1;
        format!("v{}", self.next)
    }

    fn word(&mut self) -> String {
        match self.random.below(4) {
            0 => "n".to_owned(),
            1 => "\"x\"".to_owned(),
            2 => format!("\"${{n}}-{}\"", self.random.below(9)),
            _ => "lab.look(n)".to_owned(),
        }
    }

    fn condition(&mut self) -> String {
        match self.random.below(6) {
            0 => format!("lab.look(n) == {}", self.random.pick(&["\"yes\"", "\"7\"", "n"])),
            1 => format!("lab.count(n) > {}", self.random.below(5)),
            2 => "lab.search(n) matches re\"a|7\"".to_owned(),
            3 => "n == \"n7\"".to_owned(),
            4 => "lab.count(n) > 2 and lab.look(n) != \"\"".to_owned(),
            _ => "lab.look(n).starts_with(\"y\") or lab.count(\"q\") == 7".to_owned(),
        }
    }

    /// One to three statements.
    fn block(&mut self, depth: u32, inside: Inside) -> String {
        let many = 1 + self.random.below(3);
        (0..many).map(|_| self.statement(depth, inside)).collect()
    }

    fn call(&mut self, inside: Inside) -> String {
        let word = self.word();
        let call = match self.random.below(if inside.covered { 10 } else { 7 }) {
            0 => format!("lab.set({word})"),
            1 => format!("lab.order({word})"),
            2 => format!("lab.move_to({word})"),
            3 => format!("lab.hold({word})"),
            4 => format!("twice({word})"),
            5 => "http.put(url\"http://lab.test/raw\", json: { n })".to_owned(),
            6 => format!("lab.set({word}) undo {{ do lab.set(\"undone\") }}"),
            7 => "http.delete(url\"http://lab.test/raw\")".to_owned(),
            8 => format!("lab.wipe({word}) undo {{ do lab.set(\"back\") }}"),
            _ => format!("lab.wipe({word})"),
        };
        let modifier = match self.random.below(5) {
            0 => " retry 2 times backoff 1s..5s",
            1 => " timeout 30s",
            _ => "",
        };
        format!("  do {call}{modifier}\n")
    }

    fn statement(&mut self, depth: u32, inside: Inside) -> String {
        if depth == 0 {
            return self.call(inside);
        }
        let d = depth - 1;
        let apart = Inside { apart: true, ..inside };
        match self.random.below(if inside.apart { 17 } else { 21 }) {
            0..=3 => self.call(inside),
            4 => {
                let (c, a, b) = (self.condition(), self.block(d, inside), self.block(d, inside));
                format!("  if {c} {{\n{a}  }} else {{\n{b}  }}\n")
            }
            5 => {
                let v = self.name();
                let (a, b) = (self.block(d, inside), self.block(d, inside));
                let word = self.word();
                format!("  let {v} = do lab.add({word})\n  if {v} == \"7\" {{\n{a}  }} else {{\n{b}  }}\n")
            }
            6 => {
                let (v, a) = (self.name(), self.block(d, apart));
                let list = self.random.pick(&["[\"a\", \"b\"]", "lab.look(n).split(\",\")", "[n, lab.look(n)]"]);
                format!("  for {v} in {list} {{\n  log {v}\n{a}  }}\n")
            }
            7 => {
                let (v, a) = (self.name(), self.block(d, apart));
                format!("  for {v} in lab.look(n).split(\",\") parallel 3 {{\n  log {v}\n{a}  }}\n")
            }
            8 => {
                let (v, a) = (self.name(), self.block(d, apart));
                format!(
                    "  for {v} in [\"a\", \"b\", \"c\"] in waves [1, 100%] pausing 1m {{\n  log {v}\n{a}  }} between {{ verify \"ok\" within 1m every 10s {{ lab.count(n) > 1 }} }}\n"
                )
            }
            9 => {
                let (a, b) = (self.block(d, apart), self.block(d, apart));
                let (x, y) = (self.name(), self.name());
                format!("  parallel {{\n  {x} {{\n{a}  }},\n  {y} {{\n{b}  }},\n  }}\n")
            }
            10 => {
                let (a, b, f) = (self.block(d, inside), self.block(d, inside), self.name());
                format!("  try {{\n{a}  }} catch {f} {{\n  log {f}.message\n{b}  }}\n")
            }
            11 => {
                let (a, s) = (self.block(d, inside), self.random.below(99));
                format!("  step \"s{s}\" {{\n{a}  }}\n")
            }
            12 => {
                let a = self.block(d, Inside { covered: true, ..inside });
                format!(
                    "  waive \"a test\" by \"sre\" until time\"2031-01-01T00:00:00Z\" {{\n{a}  do lab.wipe(\"waived\")\n  }}\n"
                )
            }
            13 => {
                let c = self.condition();
                format!("  verify \"it is so\" within 5m every 30s {{ {c} }}\n")
            }
            14 => {
                let (c, v) = (self.condition(), self.name());
                format!("  let {v} = wait until {c} every 10s within 1m\n  log \"${{{v}}}\"\n")
            }
            15 => {
                let (a, b, c) = (self.block(d, inside), self.block(d, inside), self.block(d, inside));
                format!(
                    "  match lab.count(n) {{\n  0 => {{\n{a}  }}\n  1..5 => {{\n{b}  }}\n  _ => {{\n{c}  }}\n  }}\n"
                )
            }
            16 => {
                let v = self.name();
                let a = self.block(d, apart);
                format!("  var {v} = 0\n  while {v} < lab.count(n) {{\n  {v} += 1\n{a}  }}\n")
            }
            17 | 18 => {
                let a = self.block(d, Inside { covered: true, ..inside });
                let ask = self.random.pick(&["", " ask lab.tell(\"ops\")"]);
                let otherwise = match self.random.below(2) {
                    0 => String::new(),
                    _ => {
                        let v = self.name();
                        let b = self.block(d, inside);
                        format!(" otherwise {v} {{\n  log {v}.reason\n{b}  }}")
                    }
                };
                format!(
                    "  approve \"Shall ${{n}}?\" from group(\"sre\") within 30m{ask} {{\n{a}  do lab.wipe(\"agreed\")\n  }}{otherwise}\n"
                )
            }
            19 => {
                let v = self.name();
                format!("  let {v} = run child(n)\n  log {v}.why\n")
            }
            _ => {
                let v = self.name();
                let a = self.block(d, inside);
                format!("  during {{\n{a}  }} on lab.calm as {v} where {v}.node == n {{ log \"calm\" }}\n")
            }
        }
    }
}
