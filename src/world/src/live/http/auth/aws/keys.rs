//! Whose requests these are: the settings, else where AWS's own programs look.
//!
//! https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use rrb_lang::json::Json;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use secrecy::ExposeSecret;

use super::super::super::super::args::Args;
use super::super::super::super::fail::{forbidden, invalid};
use super::super::super::super::{Cx, blocking, now};
use super::super::super::client::Client;
use super::super::super::request::{parse, secret_value};
use super::super::super::xml;
use super::super::ask::{self, Answer};
use super::super::cache;
use super::profile::{self, From, Profile};
use super::sign::Scope;
use super::{put_signature, word};

/// The environment, as a function.
pub type Variable<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// The longest token file, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// How long keys are used that do not say when they expire.
const UNTOLD_SECONDS: u64 = 300;

/// How long the metadata service has for an answer: it is on the same machine, or not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(3);

/// An access key.
#[derive(Clone, PartialEq)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub session: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.id)
    }
}

/// What finding keys needs.
#[derive(Clone, Copy)]
struct Search<'a> {
    cx: Cx<'a>,
    args: Args<'a>,
    client: &'a Client,
    variable: Variable<'a>,
}

/// The keys to sign with: those of the settings or of the environment, and with `assume_role` those of the role.
pub async fn find(cx: Cx<'_>, args: Args<'_>, client: &Client, variable: Variable<'_>) -> Result<Keys, Failure> {
    let search = Search { cx, args, client, variable };
    let own = search.own().await?;
    match args.text_or_none("assume_role")? {
        Some(role) => {
            let session = args.text_or_none("session_name")?.unwrap_or("rrb");
            search.role(&own, role, session, args.text_or_none("external_id")?).await
        }
        None if args.get("external_id").is_some() => {
            Err(invalid(format!("`{}` goes with `assume_role`", args.path("external_id"))))
        }
        None => Ok(own),
    }
}

