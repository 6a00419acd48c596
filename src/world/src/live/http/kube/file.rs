//! What stands in a kubeconfig (https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/): the cluster, the user and the context that a request goes
//! by.

use std::path::{Path, PathBuf};

use rrb_lang::vm::protocol::Failure;
use serde::Deserialize;

use super::super::super::blocking;
use super::super::super::fail::{forbidden, invalid};

/// The largest file, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// Values and levels of a file.
const MAX_VALUES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// The cluster and the user of a context.
#[derive(Debug)]
pub struct Chosen {
    /// The folder of the file: what it names by a path without a `/` at its start lies there.
    pub folder: PathBuf,
    pub cluster_name: String,
    pub cluster: Cluster,
    pub user_name: String,
    pub user: User,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    current_context: Option<String>,
    #[serde(default)]
    clusters: Vec<Named>,
    #[serde(default)]
    contexts: Vec<Named>,
    #[serde(default)]
    users: Vec<Named>,
}

/// An entry of a list: its name, and what it is under a word of its own.
#[derive(Deserialize)]
struct Named {
    name: String,
    cluster: Option<Cluster>,
    context: Option<Context>,
    user: Option<User>,
}

#[derive(Deserialize, Clone, Default)]
struct Context {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: String,
}

/// Where an API server is, and whom it has its certificate from.
#[derive(Debug, Deserialize, Clone, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cluster {
    pub server: String,
    pub certificate_authority: Option<String>,
    pub certificate_authority_data: Option<String>,
    pub insecure_skip_tls_verify: bool,
    pub tls_server_name: Option<String>,
    pub proxy_url: Option<String>,
}

/// As whom it is asked. Has no `Debug`: it holds secrets.
#[derive(Deserialize, Clone, Default)]
#[serde(rename_all = "kebab-case", default)]
pub struct User {
    pub token: Option<String>,
    #[serde(rename = "tokenFile")]
    pub token_file: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub client_certificate: Option<String>,
    pub client_certificate_data: Option<String>,
    pub client_key: Option<String>,
    pub client_key_data: Option<String>,
    pub exec: Option<Exec>,
    pub auth_provider: Option<serde_json::Value>,
    #[serde(rename = "as")]
    pub impersonate: Option<String>,
    #[serde(rename = "as-uid")]
    pub impersonate_uid: Option<String>,
    #[serde(rename = "as-groups")]
    pub impersonate_groups: Vec<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("User")
    }
}

/// A program that says as whom.
#[derive(Deserialize, Clone, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Exec {
    pub api_version: String,
    pub command: String,
    pub args: Option<Vec<String>>,
    pub env: Option<Vec<Variable>>,
    pub provide_cluster_info: bool,
    pub interactive_mode: Option<String>,
}

/// A variable of its environment.
#[derive(Deserialize, Clone)]
pub struct Variable {
    pub name: String,
    pub value: String,
}

/// Reads the file at `path` and takes its `context`, or the one that is current there.
pub async fn read(path: &str, context: Option<&str>) -> Result<Chosen, Failure> {
    let (path, context) = (path.to_owned(), context.map(str::to_owned));
    blocking(move || {
        if !path.starts_with('/') || path.contains('\0') {
            return Err(invalid("`kubeconfig` is the absolute path of a file, such as `/etc/rrb/kubeconfig`"));
        }
        let text = text_of(Path::new(&path), "the kubeconfig", MAX_FILE)?;
        choose(&path, &text, context.as_deref())
    })
    .await
}

/// The text of a file that is at most so long.
pub fn text_of(path: &Path, what: &str, most: u64) -> Result<String, Failure> {
    let shown = path.display();
    let unreadable = |e: std::io::Error| forbidden(format!("{what} `{shown}` cannot be read: {}", e.kind()));
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() || meta.len() > most {
        return Err(invalid(format!("{what} `{shown}` is no file of at most {} KiB", most >> 10)));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| invalid(format!("{what} `{shown}` is not UTF-8")))
}

fn choose(path: &str, text: &str, context: Option<&str>) -> Result<Chosen, Failure> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MAX_VALUES * 3,
            max_nodes: MAX_VALUES,
            max_depth: MAX_DEPTH,
            max_documents: 2,
        },
        with_snippet: false,
    };
    // What the reader says of a fault may repeat what stands there; its place is enough.
    let config: Config = serde_saphyr::from_str_with_options(text, options).map_err(|e| {
        let line = e.location().map(|l| format!(", line {}", l.line())).unwrap_or_default();
        invalid(format!("`{path}` is no kubeconfig that can be read{line}: it is YAML or JSON with `clusters`, `users` and `contexts`"))
    })?;
    let name = context.map(str::to_owned).or(config.current_context).filter(|n| !n.is_empty()).ok_or_else(|| {
        invalid(format!(
            "`{path}` has no `current-context`: give `kubeconfig_context`, one of {}",
            names(&config.contexts)
        ))
    })?;
    let context = find(path, "context", &name, &config.contexts)?.context.clone().unwrap_or_default();
    let cluster = find(path, "cluster", &context.cluster, &config.clusters)?.cluster.clone().unwrap_or_default();
    // A context without a user asks as nobody.
    let user = match context.user.as_str() {
        "" => User::default(),
        user => find(path, "user", user, &config.users)?.user.clone().unwrap_or_default(),
    };
    let folder = Path::new(path).parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Chosen { folder, cluster_name: context.cluster, cluster, user_name: context.user, user })
}

