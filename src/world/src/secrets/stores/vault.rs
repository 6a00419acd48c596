//! `vault:secret/app#token`: a field of a secret in HashiCorp Vault or OpenBao, of the KV engine in both versions or of an engine that makes
//! secrets with a lease.
//!
//! Where it is and who asks comes from the environment, by the names that Vault's own program has: `VAULT_ADDR`, `VAULT_NAMESPACE`,
//! `VAULT_CACERT`; and one of `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `VAULT_ROLE_ID` with `VAULT_SECRET_ID` (AppRole), `VAULT_K8S_ROLE` (the
//! service account's token). https://developer.hashicorp.com/vault/api-docs/secret/kv

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use rrb_lang::json::{self, Bounds, Json};
use rrb_lang::vm::protocol::{Failure, FailureKind};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};

use super::{Held, Place, Variable, failure, refuse};

/// How long a secret without a lease is held: a change in the store counts after that.
const HELD: Duration = Duration::from_secs(60);

/// How long it is known which engine serves a path.
const ENGINE_HELD: Duration = Duration::from_secs(600);

/// How long the store has for everything about one secret.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// The token of a pod's service account.
const POD_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How long a store that was silent is left alone.
const PAUSE: Duration = Duration::from_secs(10);

static UNREACHED: LazyLock<Held<FailureKind>> = LazyLock::new(Held::default);
static SECRETS: LazyLock<Held<Json>> = LazyLock::new(Held::default);
static ENGINES: LazyLock<Held<Engine>> = LazyLock::new(Held::default);
static TOKENS: LazyLock<Held<SecretString>> = LazyLock::new(Held::default);

/// The value of a place in the store. `learn` is told tokens that were fetched on the way.
pub fn read(place: &Place<'_>, variable: Variable<'_>, learn: &(dyn Fn(&str) + Sync)) -> Result<SecretString, Failure> {
    let path = place.document;
    let plain = |segment: &str| {
        !matches!(segment, "" | "." | "..") && !segment.chars().any(|c| c.is_control() || "?#%".contains(c))
    };
    if path.len() > 1024 || !path.split('/').all(plain) {
        return Err(refuse(place.reference, "names no path of a secret, such as `secret/app`"));
    }
    let store = Store::of(place, variable)?;
    let key = store.key(path);
    if let Some(document) = SECRETS.get(&key) {
        return place.pick(&document);
    }
    // A store that is not there is not waited for by every secret anew.
    let gone = store.key("gone");
    if let Some(kind) = UNREACHED.get(&gone) {
        return Err(failure(kind, place.reference, "cannot be read: the store did not answer a moment ago"));
    }
    let (document, time) = store.wait(place, learn).inspect_err(|f| {
        if f.kind == FailureKind::Timeout {
            UNREACHED.put(&gone, f.kind, PAUSE);
        }
    })?;
    SECRETS.put(&key, document.clone(), time);
    place.pick(&document)
}

/// Which engine serves a path: where it is mounted, and whether it keeps versions.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Engine {
    mount: String,
    versioned: bool,
}

#[derive(Debug)]
enum Login {
    Token(SecretString),
    AppRole { role: String, secret: SecretString },
    Kubernetes { role: String, token: SecretString },
}

/// A store, and who asks it.
#[derive(Debug)]
struct Store {
    address: Url,
    namespace: Option<String>,
    authority: Option<Vec<u8>>,
    login: Login,
}

impl Store {
    fn of(place: &Place<'_>, variable: Variable<'_>) -> Result<Self, Failure> {
        let odd = |what: &str| refuse(place.reference, what);
        let address = variable("VAULT_ADDR").ok_or_else(|| odd("cannot be read: `VAULT_ADDR` is not set"))?;
        let address =
            Url::parse(&address).ok().filter(|u| matches!(u.scheme(), "https" | "http") && u.host().is_some());
        let address =
            address.ok_or_else(|| odd("cannot be read: `VAULT_ADDR` is no address such as `https://vault:8200`"))?;
        let near = matches!(address.host_str(), Some("localhost" | "[::1]"))
            || address.host_str().is_some_and(|h| h.starts_with("127."));
        if address.scheme() == "http" && !near {
            return Err(odd(
                "cannot be read: `VAULT_ADDR` must begin with `https://`: the token would go out in the open",
            ));
        }
        let authority = match variable("VAULT_CACERT") {
            Some(path) => Some(file(&path).map_err(|e| odd(&format!("cannot be read: `VAULT_CACERT`: {e}")))?),
            None => None,
        };
        Ok(Self { address, namespace: variable("VAULT_NAMESPACE"), authority, login: Login::of(place, variable)? })
    }