impl Search<'_> {
    async fn own(self) -> Result<Keys, Failure> {
        if let Some(keys) = self.given().await? {
            return Ok(keys);
        }
        if let Some(name) = self.args.text_or_none("profile")? {
            let found = profile::find(self.variable, Some(name)).await?;
            return self.by_profile(found.ok_or_else(|| invalid(NONE))?).await;
        }
        if let Some(keys) = self.environment() {
            return Ok(keys);
        }
        if let Some(found) = profile::find(self.variable, None).await? {
            return self.by_profile(found).await;
        }
        if let (Some(file), Some(role)) = (self.var("AWS_WEB_IDENTITY_TOKEN_FILE"), self.var("AWS_ROLE_ARN")) {
            let session = self.var("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "rrb".to_owned());
            return self.web_identity(&file, &role, &session).await;
        }
        if let Some(keys) = self.near().await? {
            return Ok(keys);
        }
        if self.var("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
            return Err(invalid(format!("{NONE}, and `AWS_EC2_METADATA_DISABLED` is set")));
        }
        self.instance().await
    }

    fn environment(self) -> Option<Keys> {
        let (id, secret) = (self.var("AWS_ACCESS_KEY_ID")?, self.var("AWS_SECRET_ACCESS_KEY")?);
        self.cx.world.scrubber.learn("env:AWS_SECRET_ACCESS_KEY", &secret);
        Some(Keys { id, secret, session: self.var("AWS_SESSION_TOKEN") })
    }

    /// The keys that a container's service gives, where there is one.
    async fn near(self) -> Result<Option<Keys>, Failure> {
        if let Some(path) = self.var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return self.container(&format!("http://169.254.170.2{path}")).await.map(Some);
        }
        match self.var("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
            Some(uri) => self.container(&uri).await.map(Some),
            None => Ok(None),
        }
    }

    async fn by_profile(self, found: Profile) -> Result<Keys, Failure> {
        let mut keys = match found.from {
            From::Keys { id, secret, session } => {
                self.cx.world.scrubber.learn("aws:profile", &secret);
                Keys { id, secret, session }
            }
            From::WebIdentity { file, role, session } => self.web_identity(&file, &role, &session).await?,
            From::Environment => self.environment().ok_or_else(|| invalid(NONE))?,
            From::Container => self.near().await?.ok_or_else(|| invalid(NONE))?,
            From::Instance => self.instance().await?,
        };
        for role in &found.roles {
            keys = self.role(&keys, &role.arn, &role.session, role.external_id.as_deref()).await?;
        }
        Ok(keys)
    }

    fn var(self, name: &str) -> Option<String> {
        (self.variable)(name)
    }

    /// The keys of the settings.
    async fn given(self) -> Result<Option<Keys>, Failure> {
        let id = self.args.text_or_none("access_key_id")?;
        let (secret, session) = (self.args.secret("secret_access_key")?, self.args.secret("session_token")?);
        match (id, secret) {
            (Some(id), Some(secret)) => {
                let plain = (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                if !plain {
                    return Err(invalid(format!("`{}` is no id of an access key", self.args.path("access_key_id"))));
                }
                let secret = self.cx.secret(secret).await?.expose_secret().to_owned();
                let session = match session {
                    Some(session) => Some(self.cx.secret(session).await?.expose_secret().to_owned()),
                    None => None,
                };
                Ok(Some(Keys { id: id.to_owned(), secret, session }))
            }
            (None, None) if session.is_none() => Ok(None),
            _ => Err(invalid(format!(
                "`{}` goes together with `secret_access_key`; without both, the environment's are used",
                self.args.path("access_key_id")
            ))),
        }
    }

    /// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    async fn web_identity(self, file: &str, role: &str, session: &str) -> Result<Keys, Failure> {
        let sts = self.sts()?;
        let key = cache::key([
            b"web".as_slice(),
            file.as_bytes(),
            role.as_bytes(),
            session.as_bytes(),
            sts.as_str().as_bytes(),
        ]);
        let fetch = async {
            // Read anew each time: it is renewed behind its name.
            let token = read(file.to_owned()).await?;
            self.cx.world.scrubber.learn("aws:web-identity", &token);
            let form = [
                ("Action", "AssumeRoleWithWebIdentity"),
                ("Version", "2011-06-15"),
                ("RoleArn", role),
                ("RoleSessionName", session),
                ("WebIdentityToken", &token),
            ];
            self.assume(post(sts, &form), role).await
        };
        Ok(self.cx.world.kept.keys.get(key, fetch).await?.value)
    }

    /// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    async fn role(self, own: &Keys, role: &str, session: &str, external: Option<&str>) -> Result<Keys, Failure> {
        let (sts, region) = (self.sts()?, word(self.args, "region")?);
        let mut parts = vec!["role", role, session, external.unwrap_or_default(), sts.as_str(), region];
        parts.extend([own.id.as_str(), &own.secret, own.session.as_deref().unwrap_or_default()]);
        let key = cache::key(parts.iter().map(|p| p.as_bytes()));
        let fetch = async {
            let mut form = vec![
                ("Action", "AssumeRole"),
                ("Version", "2011-06-15"),
                ("RoleArn", role),
                ("RoleSessionName", session),
            ];
            form.extend(external.map(|id| ("ExternalId", id)));
            let mut request = post(sts.clone(), &form);
            put_signature(&mut request, own, Scope { service: "sts", region }, std::time::SystemTime::now())?;
            self.assume(request, role).await
        };
        Ok(self.cx.world.kept.keys.get(key, fetch).await?.value)
    }

    /// Where roles are assumed: in the region itself, https://docs.aws.amazon.com/general/latest/gr/sts.html
    fn sts(self) -> Result<Url, Failure> {
        let given = self.args.url_or_none("sts_url")?.map(str::to_owned);
        if let Some(url) = given.or_else(|| self.var("AWS_ENDPOINT_URL_STS")) {
            return parse(&url);
        }
        let region = word(self.args, "region")?;
        let domain = match region {
            r if r.starts_with("cn-") => "amazonaws.com.cn",
            r if r.starts_with("eusc-") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        parse(&format!("https://sts.{region}.{domain}/"))
    }

    async fn assume(self, request: reqwest::Request, role: &str) -> Result<(Keys, Duration), Failure> {
        let what = format!("no keys for the role `{role}`");
        let answer = ask::ask(self.client, request, &what).await?;
        if !answer.status.is_success() {
            let kind = if answer.status.as_u16() == 403 { FailureKind::Forbidden } else { ask::kind(answer.status) };
            let refused = super::explained(answer.refused(&what, kind, "", &self.cx.world.scrubber));
            return Err(refused.happened(Happened::No));
        }
        let json = std::str::from_utf8(&answer.body).ok().and_then(|t| xml::parse(t).ok()).unwrap_or_default();
        let result = ["AssumeRole", "AssumeRoleWithWebIdentity"]
            .map(|a| json.field(&format!("{a}Response")).field(&format!("{a}Result")).field("Credentials"));
        let credentials = result.into_iter().find(|c| *c != Json::Null).unwrap_or_default();
        self.keys(&credentials, &answer, &what)
    }

    /// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    async fn container(self, uri: &str) -> Result<Keys, Failure> {
        let url = parse(uri)?;
        let known = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"];
        let host = url.host_str().unwrap_or_default();
        let near = known.contains(&host) || host.starts_with("127.") || host == "[::1]";
        if url.scheme() != "https" && !near {
            return Err(forbidden("`AWS_CONTAINER_CREDENTIALS_FULL_URI` leads elsewhere without TLS"));
        }
        let key = cache::key([b"container".as_slice(), uri.as_bytes()]);
        let fetch = async {
            let mut request = reqwest::Request::new(Method::GET, url);
            if let Some(token) = self.container_token().await? {
                self.cx.world.scrubber.learn("aws:container", &token);
                request.headers_mut().insert(AUTHORIZATION, secret_value(&token, "authorization")?);
            }
            let what = "no keys of AWS from the container's service";
            let answer = self.ask(request, what).await?;
            self.keys(&answer.json(), &answer, what)
        };
        Ok(self.cx.world.kept.keys.get(key, fetch).await?.value)
    }

    async fn container_token(self) -> Result<Option<String>, Failure> {
        match self.var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => read(file).await.map(Some),
            None => Ok(self.var("AWS_CONTAINER_AUTHORIZATION_TOKEN")),
        }
    }

    /// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
    async fn instance(self) -> Result<Keys, Failure> {
        let base = self.var("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "http://169.254.169.254".to_owned());
        let base = parse(&base)?;
        let key = cache::key([b"instance".as_slice(), base.as_str().as_bytes()]);
        let fetch = async {
            const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
            let mut begin = reqwest::Request::new(Method::PUT, at(&base, "/latest/api/token"));
            let ttl = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
            begin.headers_mut().insert(ttl, HeaderValue::from_static("300"));
            let token = self.line(begin).await?;
            let asking = |path: &str| {
                let mut request = reqwest::Request::new(Method::GET, at(&base, path));
                let name = HeaderName::from_static("x-aws-ec2-metadata-token");
                request.headers_mut().insert(name, secret_value(&token, "x-aws-ec2-metadata-token")?);
                Ok(request)
            };
            let role = self.line(asking(ROLES)?).await?;
            let answer = self.ask(asking(&format!("{ROLES}{role}"))?, NONE).await?;
            self.keys(&answer.json(), &answer, NONE)
        };
        Ok(self.cx.world.kept.keys.get(key, fetch).await?.value)
    }

    /// The first line of an answer.
    async fn line(self, request: reqwest::Request) -> Result<String, Failure> {
        let answer = self.ask(request, NONE).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let line = text.lines().next().unwrap_or_default().trim();
        let plain = (1..=1024).contains(&line.len()) && line.bytes().all(|b| (b'!'..=b'~').contains(&b));
        if plain {
            return Ok(line.to_owned());
        }
        Err(answer.refused(NONE, FailureKind::Invalid, " with no line of text", &self.cx.world.scrubber))
    }

    async fn ask(self, request: reqwest::Request, what: &str) -> Result<Answer, Failure> {
        let asking = ask::ask(self.client, request, what);
        let late = |_| Failure::new(FailureKind::Unavailable, format!("{what}: no answer after {METADATA_TIMEOUT:?}"));
        let answer = tokio::time::timeout(METADATA_TIMEOUT, asking).await.map_err(late);
        let answer = answer.and_then(|a| a).map_err(|mut failure| {
            if !failure.message.starts_with(what) {
                failure.message = format!("{what}: {}", failure.message);
            }
            failure.happened(Happened::No)
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(answer.refused(what, ask::kind(answer.status), "", &self.cx.world.scrubber))
    }

    /// The keys in an answer, and how long they may be kept.
    fn keys(self, json: &Json, answer: &Answer, what: &str) -> Result<(Keys, Duration), Failure> {
        let text = |names: &[&str]| names.iter().find_map(|n| json.member(n)?.as_text()).map(str::to_owned);
        let (id, secret) = (text(&["AccessKeyId"]), text(&["SecretAccessKey"]));
        let session = text(&["SessionToken", "Token"]);
        let (Some(id), Some(secret)) = (id, secret) else {
            let why = " without `AccessKeyId` and `SecretAccessKey`";
            return Err(answer.refused(what, FailureKind::Invalid, why, &self.cx.world.scrubber));
        };
        let scrubber = &self.cx.world.scrubber;
        scrubber.learn("aws:secret-access-key", &secret);
        session.iter().for_each(|session| scrubber.learn("aws:session", session));
        let until = text(&["Expiration"]).and_then(|t| t.parse::<jiff::Timestamp>().ok());
        let seconds =
            until.map_or(UNTOLD_SECONDS, |at| u64::try_from(at.as_second().saturating_sub(now() / 1000)).unwrap_or(0));
        Ok((Keys { id, secret, session }, cache::keep(seconds)))
    }
}

const NONE: &str = "no keys of AWS: none in the settings, in the environment, in a profile, of a web identity or a container, nor from the instance's metadata";

fn at(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(path);
    url
}

fn post(url: Url, form: &[(&str, &str)]) -> reqwest::Request {
    let mut request = reqwest::Request::new(Method::POST, url);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    *request.body_mut() = Some(body.into());
    request
}

/// A token, or profiles, in a file.
pub async fn read(path: String) -> Result<String, Failure> {
    blocking(move || {
        use std::io::Read as _;
        let unreadable = |e: std::io::Error| forbidden(format!("`{path}` cannot be read: {}", e.kind()));
        // Asked before it is opened: opening a pipe that nobody writes to would hang.
        if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
            return Err(invalid(format!("`{path}` cannot be read: it is no regular file")));
        }
        let mut text = String::new();
        let file = std::fs::File::open(&path).map_err(unreadable)?;
        file.take(MAX_FILE).read_to_string(&mut text).map_err(unreadable)?;
        Ok(text.trim().to_owned())
    })
    .await
}
