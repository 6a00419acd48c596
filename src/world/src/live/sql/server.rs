//! Which database, and who asks.

use rrb_lang::vm::protocol::Failure;
use secrecy::SecretString;
use url::Url;

use super::super::Cx;
use super::super::fail::invalid;
use super::super::trust::Trust;

/// Which dialect and protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Mysql,
    Sqlite,
}

/// A database.
#[derive(Debug)]
pub struct Server {
    pub kind: Kind,
    /// For messages.
    pub shown: String,
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<SecretString>,
    /// Of SQLite: the path.
    pub database: String,
    pub socket: Option<String>,
    /// None sends everything in the clear.
    pub tls: Option<Trust>,
    /// Whom the certificate must be for.
    pub server_name: String,
}

impl Server {
    /// From the record `server`.
    pub async fn from(cx: Cx<'_>) -> Result<Self, Failure> {
        let args = cx.args.record("server")?.ok_or_else(|| invalid("`server` says which database: `{ url: … }`"))?;
        let url = parse(args.url("url")?)?;
        let (kind, usual) = kind(&url)?;
        let password = match args.secret("password")? {
            Some(secret) => Some(cx.secret(secret).await?),
            None => None,
        };
        let tls = match args.word("tls", "verify", &["verify", "off"])? {
            "verify" => Some(Trust::from(cx, args).await?),
            _ => None,
        };
        let decoded = |part: &str| percent_decoded(part);
        let host = url.host_str().unwrap_or_default().to_owned();
        let path = decoded(url.path())?;
        let database = if kind == Kind::Sqlite { path } else { path.trim_start_matches('/').to_owned() };
        let server = Self {
            kind,
            shown: format!("`{}`", url.as_str().split(['?', '#']).next().unwrap_or_default()),
            port: url.port().unwrap_or(usual),
            user: Some(decoded(url.username())?).filter(|u| !u.is_empty()),
            password,
            database,
            socket: args.text_or_none("socket")?.map(str::to_owned),
            tls,
            server_name: args.text_or_none("server_name")?.unwrap_or(&host).to_owned(),
            host,
        };
        server.check()?;
        Ok(server)
    }

    fn check(&self) -> Result<(), Failure> {
        if let Some(socket) = &self.socket
            && (!socket.starts_with('/') || socket.contains('\0'))
        {
            return Err(invalid(format!("`socket` is an absolute path, not `{}`", socket.escape_debug())));
        }
        match self.kind {
            Kind::Sqlite if !self.host.is_empty() || self.database.len() < 2 || self.database.contains('\0') => {
                Err(invalid("the address of an SQLite database is `sqlite:///` and its absolute path"))
            }
            Kind::Postgres | Kind::Mysql if self.host.is_empty() && self.socket.is_none() => {
                Err(invalid("the address of the database needs a host, or `socket` beside it"))
            }
            _ => Ok(()),
        }
    }
}

fn parse(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|e| invalid(format!("the address of the database is no URL: {e}")))?;
    if url.password().is_some() {
        return Err(invalid("the address of a database holds no password: give it as `password`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("the address of a database ends with its name: options are fields beside `url`"));
    }
    Ok(url)
}

fn kind(url: &Url) -> Result<(Kind, u16), Failure> {
    match url.scheme() {
        "postgres" | "postgresql" => Ok((Kind::Postgres, 5432)),
        "mysql" | "mariadb" => Ok((Kind::Mysql, 3306)),
        "sqlite" => Ok((Kind::Sqlite, 0)),
        other => Err(invalid(format!(
            "the address of a database begins with `postgres://`, `mysql://` or `sqlite:///`, not with `{other}:`"
        ))),
    }
}

fn percent_decoded(text: &str) -> Result<String, Failure> {
    // `form_urlencoded` would make spaces of `+`.
    let kept = text.replace('+', "%2B");
    let decoded = url::form_urlencoded::parse(kept.replace('&', "%26").replace('=', "%3D").as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default();
    if decoded.contains('\u{FFFD}') || decoded.contains('\0') {
        return Err(invalid("the address of the database holds a part that is not UTF-8"));
    }
    Ok(decoded)
}