    /// What makes its answers differ from another's; a digest.
    fn key(&self, path: &str) -> String {
        let who = match &self.login {
            Login::Token(token) => format!("token\0{}", token.expose_secret()),
            Login::AppRole { role, secret } => format!("approle\0{role}\0{}", secret.expose_secret()),
            // The token of a pod is renewed behind its name.
            Login::Kubernetes { role, .. } => format!("kubernetes\0{role}"),
        };
        let digest = Sha256::digest(format!("{}\0{:?}\0{who}\0{path}", self.address, self.namespace));
        digest.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Fetches on a thread of its own, so that it may be called anywhere.
    fn wait(&self, place: &Place<'_>, learn: &(dyn Fn(&str) + Sync)) -> Result<(Json, Duration), Failure> {
        let broke = |what: &str| failure(FailureKind::Failed, place.reference, what);
        let fetch = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|_| broke("cannot be read: no thread could be started"))?;
            runtime.block_on(async {
                let late = |_| failure(FailureKind::Timeout, place.reference, "was not given within 5 seconds");
                tokio::time::timeout(TIMEOUT, self.fetch(place, learn)).await.map_err(late)?
            })
        };
        std::thread::scope(|scope| scope.spawn(fetch).join())
            .unwrap_or_else(|_| Err(broke("cannot be read; this is a defect of rrb")))
    }

    async fn fetch(&self, place: &Place<'_>, learn: &(dyn Fn(&str) + Sync)) -> Result<(Json, Duration), Failure> {
        let client = self.client(place)?;
        let asking = Asking { store: self, client, place };
        let (token, kept) = asking.token(learn).await?;
        match asking.secret(&token).await {
            // A token that was kept may have been taken back.
            Err(failure) if failure.kind == FailureKind::Forbidden && kept => {
                TOKENS.forget(&self.key(""));
                let (token, _) = asking.token(learn).await?;
                asking.secret(&token).await
            }
            other => other,
        }
    }

    fn client(&self, place: &Place<'_>) -> Result<reqwest::Client, Failure> {
        crate::init();
        let odd = |_| refuse(place.reference, "cannot be read: `VAULT_CACERT` is no PEM file of certificates");
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        if let Some(pem) = &self.authority {
            let found = reqwest::Certificate::from_pem_bundle(pem).map_err(odd)?;
            if found.is_empty() {
                return Err(refuse(place.reference, "cannot be read: `VAULT_CACERT` holds no certificate"));
            }
            builder = builder.tls_certs_merge(found);
        }
        builder.build().map_err(odd)
    }
}

impl Login {
    fn of(place: &Place<'_>, variable: Variable<'_>) -> Result<Self, Failure> {
        let odd = |what: String| refuse(place.reference, &format!("cannot be read: {what}"));
        let text = |path: &str| {
            let bytes = file(path).map_err(|e| odd(format!("`{path}`: {e}")))?;
            let text = String::from_utf8(bytes).map_err(|_| odd(format!("`{path}` is not UTF-8")))?;
            Ok::<_, Failure>(SecretString::from(text.trim()))
        };
        if let Some(token) = variable("VAULT_TOKEN") {
            return Ok(Self::Token(SecretString::from(token)));
        }
        if let Some(path) = variable("VAULT_TOKEN_FILE") {
            return Ok(Self::Token(text(&path)?));
        }
        if let Some(role) = variable("VAULT_ROLE_ID") {
            let secret = variable("VAULT_SECRET_ID");
            let secret = secret.ok_or_else(|| odd("`VAULT_ROLE_ID` needs `VAULT_SECRET_ID` beside it".to_owned()))?;
            return Ok(Self::AppRole { role, secret: SecretString::from(secret) });
        }
        if let Some(role) = variable("VAULT_K8S_ROLE") {
            let path = variable("VAULT_K8S_TOKEN_FILE").unwrap_or_else(|| POD_TOKEN.to_owned());
            return Ok(Self::Kubernetes { role, token: text(&path)? });
        }
        Err(odd("set `VAULT_TOKEN`, `VAULT_TOKEN_FILE`, `VAULT_ROLE_ID` with `VAULT_SECRET_ID`, or `VAULT_K8S_ROLE`"
            .to_owned()))
    }
}

/// A small file.
fn file(path: &str) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    // Asked before it is opened: opening a pipe that nobody writes to would hang.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(1 << 20).read_to_end(&mut bytes)?;
    Ok(bytes)
}

struct Asking<'a> {
    store: &'a Store,
    client: reqwest::Client,
    place: &'a Place<'a>,
}

