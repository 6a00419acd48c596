//! Where to, and with which options the client is started.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rrb_lang::vm::protocol::Failure;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::super::args::Args;
use super::super::fail::{invalid, unavailable};
use super::super::{Cx, exec, net};
use super::log::Log;
use crate::process;

/// The longest folder under which a socket's path still fits, in bytes.
const MAX_FOLDER: usize = 40;

/// Options of every connection: nobody is asked anything, and no host is trusted that was not before.
const OPTIONS: [&str; 14] = [
    "BatchMode=yes",
    "ClearAllForwardings=yes",
    "ConnectTimeout=10",
    "EscapeChar=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "NumberOfPasswordPrompts=0",
    "PermitLocalCommand=no",
    "RequestTTY=no",
    "ServerAliveCountMax=3",
    "ServerAliveInterval=10",
    "StrictHostKeyChecking=yes",
    "Tunnel=no",
    "UpdateHostKeys=no",
];

/// A private folder for the sockets of kept connections, for keys and logs; made when it is first needed, removed when dropped.
#[derive(Debug, Default)]
pub struct Folder {
    made: OnceLock<PathBuf>,
}

impl Folder {
    fn path(&self) -> Result<&Path, Failure> {
        if let Some(path) = self.made.get() {
            return Ok(path);
        }
        let given = std::env::temp_dir();
        let parent = if given.as_os_str().len() <= MAX_FOLDER { given } else { PathBuf::from("/tmp") };
        let path = parent.join(format!("rrb-{:.12}", uuid::Uuid::new_v4().simple().to_string()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|e| unavailable(format!("the folder `{}` cannot be made: {}", path.display(), e.kind())))?;
        if self.made.set(path.clone()).is_err() {
            // Another call was faster.
            let _ = fs::remove_dir(&path);
        }
        self.made.get().map(PathBuf::as_path).ok_or_else(|| unavailable("there is no folder for connections"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(path) = self.made.get() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// A private key in a file of its own. Removed when dropped.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    fn write(folder: &Path, key: &SecretString) -> Result<Self, Failure> {
        let path = folder.join(format!("key-{}", uuid::Uuid::new_v4().simple()));
        let unwritable =
            |e: std::io::Error| unavailable(format!("`{}` cannot be written: {}", path.display(), e.kind()));
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(unwritable)?;
        // The client takes no key whose last line does not end.
        std::io::Write::write_all(&mut file, format!("{}\n", key.expose_secret().trim_end()).as_bytes())
            .map_err(unwritable)?;
        Ok(Self { path })
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// How a host is reached.
#[derive(Debug)]
pub struct Session {
    /// For messages.
    pub shown: String,
    folder: PathBuf,
    /// Options, without those that keep the connection.
    options: Vec<String>,
    name: String,
    /// The socket of a connection that calls with the same fields share.
    socket: PathBuf,
    _key: Option<Arc<KeyFile>>,
}

impl Session {
    /// From the record `host`; its address is checked.
    pub async fn open(cx: Cx<'_>) -> Result<Self, Failure> {
        let args = cx.args.record("host")?.ok_or_else(|| invalid("`host` says where to: `{ name: … }`"))?;
        let name = host_name(args.text("name")?)?;
        let folder = cx.world.ssh.path()?.to_owned();
        let key = match args.secret("identity")? {
            Some(secret) => Some(Arc::new(KeyFile::write(&folder, &cx.secret(secret).await?)?)),
            None => None,
        };
        let mut options = common(args, key.as_deref())?;
        let mut to = Vec::new();
        if let Some(user) = args.text_or_none("user")? {
            to.extend(["-l".to_owned(), user_name(user)?.to_owned()]);
        }
        if let Some(port) = args.int_or_none("port", 1..=65_535)? {
            to.extend(["-p".to_owned(), port.to_string()]);
        }
        match args.text_or_none("jump")? {
            Some(jump) => options.push(format!("-oProxyCommand={}", through(cx, jump, &options).await?)),
            None => to.extend(pinned(cx, name, &[&options[..], &to[..]].concat()).await?),
        }
        options.extend(to);
        let socket = folder.join(shared(args, name)?);
        Ok(Self { shown: format!("`{name}`"), folder, options, name: name.to_owned(), socket, _key: key })
    }

    /// Where logs go.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The client that runs `command`.
    pub fn client(&self, log: &Log, command: &str) -> Command {
        let path = log.path.to_string_lossy();
        let control = format!("-oControlPath={}", self.socket.display());
        let mut args: Vec<&str> = vec!["-vv", "-E", &path, "-oControlMaster=auto", "-oControlPersist=60", &control];
        args.extend(self.options.iter().map(String::as_str));
        args.extend(["--", &self.name, command]);
        with_agent(process::bare("ssh", &args))
    }
}

fn with_agent(mut command: Command) -> Command {
    if let Some(agent) = std::env::var_os("SSH_AUTH_SOCK") {
        command.env("SSH_AUTH_SOCK", agent);
    }
    command
}

/// The options that the host and one before it share.
fn common(args: Args<'_>, key: Option<&KeyFile>) -> Result<Vec<String>, Failure> {
    let mut options: Vec<String> = OPTIONS.iter().map(|o| format!("-o{o}")).collect();
    if let Some(config) = args.text_or_none("config")? {
        options.extend(["-F".to_owned(), if config == "none" { config.to_owned() } else { file(config, "config")? }]);
    }
    if let Some(known) = args.text_or_none("known_hosts")? {
        options.push(format!("-oUserKnownHostsFile=\"{}\"", file(known, "known_hosts")?));
        options.push("-oGlobalKnownHostsFile=none".to_owned());
    }
    let identity = match (key, args.text_or_none("identity_file")?) {
        (Some(_), Some(_)) => return Err(invalid("`host` takes either `identity` or `identity_file`, not both")),
        (Some(key), None) => Some(key.path.to_string_lossy().into_owned()),
        (None, Some(path)) => Some(file(path, "identity_file")?),
        (None, None) => None,
    };
    if let Some(path) = identity {
        options.push(format!("-oIdentityFile=\"{path}\""));
        options.push("-oIdentitiesOnly=yes".to_owned());
    }
    Ok(options)
}

/// A path in which the client finds nothing to expand.
fn file(path: &str, name: &str) -> Result<String, Failure> {
    let odd = |c: char| c.is_control() || matches!(c, '"' | '%' | '$' | '~' | '\\');
    if !path.starts_with('/') || path.contains(odd) {
        let path = path.escape_debug();
        return Err(invalid(format!(
            "`{name}` is an absolute path without `\"`, `%`, `$`, `~` and `\\`, not `{path}`"
        )));
    }
    Ok(path.to_owned())
}

fn host_name(name: &str) -> Result<&str, Failure> {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if name.is_empty() || name.len() > 253 || name.starts_with('-') || !name.chars().all(usual) {
        return Err(invalid(format!("`{}` is no name or address of a host", name.escape_debug())));
    }
    Ok(name)
}

fn user_name(name: &str) -> Result<&str, Failure> {
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+');
    if name.is_empty() || name.len() > 104 || name.starts_with('-') || !name.chars().all(usual) {
        return Err(invalid(format!("`{}` is no name of a user", name.escape_debug())));
    }
    Ok(name)
}

/// What the client makes of a name with its configuration.
#[derive(Debug, Default)]
struct Effective {
    host: String,
    port: u16,
    proxied: bool,
    aliased: bool,
}

async fn effective(name: &str, options: &[String]) -> Result<Effective, Failure> {
    let mut args: Vec<&str> = vec!["-G"];
    args.extend(options.iter().map(String::as_str));
    args.extend(["--", name]);
    let mut command = with_agent(process::bare("ssh", &args));
    let out = tokio::time::timeout(net::CONNECT_TIMEOUT, command.output())
        .await
        .map_err(|_| net::late("the `ssh` client did not read its configuration in time"))?
        .map_err(|e| exec::not_started("ssh", &e))?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr).trim().chars().take(400).collect::<String>();
        return Err(invalid(format!("the `ssh` client cannot be run like this: {said}")));
    }
    let mut found = Effective { port: 22, ..Effective::default() };
    for (key, value) in String::from_utf8_lossy(&out.stdout).lines().filter_map(|l| l.split_once(' ')) {
        match key {
            "hostname" => value.clone_into(&mut found.host),
            "port" => found.port = value.parse().unwrap_or(22),
            "proxyjump" | "proxycommand" => found.proxied = value != "none",
            "hostkeyalias" => found.aliased = true,
            _ => {}
        }
    }
    Ok(found)
}

/// Options that lead to an address that was checked, while the host's key is still looked up by name. A way through another host that
/// the user's configuration tells is the user's own.
async fn pinned(cx: Cx<'_>, name: &str, options: &[String]) -> Result<Vec<String>, Failure> {
    let found = effective(name, options).await?;
    if found.proxied {
        return Ok(Vec::new());
    }
    let addresses = net::resolve(cx, &found.host, found.port).await?;
    let address = match addresses.as_slice() {
        [only] => *only,
        _ => {
            let stream = net::connect(cx, &found.host, found.port).await?;
            stream.peer_addr().map_err(|e| unavailable(format!("no connection to `{name}`: {}", e.kind())))?
        }
    };
    let mut pinned = vec![format!("-oHostName={}", address.ip())];
    if !found.aliased {
        let alias = if found.port == 22 { found.host } else { format!("[{}]:{}", found.host, found.port) };
        pinned.push(format!("-oHostKeyAlias={alias}"));
    }
    Ok(pinned)
}

/// The command that connects through `jump` (`user@name:port`), with the same options: the client's own `-J` would forget them.
async fn through(cx: Cx<'_>, jump: &str, options: &[String]) -> Result<String, Failure> {
    let (user, rest) = jump.rsplit_once('@').map_or((None, jump), |(user, rest)| (Some(user), rest));
    let (name, port) = match rest.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => {
            let number = port
                .parse()
                .map_err(|_| invalid(format!("`jump` is `user@name:port`, not `{}`", jump.escape_debug())))?;
            (name, Some(net::port(Some(number), 22)?))
        }
        _ => (rest, None),
    };
    let name = host_name(name)?;
    let mut own = options.to_vec();
    if let Some(user) = user {
        own.extend(["-l".to_owned(), user_name(user)?.to_owned()]);
    }
    if let Some(port) = port {
        own.extend(["-p".to_owned(), port.to_string()]);
    }
    own.extend(pinned(cx, name, &own).await?);
    let all = own.iter().map(String::as_str).chain(["-W", "[%h]:%p", "--", name]);
    // `%` is special to the client but where it stands for the host; the quotes are for the shell that it starts.
    let quoted = all.map(|a| {
        let plain = if a == "[%h]:%p" { a.to_owned() } else { a.replace('%', "%%") };
        format!("'{}'", plain.replace('\'', r"'\''"))
    });
    Ok(format!("ssh {}", quoted.collect::<Vec<_>>().join(" ")))
}

/// The name of a socket that only calls with the same fields use: who connects with one key must not go on with another's.
fn shared(args: Args<'_>, name: &str) -> Result<String, Failure> {
    let mut hash = Sha256::new();
    let mut add = |part: Option<&str>| {
        hash.update(part.map_or("-", |_| "+"));
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    };
    add(Some(name));
    for field in ["user", "identity_file", "known_hosts", "jump", "config"] {
        add(args.text_or_none(field)?);
    }
    add(args.int_or_none("port", 1..=65_535)?.map(|p| p.to_string()).as_deref());
    add(args.secret("identity")?.map(|s| format!("{s:?}")).as_deref());
    Ok(hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect())
}
