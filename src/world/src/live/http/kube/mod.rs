//! `kubeconfig`: a request goes to the cluster that a kubeconfig names, as the user that stands there.

mod file;
mod plugin;
#[cfg(test)]
mod tests;

use std::path::Path;

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use rrb_lang::vm::protocol::Failure;
use secrecy::SecretString;

use super::super::Cx;
use super::super::blocking;
use super::super::fail::{forbidden, invalid};
use super::auth::cache::{self, Key};
use super::client::{Peer, Pem};
use super::request::{parse, pem, put, secret_value, unpacked};
use file::{Chosen, User};
pub use plugin::Ticket;

/// The longest token of a file, in bytes.
const MAX_TOKEN: u64 = 64 << 10;

/// What belongs to the cluster or the user: whoever gives a kubeconfig gives none of it beside.
const OTHERS: [&str; 13] = [
    "bearer",
    "basic_user",
    "basic_password",
    "oauth2",
    "jwt",
    "aws",
    "hmac",
    "ca_file",
    "ca",
    "client_cert",
    "client_key",
    "unix_socket",
    "secret_url",
];

/// The cluster and the user of a request.
pub struct Kube {
    reference: String,
    chosen: Chosen,
    token: Option<String>,
    /// Certificate and key, both PEM.
    identity: Option<(String, String)>,
    /// What a program gave, to be forgotten when the cluster refuses it.
    ticket: Option<(Key, Ticket, bool)>,
}

impl Kube {
    /// By the arguments `kubeconfig` and `kubeconfig_context`; none without them. The file, and those that it names, are read now, so that
    /// what was renewed counts.
    pub async fn of(cx: Cx<'_>) -> Result<Option<Self>, Failure> {
        let context = cx.args.text_or_none("kubeconfig_context")?.filter(|c| !c.is_empty());
        let Some(path) = cx.args.text_or_none("kubeconfig")? else {
            return match context {
                None => Ok(None),
                Some(_) => Err(invalid("`kubeconfig_context` is one of a `kubeconfig`: give that too")),
            };
        };
        if let Some(other) = OTHERS.iter().find(|o| cx.args.get(o).is_some()) {
            return Err(invalid(format!("`kubeconfig` says itself where and as whom: leave `{other}` out")));
        }
        let chosen = file::read(path, context).await?;
        possible(&chosen)?;
        let reference = format!("kubeconfig:{path}");
        let mut kube = Self { reference, chosen, token: None, identity: None, ticket: None };
        kube.log_in(cx).await?;
        Ok(Some(kube))
    }

    async fn log_in(&mut self, cx: Cx<'_>) -> Result<(), Failure> {
        let user = self.chosen.user.clone();
        self.token = self.own_token(&user).await?;
        self.identity = self.own_identity(&user).await?;
        if let Some(exec) = user.exec.as_ref().filter(|_| self.token.is_none() && self.identity.is_none()) {
            let key = cache::key([
                b"kubeconfig".as_slice(),
                self.reference.as_bytes(),
                self.chosen.user_name.as_bytes(),
                self.chosen.cluster.server.as_bytes(),
                format!("{:?} {:?}", exec.command, exec.args).as_bytes(),
            ]);
            let ask = plugin::ask(&self.chosen, exec, &cx.world.scrubber);
            let got = cx.world.kept.tickets.get(key, ask).await?;
            self.token.clone_from(&got.value.token);
            self.identity.clone_from(&got.value.identity);
            self.ticket = Some((key, got.value, got.fresh));
        }
        for secret in [self.token.as_ref(), self.identity.as_ref().map(|(_, key)| key), user.password.as_ref()] {
            secret.into_iter().for_each(|s| cx.world.scrubber.learn(&self.reference, s));
        }
        Ok(())
    }

    /// `tokenFile` is renewed by others and comes before `token`, as Kubernetes' own programs have it.
    async fn own_token(&self, user: &User) -> Result<Option<String>, Failure> {
        let Some(path) = &user.token_file else { return Ok(user.token.clone().filter(|t| !t.is_empty())) };
        let token = self.read(path, "the token", MAX_TOKEN).await?;
        Ok(Some(token.trim().to_owned()))
    }

