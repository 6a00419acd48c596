//! The main job against the real thing: node exporter measures a filesystem, Prometheus finds it almost full, Alertmanager tells
//! rrb, two people approve, the disk is freed, and the alert resolves by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use rrb_tests::binary::{copy, ok, root};
use rrb_tests::daemon::{Daemon, Process, free_port, http, wait_for};
use rrb_tests::sink::Sink;

const MIB: usize = 1 << 20;

/// The filesystem under pressure: a small tmpfs of its own, unmounted when the test is over.
struct Filesystem(PathBuf);

impl Filesystem {
    fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(at).status();
        assert!(
            mounted.is_ok_and(|s| s.success()),
            "this test mounts a 64 MiB tmpfs: run it as root, or in a user namespace (`unshare -Urm tests/run`)"
        );
        Self(at.to_owned())
    }

    /// 2 MiB of old cache, 2 MiB of finished logs and twelve archives: 94 % of 64 MiB.
    fn fill(&self) {
        file(&self.0.join("cache/thumbnails"), 2 * MIB, Duration::from_secs(5 * 86_400));
        file(&self.0.join("logs/app.log.1"), 2 * MIB, Duration::from_secs(2 * 3_600));
        for i in 0..12u64 {
            file(&self.0.join(format!("archive/{i:02}.tar")), 4_700 * 1024, Duration::from_secs((20 - i) * 86_400));
        }
    }
}

impl Drop for Filesystem {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A file of `size` bytes, last changed `age` ago.
fn file(path: &Path, size: usize, age: Duration) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, vec![b'x'; size]).unwrap();
    let changed = SystemTime::now() - age;
    std::fs::File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
}

struct Peers {
    _exporter: Process,
    _prometheus: Process,
    _alertmanager: Process,
    alertmanager: String,
}

impl Peers {
    fn start(dir: &Path, mount: &Path, hook: &str, token: &str) -> Self {
        let (exporter, prometheus, alertmanager) = (free_port(), free_port(), free_port());
        std::fs::write(
            dir.join("prometheus.yml"),
            format!(
                "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\n\
                 rule_files: [rules.yml]\n\
                 alerting: {{ alertmanagers: [ {{ static_configs: [ {{ targets: ['127.0.0.1:{alertmanager}'] }} ] }} ] }}\n\
                 scrape_configs: [ {{ job_name: node, static_configs: [ {{ targets: ['127.0.0.1:{exporter}'] }} ] }} ]\n"
            ),
        )
        .unwrap();
        std::fs::copy(root().join("examples/disk-pressure/monitoring/rules.yml"), dir.join("rules.yml")).unwrap();
        std::fs::write(
            dir.join("alertmanager.yml"),
            format!(
                "route: {{ receiver: rrb, group_by: [mountpoint], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\n\
                 receivers:\n\
                 - name: rrb\n  webhook_configs:\n  - url: {hook}\n    send_resolved: true\n    \
                 http_config: {{ authorization: {{ credentials: {token} }} }}\n"
            ),
        )
        .unwrap();
        let local = |port: u16| format!("--web.listen-address=127.0.0.1:{port}");
        Self {
            _exporter: Process::start(
                "node exporter",
                Command::new("prometheus-node-exporter").args([
                    &local(exporter),
                    "--collector.disable-defaults",
                    "--collector.filesystem",
                    "--collector.filesystem.fs-types-exclude=^(proc|sysfs|devpts|cgroup2?)$",
                    "--collector.filesystem.mount-points-exclude=^/($|proc|sys|dev|run)",
                ]),
                &dir.join("exporter.log"),
            ),
            _prometheus: Process::start(
                "prometheus",
                Command::new("prometheus").current_dir(dir).args([
                    &local(prometheus),
                    "--config.file=prometheus.yml",
                    &format!("--storage.tsdb.path={}", dir.join("tsdb").display()),
                ]),
                &dir.join("prometheus.log"),
            ),
            _alertmanager: Process::start(
                "alertmanager",
                Command::new("prometheus-alertmanager").args([
                    &local(alertmanager),
                    "--cluster.listen-address=",
                    &format!("--config.file={}", dir.join("alertmanager.yml").display()),
                    &format!("--storage.path={}", dir.join("alerts").display()),
                ]),
                &dir.join("alertmanager.log"),
            ),
            alertmanager: format!("http://127.0.0.1:{alertmanager}"),
        }
        .ready(mount)
    }

