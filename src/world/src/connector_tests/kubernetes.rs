//! `std.kubernetes` against a real API server with its etcd: no kubelet and no controllers, so that nothing moves by itself.

use std::time::{Duration, Instant};

use rrb_engine::clock::SystemClock;
use rrb_lang::value::Value;

use super::*;
use crate::brokers::testing::{Server, certificates, free_port};
use crate::sources::Sources;
use crate::sources::testing::{Basket, Nowhere, feed};

/// Long enough for any machine that does something at all.
const PATIENCE: Duration = Duration::from_secs(90);

struct Cluster {
    etcd: Server,
    api: Server,
}

impl Cluster {
    async fn start() -> Self {
        crate::init();
        let between = free_port();
        let etcd = Server::new("etcd");
        let (port, data) = (etcd.port, etcd.folder().join("data").display().to_string());
        let (client, peer) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{between}"));
        let etcd = etcd
            .arg("--data-dir")
            .arg(data)
            .arg("--listen-client-urls")
            .arg(&client)
            .arg("--advertise-client-urls")
            .arg(&client)
            .arg("--listen-peer-urls")
            .arg(&peer)
            .arg("--initial-advertise-peer-urls")
            .arg(&peer)
            .arg("--initial-cluster")
            .arg(format!("default={peer}"))
            .arg("--unsafe-no-fsync")
            .start();
        let api = Server::new("kube-apiserver");
        certificates(api.folder());
        let key = ["genrsa", "-out", "accounts.key", "2048"];
        let made = std::process::Command::new("openssl").args(key).current_dir(api.folder()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let at = |name: &str| api.folder().join(name).display().to_string();
        api.file("tokens", "admin-token,ana,1,system:masters\nguest-token,guest,2\n");
        let flags = [
            format!("--etcd-servers={client}"),
            format!("--secure-port={}", api.port),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--tls-cert-file={}", at("cert.pem")),
            format!("--tls-private-key-file={}", at("key.pem")),
            format!("--client-ca-file={}", at("ca.pem")),
            format!("--token-auth-file={}", at("tokens")),
            format!("--cert-dir={}", at("certs")),
            "--authorization-mode=RBAC".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={}", at("accounts.key")),
            format!("--service-account-signing-key-file={}", at("accounts.key")),
            // Its controller, which would have to make an account in each namespace, is not there.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            // Versions go when a test says so.
            "--etcd-compaction-interval=0".to_owned(),
        ];
        let api = flags.iter().fold(api, |api, flag| api.arg(flag)).start();
        let cluster = Self { etcd, api };
        cluster.kubeconfig("config", "ana", "{token: admin-token}");
        cluster.ready().await;
        cluster
    }

    fn path(&self, name: &str) -> String {
        self.api.folder().join(name).display().to_string()
    }

    fn kubeconfig(&self, file: &str, name: &str, user: &str) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority: ca.pem}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: {name}}}}}]\nusers: [{{name: {name}, user: {user}}}]\n",
            self.api.port
        );
        self.api.file(file, &text);
    }

    fn settings(&self, file: &str) -> String {
        format!("[users.ana]\nname = \"Ana\"\n[connectors.kubernetes]\nkubeconfig = \"{}\"\n", self.path(file))
    }

    async fn ready(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let ended = self.run("evidence \"ready\" = k8s.ready()").await;
            // The roles and classes that a cluster has from its beginning are made last.
            if ended.evidence.get("ready") == Some(&Json::Bool(true)) {
                return;
            }
            assert!(Instant::now() < end, "the API server does not get ready: {:?}", ended.end.failure);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn run(&self, body: &str) -> Ended {
        self.run_as("config", body).await
    }

    async fn run_as(&self, kubeconfig: &str, body: &str) -> Ended {
        let text = format!("use std.kubernetes as k8s\nrunbook main() {{\n{body}\n}}");
        run_module(&text, &self.settings(kubeconfig)).await
    }

    /// Runs what must succeed.
    async fn done(&self, body: &str) -> Ended {
        let ended = self.run(body).await;
        assert!(ended.end.failure.is_none(), "{:?}", ended.end.failure);
        ended
    }
}