impl Asking<'_> {
    /// A token, and whether it was kept from before.
    async fn token(&self, learn: &(dyn Fn(&str) + Sync)) -> Result<(SecretString, bool), Failure> {
        let (path, body, secret) = match &self.store.login {
            Login::Token(token) => {
                learn(token.expose_secret());
                return Ok((token.clone(), false));
            }
            Login::AppRole { role, secret } => {
                let body = serde_json::json!({"role_id": role, "secret_id": secret.expose_secret()});
                ("auth/approle/login", body, secret)
            }
            Login::Kubernetes { role, token } => {
                let body = serde_json::json!({"role": role, "jwt": token.expose_secret()});
                ("auth/kubernetes/login", body, token)
            }
        };
        learn(secret.expose_secret());
        let key = self.store.key("");
        if let Some(token) = TOKENS.get(&key) {
            learn(token.expose_secret());
            return Ok((token, true));
        }
        let answer = self.ask(Method::POST, path, None, Some(body)).await?;
        let auth = answer.field("auth");
        let token = auth.member("client_token").and_then(Json::as_text);
        let token = SecretString::from(token.ok_or_else(|| self.odd("the login was answered without a token"))?);
        learn(token.expose_secret());
        TOKENS.put(&key, token.clone(), lease(&auth).unwrap_or(HELD));
        Ok((token, false))
    }

    /// The fields of the secret, and how long they may be held.
    async fn secret(&self, token: &SecretString) -> Result<(Json, Duration), Failure> {
        let engine = self.engine(token).await?;
        let path = self.place.document;
        let below = path.strip_prefix(&engine.mount).unwrap_or(path);
        let asked = if engine.versioned { format!("{}data/{below}", engine.mount) } else { path.to_owned() };
        let answer = self.ask(Method::GET, &asked, Some(token), None).await?;
        let data = answer.field("data");
        let fields = if engine.versioned { data.field("data") } else { data };
        if !matches!(fields, Json::Object(_)) {
            return Err(self.odd("there is no such secret, or its newest version is deleted"));
        }
        let leased = answer.member("lease_id").and_then(Json::as_text).is_some_and(|id| !id.is_empty());
        let time = if leased { lease(&answer).unwrap_or(HELD) } else { HELD };
        Ok((fields, time))
    }

    /// As Vault's own program finds out where the engine begins and whether it keeps versions.
    async fn engine(&self, token: &SecretString) -> Result<Engine, Failure> {
        let key = self.store.key(self.place.document);
        if let Some(engine) = ENGINES.get(&key) {
            return Ok(engine);
        }
        let path = format!("sys/internal/ui/mounts/{}", self.place.document);
        let answer = self.ask(Method::GET, &path, Some(token), None).await?;
        let data = answer.field("data");
        let mount = data.member("path").and_then(Json::as_text);
        let mount = mount.ok_or_else(|| self.odd("the store does not say which engine has it"))?;
        let mount = format!("{}/", mount.trim_end_matches('/'));
        let versioned = data.field("options").member("version").and_then(Json::as_text) == Some("2");
        let engine = Engine { mount, versioned };
        ENGINES.put(&key, engine.clone(), ENGINE_HELD);
        Ok(engine)
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&SecretString>,
        body: Option<serde_json::Value>,
    ) -> Result<Json, Failure> {
        let mut url = self.store.address.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path.split('/'));
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        let given = [
            ("x-vault-token", token.map(ExposeSecret::expose_secret)),
            ("x-vault-namespace", self.store.namespace.as_deref()),
        ];
        for (name, value) in given {
            let Some(value) = value else { continue };
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| self.odd(&format!("what goes into `{name}` fits in no header")))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let mut response = request.send().await.map_err(|e| self.unreached(&e))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreached(&e))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_ANSWER {
                return Err(self.odd("the answer is longer than 1 MiB"));
            }
        }
        self.accepted(status, path)?;
        json::parse(&bytes, Bounds::default()).map_err(|_| self.odd("the answer is not JSON"))
    }

    fn accepted(&self, status: StatusCode, path: &str) -> Result<(), Failure> {
        let of = |kind, what: &str| Err(failure(kind, self.place.reference, what));
        match status.as_u16() {
            200..=299 => Ok(()),
            400 if path.ends_with("/login") => {
                of(FailureKind::Unauthorized, "cannot be read: the store refused the login")
            }
            403 => of(FailureKind::Forbidden, "may not be read with this token: the store answered 403"),
            404 => of(FailureKind::Invalid, "is not there: the store answered 404"),
            429 => of(FailureKind::Throttled, "cannot be read now: the store answered 429"),
            503 => of(FailureKind::Unavailable, "cannot be read now: the store is sealed or busy (503)"),
            code @ 500..=599 => of(FailureKind::Unavailable, &format!("cannot be read now: the store answered {code}")),
            code => of(FailureKind::Failed, &format!("cannot be read: the store answered {code}")),
        }
    }

    fn unreached(&self, error: &reqwest::Error) -> Failure {
        let (kind, why) = if error.is_timeout() {
            (FailureKind::Timeout, "the store was silent for too long")
        } else {
            (
                FailureKind::Unavailable,
                "no connection to the store, or it broke; is `VAULT_ADDR` right, and its certificate trusted (`VAULT_CACERT`)?",
            )
        };
        failure(kind, self.place.reference, &format!("cannot be read: {why}"))
    }

    fn odd(&self, what: &str) -> Failure {
        refuse(self.place.reference, &format!("cannot be read: {what}"))
    }
}

/// How long what is leased may be held: a third of it is left for those who use it.
fn lease(json: &Json) -> Option<Duration> {
    match json.member("lease_duration")? {
        Json::Int(seconds) if *seconds > 0 => u64::try_from(*seconds).ok().map(|s| Duration::from_secs(s / 3 * 2)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
