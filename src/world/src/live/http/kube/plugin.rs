//! The program of a kubeconfig that says as whom a cluster is asked
//! (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).

use std::path::{Path, PathBuf};
use std::time::Duration;

use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
use serde::Deserialize;
use serde_json::json;

use super::super::super::exec::{self, Output};
use super::super::super::fail::{forbidden, invalid, unavailable};
use super::super::auth::cache::keep;
use super::file::{Chosen, Exec};
use crate::process::{self, Group};
use crate::secrets::Scrubber;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// How long a program may take.
const WITHIN: Duration = Duration::from_secs(30);

/// How long its answer is kept when it does not say for how long it is good. One that the cluster refuses is asked for anew before.
const KEEP: u64 = 3600;

/// The versions of its protocol.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// What a program gave. Has no `Debug`: it is secret.
#[derive(Clone, PartialEq, Default)]
pub struct Ticket {
    pub token: Option<String>,
    /// A certificate and its key, both PEM.
    pub identity: Option<(String, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    kind: String,
    api_version: String,
    status: Option<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Runs the program, and takes what it says, with how long to keep it.
pub async fn ask(chosen: &Chosen, exec: &Exec, scrubber: &Scrubber) -> Result<(Ticket, Duration), Failure> {
    let program = program(&chosen.folder, &exec.command)?;
    check(chosen, exec)?;
    let name = program.display().to_string();
    let args: Vec<&str> = exec.args.iter().flatten().map(String::as_str).collect();
    let mut command = process::bare(&name, &args);
    for variable in exec.env.iter().flatten() {
        exec::check_variable(&variable.name, &variable.value)?;
        command.env(&variable.name, &variable.value);
    }
    command.env("KUBERNETES_EXEC_INFO", info(chosen, exec).to_string());
    let mut child = command.spawn().map_err(|e| exec::not_started(&name, &e))?;
    let mut group = Group::of(&child);
    let mut output = Output::whole(MAX_ANSWER + 1);
    let ended = tokio::time::timeout(WITHIN, exec::watch(&mut child, &[], &mut output, &mut group)).await;
    let answer = output.take_whole();
    // What it says is secret until it is known what of it is: nothing of it is shown but its complaint.
    let (_, stderr) = output.texts(scrubber);
    let status = match ended {
        Ok(Ok(status)) => exec::code(status),
        _ => {
            group.end(&mut child).await;
            let message = format!("`{name}`, which the kubeconfig names, gave no credentials within {WITHIN:?}");
            return Err(Failure::new(FailureKind::Timeout, message).happened(Happened::No));
        }
    };
    if status != 0 {
        let why = exec::last_line(&stderr);
        let message =
            format!("`{name}`, which the kubeconfig names, gave no credentials: it ended with status {status}{why}");
        return Err(Failure::new(FailureKind::Unauthorized, message).happened(Happened::No));
    }
    taken(&name, exec, &answer)
}

/// A name without `/` is looked for in `PATH`, a relative path beside the file.
fn program(folder: &Path, command: &str) -> Result<PathBuf, Failure> {
    match command {
        "" => Err(invalid("`exec` in the kubeconfig names no `command`")),
        c if c.contains('\0') => Err(invalid("`command` of `exec` in the kubeconfig holds a zero byte")),
        c if c.contains('/') => Ok(folder.join(c)),
        c => Ok(c.into()),
    }
}

fn check(chosen: &Chosen, exec: &Exec) -> Result<(), Failure> {
    let user = &chosen.user_name;
    if !VERSIONS.contains(&exec.api_version.as_str()) {
        let known = VERSIONS.map(|v| format!("`{v}`")).join(" and ");
        return Err(invalid(format!("`exec` of the user `{user}` speaks `{}`; rrb knows {known}", exec.api_version)));
    }
    if exec.interactive_mode.as_deref() == Some("Always") {
        return Err(forbidden(format!(
            "`exec` of the user `{user}` wants to ask a person, and nobody is there: its `interactiveMode` is `Always`"
        )));
    }
    if exec.args.iter().flatten().any(|a| a.contains('\0')) {
        return Err(invalid(format!("an argument of `exec` of the user `{user}` holds a zero byte")));
    }
    Ok(())
}

/// What the program is told in `KUBERNETES_EXEC_INFO`.
fn info(chosen: &Chosen, exec: &Exec) -> serde_json::Value {
    let spec = if exec.provide_cluster_info {
        let cluster = &chosen.cluster;
        let data = cluster.certificate_authority_data.clone().or_else(|| {
            use base64::Engine as _;
            let file = cluster.certificate_authority.as_deref().map(|path| chosen.folder.join(path))?;
            let text = super::file::text_of(&file, "the certificates", super::file::MAX_FILE).ok()?;
            Some(base64::engine::general_purpose::STANDARD.encode(text))
        });
        let cluster = json!({ "server": cluster.server, "certificate-authority-data": data });
        json!({ "interactive": false, "cluster": cluster })
    } else {
        json!({ "interactive": false })
    };
    json!({ "apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec })
}

fn taken(name: &str, exec: &Exec, answer: &[u8]) -> Result<(Ticket, Duration), Failure> {
    let no = |why: &str| unavailable(format!("`{name}`, which the kubeconfig names, {why}"));
    if answer.len() > MAX_ANSWER {
        return Err(no("says more than 256 KiB"));
    }
    let said: Credential = serde_json::from_slice(answer).map_err(|_| no("says no `ExecCredential` in JSON"))?;
    if said.kind != "ExecCredential" || said.api_version != exec.api_version {
        return Err(no(&format!("says another thing than an `ExecCredential` of `{}`", exec.api_version)));
    }
    let status = said.status.unwrap_or_default();
    let identity = match (status.client_certificate_data, status.client_key_data) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        _ => return Err(no("gives a certificate without its key, or a key without its certificate")),
    };
    let token = status.token.filter(|t| !t.is_empty());
    if token.is_none() && identity.is_none() {
        return Err(no("gives neither a token nor a certificate"));
    }
    let left = match status.expiration_timestamp {
        None => KEEP,
        Some(time) => {
            let end: jiff::Timestamp = time.parse().map_err(|_| no("says until when by no time of RFC 3339"))?;
            u64::try_from(end.as_second() - super::super::super::now() / 1000).unwrap_or(0)
        }
    };
    Ok((Ticket { token, identity }, keep(left)))
}
