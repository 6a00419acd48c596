//! The binary is killed at any moment, again and again, while alerts arrive and people approve: every run ends the same, nothing is
//! done twice, nobody is asked twice, and the audit chain holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rrb_tests::binary::{copy, ok, root};
use rrb_tests::daemon::{Daemon, http, wait_for};
use rrb_tests::sink::Sink;
use serde_json::{Value, json};

/// How often the daemon is killed.
const KILLS: u32 = 200;
/// Runs that are kept open while it is.
const OPEN: usize = 3;
const TOKEN: &str = "s3cret-of-the-kill-test";

struct Outage {
    daemon: Daemon,
    sink: Sink,
    data: PathBuf,
    voters: Vec<String>,
    /// Mounts that were filled, with the alert to send until it is taken.
    sent: BTreeMap<String, Value>,
    taken: BTreeMap<String, ()>,
    /// Whether more folders fill up.
    more: bool,
}

impl Outage {
    fn new(dir: &Path) -> Self {
        let sink = Sink::start();
        let project = dir.join("project");
        copy(&root().join("examples/disk-pressure"), &project);
        let config = std::fs::read_to_string(project.join("rrb.toml")).unwrap();
        let config = config.replace("quota = \"64MiB\"", &format!("quota = \"1MiB\"\nnotify_url = \"{}\"", sink.url()));
        std::fs::write(project.join("rrb.toml"), config).unwrap();
        let daemon = Daemon::start(&project, &[("RRB_ALERTMANAGER_TOKEN", TOKEN)]);
        let voters = ["ana", "bo"].map(|user| daemon.token(user, "approvals:vote")).to_vec();
        Self { daemon, sink, data: dir.join("data"), voters, sent: BTreeMap::new(), taken: BTreeMap::new(), more: true }
    }

    /// Fills one more folder to 94 % of 1 MiB and makes its alert.
    fn another(&mut self) {
        let number = self.sent.len();
        let mount = self.data.join(format!("m{number:03}"));
        let day = Duration::from_secs(86_400);
        file(&mount.join("cache/thumbnails"), 32 << 10, 5 * day);
        file(&mount.join("logs/app.log.1"), 32 << 10, day / 12);
        for i in 0..12u32 {
            file(&mount.join(format!("archive/{i:02}.tar")), 75 << 10, (20 - i) * day);
        }
        let template = std::fs::read_to_string(root().join("examples/disk-pressure/alert.json")).unwrap();
        let mount = mount.to_string_lossy().into_owned();
        let text = template.replace("MOUNT", &mount).replace("7c1e0a5b9f3d2468", &format!("{number:016x}"));
        self.sent.insert(mount, serde_json::from_str(&text).unwrap());
    }