fn destroying(body: &str) -> String {
    format!("waive \"test\" by \"ana\" until time\"2099-01-01T00:00:00Z\" {{ {body} }}")
}

fn text(ended: &Ended, name: &str) -> String {
    ended.evidence.get(name).map(|v| serde_json::Value::from(v).to_string()).unwrap_or_default()
}

fn pod(name: &str, more: &str) -> String {
    format!(
        r#"{{ apiVersion: "v1", kind: "Pod", metadata: {{ name: "{name}", namespace: "default", labels: {{ app: "web" }}, {more} }},
            spec: {{ nodeName: "n1", containers: [{{ name: "main", image: "web:1" }}] }} }}"#
    )
}

const OWNED: &str =
    r#"ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "u1", controller: true }]"#;

const WEB: &str = r#"{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "default" },
    spec: { replicas: 2, selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "main", image: "web:1" }] } } } }"#;

#[tokio::test]
async fn a_real_api_server_keeps_what_is_applied() {
    let cluster = Cluster::start().await;
    let flags = |data: &str| {
        format!(
            r#"{{ apiVersion: "v1", kind: "ConfigMap", metadata: {{ name: "flags", namespace: "default" }}, data: {data} }}"#
        )
    };
    let ended = cluster
        .done(&format!(
            r#"evidence "planned" = k8s.apply_dry_run({0}).data
               evidence "not kept" = k8s.find("v1", "ConfigMap", "flags", namespace: "default").any(m => true)
               do k8s.apply({0})
               do k8s.apply({0})
               do k8s.patch("v1", "ConfigMap", "flags", {{ data: {{ fast: "yes", slow: none }} }}, namespace: "default")
               evidence "kept" = k8s.get("v1", "ConfigMap", "flags", namespace: "default").data
               evidence "managers" = k8s.get("v1", "ConfigMap", "flags", namespace: "default").metadata.managedFields.items().map(f => f.manager)
               evidence "listed" = k8s.list("v1", "ConfigMap", fields: "metadata.name=flags").len()"#,
            flags(r#"{ slow: "on" }"#)
        ))
        .await;
    assert_eq!(text(&ended, "planned"), r#"{"slow":"on"}"#);
    assert_eq!(text(&ended, "not kept"), "false");
    assert_eq!(text(&ended, "kept"), r#"{"fast":"yes"}"#);
    assert!(text(&ended, "managers").contains("\"rrb\""));
    assert_eq!(text(&ended, "listed"), "1");
    // The field `fast` is not `rrb`'s: it was changed by another way, whose manager is another.
    let taken = cluster.run(&format!("do k8s.apply({})", flags(r#"{ fast: "no" }"#))).await;
    assert_eq!(taken.kind(), Some(FailureKind::Conflict), "{}", taken.message());
    cluster.done(&format!("do k8s.apply({}, force: true)", flags(r#"{ fast: "no" }"#))).await;
    let twice = cluster.run(&format!("do k8s.create({})", flags("{}"))).await;
    assert_eq!(twice.kind(), Some(FailureKind::Conflict));
    assert!(twice.message().contains("already exists"), "{}", twice.message());
    let invalid = cluster.run(&format!("do k8s.create({})", flags("{}").replace("flags", "Not A Name"))).await;
    assert_eq!(invalid.kind(), Some(FailureKind::Invalid));

    let ended = cluster
        .done(&destroying(
            r#"let uid = k8s.get("v1", "ConfigMap", "flags", namespace: "default").metadata.uid as Text
               evidence "another" = (do k8s.delete("v1", "ConfigMap", "flags", namespace: "default", uid: "0d2f6a5e-1111-4222-8333-444455556666")).existed
               evidence "this" = (do k8s.delete("v1", "ConfigMap", "flags", namespace: "default", uid: uid)).existed
               evidence "gone" = (do k8s.delete("v1", "ConfigMap", "flags", namespace: "default")).existed"#,
        ))
        .await;
    assert_eq!([text(&ended, "another"), text(&ended, "this"), text(&ended, "gone")], ["false", "true", "false"]);
}

#[tokio::test]
async fn a_real_api_server_scales_and_rolls_out() {
    let cluster = Cluster::start().await;
    let ended = cluster
        .done(&format!(
            r#"do k8s.apply({WEB})
               evidence "scaled" = do k8s.scale("default", "web", 5)
               evidence "wanted" = k8s.deployment("default", "web").wanted
               do k8s.restart("default", "web")
               do k8s.pause("default", "web")
               evidence "paused" = k8s.deployment("default", "web").paused
               do k8s.resume("default", "web")
               evidence "image" = do k8s.set_image("default", "web", "main", "web:2")
               evidence "now" = k8s.deployment("default", "web").images
               evidence "marked" = do k8s.label("apps/v1", "Deployment", "web", set: {{ "team": "a" }}, namespace: "default")
               evidence "template" = k8s.get("apps/v1", "Deployment", "web", namespace: "default").spec.template.metadata.annotations.keys()
               evidence "done" = k8s.rolled_out("default", "web")"#
        ))
        .await;
    assert_eq!(text(&ended, "scaled"), r#"{"from":2,"to":5}"#);
    assert_eq!([text(&ended, "wanted"), text(&ended, "paused"), text(&ended, "done")], ["5", "true", "false"]);
    assert_eq!(text(&ended, "image"), r#"{"from":"web:1","to":"web:2"}"#);
    assert_eq!(text(&ended, "now"), r#"["web:2"]"#);
    assert_eq!(text(&ended, "template"), r#"["kubectl.kubernetes.io/restartedAt"]"#);
    let undone = cluster.run("do k8s.scale(\"default\", \"web\", 9)\nfail \"it did not help\"").await;
    assert_eq!(undone.message(), "it did not help");
    let ended = cluster.done("evidence \"wanted\" = k8s.deployment(\"default\", \"web\").wanted").await;
    assert_eq!(text(&ended, "wanted"), "5");
    for (body, kind) in [
        ("k8s.deployment(\"default\", \"gone\")", FailureKind::NotFound),
        ("do k8s.scale(\"default\", \"gone\", 1)", FailureKind::NotFound),
        ("do k8s.set_image(\"default\", \"web\", \"side\", \"x\")", FailureKind::Failed),
    ] {
        let ended = cluster.run(body).await;
        assert_eq!(ended.kind(), Some(kind), "{}", ended.message());
    }
}

#[tokio::test]
async fn a_real_api_server_lets_a_node_be_emptied() {
    let cluster = Cluster::start().await;
    let budget = r#"{ apiVersion: "policy/v1beta1", kind: "PodDisruptionBudget", metadata: { name: "keep", namespace: "default" },
        spec: { minAvailable: 1, selector: { matchLabels: { keep: "yes" } } } }"#;
    cluster
        .done(&format!(
            r#"do k8s.create({{ apiVersion: "v1", kind: "Node", metadata: {{ name: "n1" }} }})
               do k8s.create({})
               do k8s.create({})
               do k8s.create({})"#,
            pod("owned", OWNED),
            pod("bare", ""),
            pod("agent", &OWNED.replace("ReplicaSet", "DaemonSet"))
        ))
        .await;
    let ended = cluster
        .done(
            r#"evidence "cordoned" = do k8s.cordon("n1")
               evidence "cordoned twice" = do k8s.cordon("n1")
               do k8s.taint("n1", "disk", "NoSchedule", value: "full")
               evidence "taints" = k8s.node("n1").taints.map(t => "${t.key}=${t.value}:${t.effect}")
               do k8s.untaint("n1", "disk")
               evidence "on it" = k8s.pods_on("n1").map(p => p.name)"#,
        )
        .await;
    assert_eq!(text(&ended, "cordoned"), r#"{"node":"n1","before":false}"#);
    assert_eq!(text(&ended, "cordoned twice"), r#"{"node":"n1","before":true}"#);
    assert!(text(&ended, "taints").contains("disk=full:NoSchedule"));
    assert_eq!(text(&ended, "on it"), r#"["agent","bare","owned"]"#);
    let bare = cluster.run(&destroying("do k8s.drain(\"n1\")")).await;
    assert!(bare.message().contains("default/bare"), "{}", bare.message());

    // The budget's controller is not there, so that it allows nothing.
    let held = pod("held", OWNED).replace("app: \"web\"", "keep: \"yes\"");
    // A pod that does not run yet is never held: it has to say that it does.
    let runs = r#"do k8s.amend(["api", "v1", "namespaces", "default", "pods", "held", "status"], "merge-patch", { status: { phase: "Running" } })"#;
    cluster.done(&format!("do k8s.create({budget})\ndo k8s.create({held})\n{runs}")).await;
    let kept = cluster.run(&destroying("do k8s.drain(\"n1\", grace: 0s, bare: true)")).await;
    assert_eq!(kept.kind(), Some(FailureKind::Throttled), "{}", kept.message());
    assert!(kept.message().contains("default/held"), "{}", kept.message());
    let ended = cluster
        .done(&destroying(
            r#"do k8s.delete("policy/v1beta1", "PodDisruptionBudget", "keep", namespace: "default")
               evidence "drained" = do k8s.drain("n1", grace: 0s, bare: true)
               evidence "empty" = k8s.drained("n1")
               do k8s.uncordon("n1")
               evidence "open" = not k8s.node("n1").unschedulable
               evidence "gone" = (do k8s.evict("default", "held")).existed"#,
        ))
        .await;
    assert_eq!(text(&ended, "drained"), r#"{"evicted":["default/held"],"left":["default/agent"]}"#);
    assert_eq!([text(&ended, "empty"), text(&ended, "open"), text(&ended, "gone")], ["true", "true", "false"]);
}

#[tokio::test]
async fn a_real_api_server_says_what_it_does_not_do() {
    let cluster = Cluster::start().await;
    let node = r#"do k8s.create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } })"#;
    cluster.done(&format!("{node}\ndo k8s.create({})", pod("web", ""))).await;
    // No kubelet: there is no log, and that is no empty log.
    let ended = cluster.run("k8s.logs(\"default\", \"web\")").await;
    assert!(ended.end.failure.is_some(), "{:?}", ended.end);
    assert!(!matches!(ended.kind(), Some(FailureKind::NotFound)), "{}", ended.message());
    let ended = cluster.run("k8s.logs(\"default\", \"web\", container: \"side\")").await;
    assert_eq!(ended.kind(), Some(FailureKind::Invalid), "{}", ended.message());
    assert!(ended.message().contains("side"), "{}", ended.message());
    let ended = cluster.run("k8s.logs(\"default\", \"gone\")").await;
    assert_eq!(ended.kind(), Some(FailureKind::NotFound), "{}", ended.message());

    cluster.kubeconfig("guest", "guest", "{token: guest-token}");
    let ended = cluster.run_as("guest", "k8s.nodes()").await;
    assert_eq!(ended.kind(), Some(FailureKind::Forbidden));
    assert!(ended.message().contains("guest"), "{}", ended.message());
    cluster.kubeconfig("nobody", "nobody", "{token: wrong-token}");
    let ended = cluster.run_as("nobody", "k8s.nodes()").await;
    assert_eq!(ended.kind(), Some(FailureKind::Unauthorized));
    assert!(!ended.shown.contains("wrong-token"));
    // Whom the certificate is of, it knows.
    cluster.kubeconfig("shown", "shown", "{client-certificate: cert.pem, client-key: key.pem}");
    let ended = cluster.run_as("shown", "k8s.nodes()").await;
    assert_eq!(ended.kind(), Some(FailureKind::Forbidden));
    assert!(ended.message().contains("\"localhost\""), "{}", ended.message());
    // As somebody else, where that is allowed.
    cluster.kubeconfig("other", "other", "{token: admin-token, as: ben, as-groups: [shop]}");
    let ended = cluster.run_as("other", "k8s.nodes()").await;
    assert!(ended.message().contains("\"ben\""), "{}", ended.message());
}

/// Makes a warning, as a component of the cluster would.
fn warning(name: &str) -> String {
    format!(
        r#"do k8s.create({{ apiVersion: "v1", kind: "Event", metadata: {{ name: "{name}", namespace: "default" }}, type: "Warning",
             reason: "BackOff", message: "{name}", involvedObject: {{ kind: "Pod", namespace: "default", name: "web" }} }})"#
    )
}

fn watch(cluster: &Cluster, basket: &Arc<Basket>) -> (Sources, crate::sources::Spec) {
    let world = LiveWorld::new(LiveConfig::default());
    let sources = Sources::new(basket.clone(), Arc::new(SystemClock::default()), Arc::new(Nowhere), world.web());
    let query = [(Value::text("fieldSelector"), Value::text("type=Warning"))].into_iter().collect();
    let spec = feed(
        "kubernetes",
        &[
            ("url", Value::Url("https://kubernetes.default.svc/api/v1/events".into())),
            ("query", Value::Map(Arc::new(query))),
            ("begin", Value::text("start")),
            ("kubeconfig", Value::text(cluster.path("config"))),
        ],
    );
    (sources, spec)
}

/// What was told, as `LISTED w1`.
fn told(basket: &Basket) -> Vec<String> {
    let one = |body: &String| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        format!("{} {}", body["type"].as_str().unwrap(), body["object"]["message"].as_str().unwrap())
    };
    basket.bodies().iter().map(one).collect()
}

#[tokio::test]
async fn a_real_api_server_is_watched_through_its_restart_and_what_it_forgot() {
    let mut cluster = Cluster::start().await;
    cluster.done(&warning("w1")).await;
    let basket = Arc::new(Basket::default());
    let (sources, spec) = watch(&cluster, &basket);
    sources.set(vec![spec.clone()]).await;
    basket.until("the first", |kept| kept.items.len() == 1).await;
    cluster.done(&warning("w2")).await;
    basket.until("the second", |kept| kept.items.len() == 2).await;
    assert_eq!(told(&basket), ["LISTED w1", "ADDED w2"]);

    cluster.api.kill();
    cluster.api.start_again();
    cluster.ready().await;
    cluster.done(&warning("w3")).await;
    basket.until("the third", |kept| kept.items.len() == 3).await;
    assert_eq!(told(&basket)[2], "ADDED w3");

    // While nobody watches, something comes, and the versions until then are forgotten.
    sources.stop().await;
    cluster.done(&warning("w4")).await;
    cluster.api.stop();
    compact(&cluster.etcd);
    cluster.api.start_again();
    cluster.ready().await;
    let (sources, spec) = watch(&cluster, &basket);
    sources.set(vec![spec]).await;
    basket.until("the fourth", |kept| kept.items.len() == 4).await;
    cluster.done(&warning("w5")).await;
    basket.until("the fifth", |kept| kept.items.len() == 5).await;
    // Once each, although it was listed again.
    assert_eq!(told(&basket)[3..], ["LISTED w4", "ADDED w5"]);
    sources.stop().await;
}

/// Lets etcd forget all versions before the present one.
fn compact(etcd: &Server) {
    let ctl = |args: &[&str]| {
        let out = std::process::Command::new("etcdctl")
            .args(["--endpoints", &format!("http://127.0.0.1:{}", etcd.port)])
            .args(args)
            .env("ETCDCTL_API", "3")
            .output()
            .expect("`etcdctl` is missing: run tests/install");
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    let status: serde_json::Value = serde_json::from_str(&ctl(&["endpoint", "status", "-w", "json"])).unwrap();
    let revision = status[0]["Status"]["header"]["revision"].to_string();
    ctl(&["compact", &revision]);
}