fn find<'a>(path: &str, what: &str, name: &str, all: &'a [Named]) -> Result<&'a Named, Failure> {
    let missing = || invalid(format!("`{path}` has no {what} `{name}`, only {}", names(all)));
    all.iter().find(|n| n.name == name).ok_or_else(missing)
}

fn names(all: &[Named]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<String> = all.iter().take(SHOWN).map(|n| format!("`{}`", n.name)).collect();
    if all.len() > SHOWN {
        names.push(format!("{} more", all.len() - SHOWN));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
apiVersion: v1
kind: Config
current-context: b
clusters:
- {name: one, cluster: {server: 'https://one.example'}}
- {name: two, cluster: {server: 'https://two.example', certificate-authority-data: QUJD}}
contexts:
- {name: a, context: {cluster: one, user: ana, namespace: shop}}
- {name: b, context: {cluster: two, user: ben}}
- {name: nobody, context: {cluster: one}}
- {name: lost, context: {cluster: gone, user: ben}}
users:
- {name: ana, user: {token: geheim-1}}
- name: ben
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: [eks, get-token], env: null, unknown: 1}
preferences: {}
";

    #[test]
    fn the_context_says_where_and_as_whom() {
        let of = |context: Option<&str>| choose("/x/config", TWO, context).unwrap();
        let b = of(None);
        assert_eq!((b.cluster.server.as_str(), b.user_name.as_str()), ("https://two.example", "ben"));
        assert_eq!(b.user.exec.as_ref().unwrap().args.as_ref().unwrap().len(), 2);
        assert_eq!(b.folder, Path::new("/x"));
        let a = of(Some("a"));
        assert_eq!((a.cluster_name.as_str(), a.user.token.as_deref()), ("one", Some("geheim-1")));
        assert!(of(Some("nobody")).user.token.is_none());
        assert!(!format!("{a:?}").contains("geheim"));
    }

    #[test]
    fn json_is_yaml_too() {
        let json = r#"{"current-context":"a","clusters":[{"name":"c","cluster":{"server":"https://c"}}],
            "contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}"#;
        assert_eq!(choose("/x", json, None).unwrap().cluster.server, "https://c");
    }

    #[test]
    fn what_cannot_be_chosen_is_said_without_a_secret() {
        for (text, context, why) in [
            ("", None, "has no `current-context`"),
            ("clusters: [", None, "is no kubeconfig that can be read"),
            ("users: [{name: a, user: {token: [geheim]}}]", None, "is no kubeconfig that can be read, line 1"),
            ("just a text geheim", None, "is no kubeconfig that can be read"),
            (TWO, Some("c"), "has no context `c`, only `a`, `b`, `nobody`, `lost`"),
            (TWO, Some("lost"), "has no cluster `gone`, only `one`, `two`"),
            ("contexts: [{name: a, context: {user: x}}]\ncurrent-context: a", None, "has no cluster ``, only none"),
        ] {
            let failure = choose("/x", text, context).unwrap_err();
            assert!(failure.message.contains(why), "{text}: {}", failure.message);
            assert!(!failure.message.contains("geheim"), "{}", failure.message);
        }
    }

    #[test]
    fn a_file_that_grows_when_it_is_read_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..9 {
            text += &format!("a{i}: &a{i} [*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0},*a{0}]\n", i - 1);
        }
        assert!(choose("/x", &text, None).is_err());
        assert!(choose("/x", &format!("users: {}", "[".repeat(10_000)), None).is_err());
    }

    #[tokio::test]
    async fn a_path_is_absolute_and_its_file_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        for (len, read_) in [(MAX_FILE - 1, true), (MAX_FILE, true), (MAX_FILE + 1, false)] {
            let padded = format!("{TWO}#{}", "x".repeat(len as usize - TWO.len() - 1));
            std::fs::write(&path, padded).unwrap();
            assert_eq!(read(path.to_str().unwrap(), None).await.is_ok(), read_, "{len}");
        }
        for odd in ["config", "", "/x\0y", "/nonexistent/config", dir.path().to_str().unwrap()] {
            assert!(read(odd, None).await.is_err(), "{odd}");
        }
    }
}