    fn api(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let (status, text) = http(method, &format!("{}{path}", self.daemon.url), Some(token), body)?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    fn operator(&self) -> String {
        std::fs::read_to_string(self.daemon.dir.join(".rrb/operator.token")).unwrap_or_default().trim().to_owned()
    }

    fn list(&self, path: &str) -> Option<Vec<Value>> {
        let (status, body) = self.api("GET", path, &self.operator(), None)?;
        (status == 200).then(|| body.as_array().cloned())?
    }

    /// What the world around the daemon does once: the sender sends what was not taken, people vote, somebody says what happened to
    /// a call that was cut off. Everything may fail because the daemon is gone, and is tried again.
    fn turn(&mut self) -> Option<()> {
        let hook = "/hooks/alertmanager";
        for (mount, alert) in self.sent.clone() {
            if !self.taken.contains_key(&mount)
                && matches!(self.api("POST", hook, TOKEN, Some(&alert)), Some((200..=299, _)))
            {
                self.taken.insert(mount, ());
            }
        }
        for approval in self.list("/v1/approvals?open=true")? {
            let path = format!("/v1/approvals/{}/vote", approval["id"].as_str()?);
            let voted = approval["votes"].as_array().map_or(0, Vec::len);
            let voter = self.voters.get(voted)?.clone();
            self.api("POST", &path, &voter, Some(&json!({"approve": true})));
        }
        for run in self.list("/v1/runs?open=true")? {
            if run["status"] == "parked" {
                self.unpark(&run);
            }
        }
        if self.more && self.sent.len() < self.done()? + OPEN {
            self.another();
        }
        Some(())
    }

    /// Says truthfully whether the call happened that a kill cut off: a move by what is left, a notification by the sink.
    fn unpark(&self, run: &Value) -> Option<()> {
        let (_, view) = self.api("GET", &format!("/v1/runs/{}", run["id"].as_str()?), &self.operator(), None)?;
        let asked = |entry: &Value| entry["body"]["act"]["intent"]["effect"]["Resolve"].as_object().cloned();
        let unknown = view["journal"].as_array()?.iter().rev().find_map(asked).expect("a parked run asks about a call");
        let mount = run["params"]["mount"].as_str()?;
        let happened = match unknown["action"]["action"].as_str()? {
            "system.move_file" => !Path::new(unknown["action"]["target"].as_str()?.strip_prefix("file:")?).exists(),
            "http.post" => self.sink.bodies().iter().any(|b| b.contains(&format!("{mount} on "))),
            other => panic!("nobody should be asked about {other}: it may be repeated"),
        };
        let resolution = if happened { "happened" } else { "did_not_happen" };
        let path = format!("/v1/runs/{}/resolve", run["id"].as_str()?);
        self.api("POST", &path, &self.operator(), Some(&json!({"resolution": resolution, "why": "looked"})))?;
        Some(())
    }

    fn done(&self) -> Option<usize> {
        Some(self.list("/v1/runs?limit=1000")?.iter().filter(|r| r["status"] == "done").count())
    }
}

fn file(path: &Path, size: usize, age: Duration) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![b'x'; size]).unwrap();
    std::fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[test]
fn two_hundred_kills_lose_nothing_and_repeat_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let mut outage = Outage::new(&temp.path().canonicalize().unwrap());
    // A fixed sequence of life times: spread over start, recovery and work, and the same in every test run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for kill in 0..KILLS {
        // One in four dies while it starts; the others first take part in some turns.
        if kill % 4 != 0 {
            outage.daemon.wait_ready();
            for _ in 0..=random(3) {
                outage.turn();
            }
        }
        std::thread::sleep(Duration::from_millis(random(60)));
        outage.daemon.kill();
        outage.daemon.serve();
    }

    outage.more = false;
    outage.daemon.wait_ready();
    wait_for("every run ends", Duration::from_secs(120), || {
        outage.turn();
        let open = outage.list("/v1/runs?open=true")?;
        (open.is_empty() && outage.taken.len() == outage.sent.len()).then_some(())
    });
    let runs = outage.list("/v1/runs?limit=1000").unwrap();
    let asked = outage.list("/v1/approvals?open=false").unwrap();
    assert!(runs.len() >= 20, "the kills left room for only {} runs", runs.len());
    for mount in outage.sent.keys() {
        let of_mount: Vec<&Value> = runs.iter().filter(|r| r["params"]["mount"] == json!(mount)).collect();
        assert_eq!(of_mount.len(), 1, "{mount}: one alert, one run: {of_mount:#?}");
        let run = of_mount[0];
        assert_eq!(run["end"]["outcome"], "resolved", "{run:#}");
        let approvals = asked.iter().filter(|a| a["run"] == run["id"]).count();
        assert_eq!(approvals, 1, "{mount}: people are asked once");
        let told = outage.sink.bodies().iter().filter(|b| b.contains(&format!("{mount} on "))).count();
        assert_eq!(told, 1, "{mount}: people are told once");
        let left = std::fs::read_dir(Path::new(mount).join("archive")).unwrap().count();
        assert_eq!(left, 10, "{mount}: two archives go, as in a run that nobody kills");
    }
    assert!(ok(&mut outage.daemon.command(&["audit", "verify"])).contains("intact"));
}