    fn ready(self, _mount: &Path) -> Self {
        let url = format!("{}/-/ready", self.alertmanager);
        wait_for("Alertmanager is ready", Duration::from_secs(30), || {
            http("GET", &url, None, None).filter(|r| r.0 == 200)
        });
        self
    }

    /// Whether the alert for `mount` is active.
    fn firing(&self, mount: &Path) -> bool {
        let url =
            format!("{}/api/v2/alerts?active=true&filter=mountpoint=%22{}%22", self.alertmanager, mount.display());
        let (_, body) = http("GET", &url, None, None).expect("Alertmanager answers");
        let alerts: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
        !alerts.is_empty()
    }
}

#[test]
fn an_alert_fires_the_disk_is_freed_and_the_alert_resolves_by_itself() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap();
    let filesystem = Filesystem::mount(&dir.join("data"));
    let sink = Sink::start();
    let project = dir.join("project");
    copy(&root().join("examples/disk-pressure"), &project);
    let config = std::fs::read_to_string(project.join("rrb.toml")).unwrap();
    let config = config.replace("quota = \"64MiB\"", &format!("notify_url = \"{}\"", sink.url()));
    std::fs::write(project.join("rrb.toml"), config).unwrap();

    let daemon = Daemon::start(&project, &[("RRB_ALERTMANAGER_TOKEN", "s3cret-of-the-peers-test")]);
    let (ana, bo) = (daemon.token("ana", "approvals:vote"), daemon.token("bo", "approvals:vote"));
    let operator = std::fs::read_to_string(project.join(".rrb/operator.token")).unwrap().trim().to_owned();
    let hook = format!("{}/hooks/alertmanager", daemon.url);
    let peers = Peers::start(&dir, &filesystem.0, &hook, "s3cret-of-the-peers-test");
    assert!(!peers.firing(&filesystem.0), "nothing fires before the disk is full");

    filesystem.fill();
    wait_for("the alert fires", Duration::from_secs(30), || peers.firing(&filesystem.0).then_some(()));

    let approval = wait_for("two people are asked", Duration::from_secs(30), || {
        daemon.json(&["approvals", "list"]).as_array()?.first().cloned()
    });
    assert!(!filesystem.0.join("cache/thumbnails").exists(), "old cache files go without asking");
    assert!(filesystem.0.join("archive/00.tar").exists(), "archives stay until people agree");
    let id = approval["id"].as_str().unwrap();
    for token in [&ana, &bo] {
        ok(daemon.command(&["approvals", "approve", id]).env("RRB_TOKEN", token));
    }

    let run = wait_for("the run ends", Duration::from_secs(60), || {
        let runs = daemon.json(&["runs", "list"]);
        runs.as_array()?.iter().find(|r| r["status"] == "done").cloned()
    });
    assert_eq!(run["end"]["outcome"], "resolved", "{run:#}");
    assert!(!filesystem.0.join("archive/00.tar").exists(), "the oldest archive is deleted");
    assert!(filesystem.0.join("archive/11.tar").exists(), "no more than needed is deleted");

    wait_for("the alert resolves by itself", Duration::from_secs(60), || (!peers.firing(&filesystem.0)).then_some(()));
    wait_for("rrb hears that it resolved", Duration::from_secs(60), || {
        let (_, body) =
            http("GET", &format!("{}/v1/events?source=alertmanager.resolved", daemon.url), Some(&operator), None)?;
        serde_json::from_str::<Vec<serde_json::Value>>(&body).ok()?.pop()
    });
    let notified: Vec<String> = sink.bodies();
    assert_eq!(notified.len(), 1, "one notification, sent once: {notified:?}");
    assert!(ok(&mut daemon.command(&["audit", "verify"])).contains("intact"));
    let event = run["event"].as_str().expect("an event started the run");
    assert!(ok(&mut daemon.command(&["why", event])).contains("started"));
}