    async fn own_identity(&self, user: &User) -> Result<Option<(String, String)>, Failure> {
        let certificate = self.data_or_file(&user.client_certificate_data, &user.client_certificate).await?;
        let key = self.data_or_file(&user.client_key_data, &user.client_key).await?;
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            _ => Err(invalid(format!(
                "the user `{}` of the kubeconfig has a client certificate without its key, or a key alone",
                self.chosen.user_name
            ))),
        }
    }

    /// What stands in the file as Base64, else what a file beside it holds.
    async fn data_or_file(&self, data: &Option<String>, path: &Option<String>) -> Result<Option<String>, Failure> {
        let (data, path) = (data.as_deref().unwrap_or_default(), path.as_deref().unwrap_or_default());
        if !data.is_empty() {
            let plain = unpacked(data).ok_or_else(|| {
                invalid("a certificate or a key in the kubeconfig is no Base64 of a text in PEM form")
            })?;
            return Ok(Some(plain));
        }
        if path.is_empty() {
            Ok(None)
        } else {
            self.read(path, "the file of a certificate or a key", file::MAX_FILE).await.map(Some)
        }
    }

    async fn read(&self, path: &str, what: &'static str, most: u64) -> Result<String, Failure> {
        let path = self.chosen.folder.join(Path::new(path));
        blocking(move || file::text_of(&path, what, most)).await
    }

    /// The address at the cluster's server: what stands there comes before the path.
    pub fn address(&self, wanted: &Url) -> Result<Url, Failure> {
        let cluster = &self.chosen.cluster_name;
        let mut server = parse(&self.chosen.cluster.server).map_err(|f| {
            invalid(format!(
                "the `server` of the cluster `{cluster}` of the kubeconfig cannot be reached: {}",
                f.message
            ))
        })?;
        if server.query().is_some() || server.fragment().is_some() {
            return Err(invalid(format!(
                "the `server` of the cluster `{cluster}` of the kubeconfig holds more than an address and a path"
            )));
        }
        let path = format!("{}{}", server.path().trim_end_matches('/'), wanted.path());
        server.set_path(&path);
        server.set_query(wanted.query());
        Ok(server)
    }

    /// What the connection trusts and shows.
    pub async fn peer(&self) -> Result<Peer, Failure> {
        let mut peer = Peer::default();
        let cluster = &self.chosen.cluster;
        let authority = self.data_or_file(&cluster.certificate_authority_data, &cluster.certificate_authority).await?;
        if let Some(text) = authority {
            peer.authorities.push(pem("certificate-authority", &text)?);
        }
        if let Some((certificate, key)) = &self.identity {
            let certificate = Pem { of: "client-certificate".to_owned(), text: certificate.clone() };
            peer.identity = Some((certificate, SecretString::from(key.clone())));
        }
        peer.proxy.clone_from(&cluster.proxy_url);
        Ok(peer)
    }

    /// Puts the user into the request.
    pub fn sign(&self, request: &mut reqwest::Request) -> Result<(), Failure> {
        use base64::Engine as _;
        let user = &self.chosen.user;
        let headers = request.headers_mut();
        if let Some(token) = &self.token {
            put(headers, AUTHORIZATION.as_str(), secret_value(&format!("Bearer {token}"), "authorization")?)?;
        } else if let Some(name) = &user.username {
            let pair = format!("{name}:{}", user.password.as_deref().unwrap_or_default());
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            put(headers, AUTHORIZATION.as_str(), secret_value(&format!("Basic {pair}"), "authorization")?)?;
        }
        let plain = |value: &str| {
            HeaderValue::from_str(value)
                .map_err(|_| invalid("a name in `as` of the kubeconfig holds a character that no header can"))
        };
        if let Some(name) = &user.impersonate {
            put(headers, "impersonate-user", plain(name)?)?;
        }
        if let Some(uid) = &user.impersonate_uid {
            put(headers, "impersonate-uid", plain(uid)?)?;
        }
        for group in &user.impersonate_groups {
            headers.append("impersonate-group", plain(group)?);
        }
        Ok(())
    }

    /// The cluster did not take what a program gave: it is forgotten. Whether asking the program once more is worth it.
    pub async fn refused(&self, cx: Cx<'_>) -> bool {
        let Some((key, ticket, fresh)) = &self.ticket else { return false };
        cx.world.kept.tickets.forget(*key, ticket).await;
        !fresh
    }
}

/// Refuses what rrb does not do, and says why.
fn possible(chosen: &Chosen) -> Result<(), Failure> {
    let (cluster, user) = (&chosen.cluster, &chosen.user);
    let (name, who) = (&chosen.cluster_name, &chosen.user_name);
    if cluster.insecure_skip_tls_verify {
        return Err(forbidden(format!(
            "the cluster `{name}` of the kubeconfig says `insecure-skip-tls-verify`: whoever stands between could take its tokens. Give its \
             authority as `certificate-authority-data`"
        )));
    }
    if cluster.tls_server_name.as_ref().is_some_and(|n| !n.is_empty()) {
        return Err(invalid(format!(
            "the cluster `{name}` of the kubeconfig has a `tls-server-name`, which rrb does not know: let `server` be a name that its certificate bears"
        )));
    }
    if user.auth_provider.is_some() {
        return Err(invalid(format!(
            "the user `{who}` of the kubeconfig has an `auth-provider`, which Kubernetes gave up: use `exec`, or a token"
        )));
    }
    if user.username.as_ref().is_some_and(|n| n.contains(':')) {
        return Err(invalid(format!(
            "the `username` of the user `{who}` of the kubeconfig holds a `:`, which ends a name"
        )));
    }
    Ok(())
}
