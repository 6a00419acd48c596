//! Profiles of `~/.aws/credentials` and `~/.aws/config`.
//!
//! https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

use std::collections::{BTreeMap, BTreeSet};

use rrb_lang::vm::protocol::Failure;

use super::super::super::super::fail::invalid;
use super::keys::{Variable, read};

/// The longest chain of roles that are taken on one after the other.
const MAX_CHAIN: usize = 5;

/// The settings of one profile.
type Settings = BTreeMap<String, String>;

/// Where a profile's keys come from.
#[derive(Debug, PartialEq, Eq)]
pub enum From {
    Keys { id: String, secret: String, session: Option<String> },
    WebIdentity { file: String, role: String, session: String },
    Environment,
    Container,
    Instance,
}

/// A role that a profile takes on.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub external_id: Option<String>,
    pub session: String,
}

/// What a profile comes down to: keys, and the roles to take on with them, in this order.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    pub from: From,
    pub roles: Vec<Role>,
}

/// The profile with this name; without a name that of `AWS_PROFILE`, else `default`, which need not be there.
pub async fn find(variable: Variable<'_>, name: Option<&str>) -> Result<Option<Profile>, Failure> {
    let asked = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
    let name = asked.clone().unwrap_or_else(|| "default".to_owned());
    let (mut all, mut seen) = (BTreeMap::new(), Vec::new());
    for (of, place, plain) in [
        ("AWS_CONFIG_FILE", "config", false),
        // Keys of this file count before those of the other one.
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", true),
    ] {
        let home = || variable("HOME").map(|home| format!("{home}/.aws/{place}"));
        let Some(path) = variable(of).or_else(home) else { continue };
        if variable(of).is_none() && !exists(&path).await {
            continue;
        }
        for (profile, settings) in sections(&read(path.clone()).await?, plain) {
            all.entry(profile).or_insert_with(Settings::new).extend(settings);
        }
        seen.push(path);
    }
    if !all.contains_key(&name) {
        let Some(asked) = asked else { return Ok(None) };
        let files =
            if seen.is_empty() { "no file of profiles is there".into() } else { format!("not in {}", seen.join(", ")) };
        return Err(invalid(format!("there is no profile `{asked}` of AWS: {files}")));
    }
    match resolve(&all, &name) {
        // A `default` that says a region and nothing of keys is as good as none.
        Ok(None) if asked.is_none() => Ok(None),
        Ok(None) => Err(invalid(format!("the profile `{name}` of AWS says nothing of keys"))),
        other => other,
    }
}

async fn exists(path: &str) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}

/// The profiles of a file. In `credentials` a section is the profile's name alone, in `config` all but `default` are `[profile NAME]`.
fn sections(text: &str, plain: bool) -> Vec<(String, Settings)> {
    let mut all: Vec<(String, Settings)> = Vec::new();
    // What stands in a section that is no profile belongs to none.
    let mut inside = false;
    for line in text.lines() {
        // A line that begins with a space goes on with a setting that has several; none of those is read here.
        if line.starts_with([' ', '\t', '#', ';']) || line.is_empty() {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let head = head.split(']').next().unwrap_or_default().trim();
            let name = match head.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])) {
                Some(name) if !plain => Some(name.trim()),
                None if plain || head == "default" => Some(head),
                _ => None,
            };
            inside = name.is_some();
            all.extend(name.map(|name| (name.to_owned(), Settings::new())));
        } else if let (true, Some((key, value)), Some((_, settings))) = (inside, line.split_once('='), all.last_mut()) {
            // A comment behind a value begins with a space.
            let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    all
}

/// Follows a profile to its keys; none when it says nothing of any.
fn resolve(all: &BTreeMap<String, Settings>, name: &str) -> Result<Option<Profile>, Failure> {
    let (mut roles, mut visited) = (Vec::new(), BTreeSet::new());
    let mut at = name.to_owned();
    let from = loop {
        let first = visited.insert(at.clone());
        let settings = all
            .get(&at)
            .ok_or_else(|| invalid(format!("the profile `{name}` of AWS leads to `{at}`, which is not there")))?;
        let get = |key: &str| settings.get(key).filter(|v| !v.is_empty()).cloned();
        let session = || get("role_session_name").unwrap_or_else(|| "rrb".to_owned());
        for (key, why) in [
            ("mfa_serial", "wants a code of a person"),
            ("sso_session", "wants a person to sign in"),
            ("sso_start_url", "wants a person to sign in"),
            ("credential_process", "starts a program, which rrb does not do"),
        ] {
            if get(key).is_some() {
                return Err(invalid(format!("the profile `{at}` of AWS has `{key}`: that {why}")));
            }
        }
        // A profile may name itself as the source of the keys for its own role.
        let own = keys(&get, &at)?;
        let Some(arn) = get("role_arn").filter(|_| first) else { break own };
        if let Some(file) = get("web_identity_token_file") {
            break Some(From::WebIdentity { file, role: arn, session: session() });
        }
        roles.push(Role { arn, external_id: get("external_id"), session: session() });
        if roles.len() > MAX_CHAIN {
            return Err(invalid(format!("the profile `{name}` of AWS leads through more than {MAX_CHAIN} roles")));
        }
        match (get("source_profile"), get("credential_source").as_deref()) {
            (Some(source), None) => at = source,
            (None, Some("Environment")) => break Some(From::Environment),
            (None, Some("EcsContainer")) => break Some(From::Container),
            (None, Some("Ec2InstanceMetadata")) => break Some(From::Instance),
            _ => {
                return Err(invalid(format!(
                    "the profile `{at}` of AWS has a `role_arn`, and with it one of `source_profile`, `credential_source` and `web_identity_token_file`"
                )));
            }
        }
    };
    roles.reverse();
    match from {
        None if roles.is_empty() => Ok(None),
        None => Err(invalid(format!("the profile `{name}` of AWS leads to `{at}`, which has no keys"))),
        Some(from) => Ok(Some(Profile { from, roles })),
    }
}

fn keys(get: &dyn Fn(&str) -> Option<String>, at: &str) -> Result<Option<From>, Failure> {
    match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Ok(Some(From::Keys { id, secret, session: get("aws_session_token") })),
        (None, None) => Ok(None),
        _ => Err(invalid(format!(
            "the profile `{at}` of AWS has one of `aws_access_key_id` and `aws_secret_access_key` without the other"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# written by hand
[default]
region = eu-central-1
[profile base]
aws_access_key_id = AKIAOLD
aws_secret_access_key = old
s3 =
  max_concurrent_requests = 20
[profile ops]
role_arn = arn:aws:iam::2:role/ops ; the account of operations
source_profile = base
external_id = ext
[profile deep]
role_arn=arn:aws:iam::3:role/deep
source_profile=ops
role_session_name = deep
[profile self]
role_arn = arn:aws:iam::2:role/self
source_profile = self
aws_access_key_id = AKIASELF
aws_secret_access_key = s
[profile node]
role_arn = arn:aws:iam::2:role/node
credential_source = Ec2InstanceMetadata
[profile web]
role_arn = arn:aws:iam::2:role/web
web_identity_token_file = /token
[profile loop]
role_arn = arn:aws:iam::2:role/a
source_profile = pool
[profile pool]
role_arn = arn:aws:iam::2:role/b
source_profile = loop
[profile lost]
role_arn = arn:aws:iam::2:role/a
source_profile = nobody
[profile bare]
role_arn = arn:aws:iam::2:role/a
[profile half]
aws_access_key_id = AKIAHALF
[profile person]
sso_session = acme
[profile code]
role_arn = arn:aws:iam::2:role/a
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/ana
[profile program]
credential_process = /bin/keys
[sso-session acme]
aws_access_key_id = AKIANOT
[services x]
aws_access_key_id = AKIANOT
";

    const CREDENTIALS: &str =
        "[base]\naws_access_key_id=AKIABASE\naws_secret_access_key=canary # secret\naws_session_token=t\n";

    async fn found(name: Option<&str>, more: &[(&str, &str)]) -> Result<Option<Profile>, Failure> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        std::fs::write(dir.path().join(".aws/config"), CONFIG).unwrap();
        std::fs::write(dir.path().join(".aws/credentials"), CREDENTIALS).unwrap();
        let home = dir.path().display().to_string();
        let variable = |of: &str| {
            let told = more.iter().find(|(n, _)| *n == of).map(|(_, v)| (*v).to_owned());
            told.or_else(|| (of == "HOME").then(|| home.clone()))
        };
        find(&variable, name).await
    }

    fn base() -> From {
        From::Keys { id: "AKIABASE".into(), secret: "canary".into(), session: Some("t".into()) }
    }

    #[tokio::test]
    async fn a_profile_gives_keys_and_the_roles_to_take_on() {
        let by_name = found(Some("base"), &[]).await.unwrap().unwrap();
        assert_eq!(by_name, Profile { from: base(), roles: vec![] });
        assert_eq!(found(None, &[("AWS_PROFILE", "base")]).await.unwrap(), Some(by_name));

        let deep = found(Some("deep"), &[]).await.unwrap().unwrap();
        let roles: Vec<_> =
            deep.roles.iter().map(|r| (r.arn.as_str(), r.external_id.as_deref(), r.session.as_str())).collect();
        assert_eq!(deep.from, base());
        assert_eq!(
            roles,
            [("arn:aws:iam::2:role/ops", Some("ext"), "rrb"), ("arn:aws:iam::3:role/deep", None, "deep")]
        );

        let own = found(Some("self"), &[]).await.unwrap().unwrap();
        assert_eq!(
            (own.roles.len(), own.from),
            (1, From::Keys { id: "AKIASELF".into(), secret: "s".into(), session: None })
        );
        assert_eq!(found(Some("node"), &[]).await.unwrap().unwrap().from, From::Instance);
        let web =
            From::WebIdentity { file: "/token".into(), role: "arn:aws:iam::2:role/web".into(), session: "rrb".into() };
        assert_eq!(found(Some("web"), &[]).await.unwrap().unwrap(), Profile { from: web, roles: vec![] });
    }

    #[tokio::test]
    async fn without_a_name_a_default_without_keys_is_passed_over() {
        assert_eq!(found(None, &[]).await.unwrap(), None);
        assert_eq!(found(None, &[("HOME", "/nowhere")]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_profile_that_leads_nowhere_is_refused_with_the_reason() {
        for (name, why) in [
            ("nobody", "there is no profile `nobody`"),
            ("acme", "there is no profile `acme`"),
            ("x", "there is no profile `x`"),
            ("default", "says nothing of keys"),
            ("loop", "leads to `loop`, which has no keys"),
            ("lost", "leads to `nobody`, which is not there"),
            ("bare", "one of `source_profile`"),
            ("half", "without the other"),
            ("person", "`sso_session`: that wants a person"),
            ("code", "`mfa_serial`: that wants a code"),
            ("program", "`credential_process`: that starts a program"),
        ] {
            let failure = found(Some(name), &[]).await.unwrap_err();
            assert!(failure.message.contains(why), "{name}: {}", failure.message);
            assert!(!failure.message.contains("canary"));
        }
        let absent = found(Some("base"), &[("AWS_CONFIG_FILE", "/nowhere/config")]).await.unwrap_err();
        assert!(absent.message.contains("/nowhere/config"), "{}", absent.message);
    }

    #[tokio::test]
    async fn a_chain_of_roles_has_an_end() {
        let mut all: BTreeMap<String, Settings> = BTreeMap::new();
        for n in 0..8 {
            let settings = [("role_arn".into(), format!("r{n}")), ("source_profile".into(), format!("p{}", n + 1))];
            all.insert(format!("p{n}"), settings.into());
        }
        all.insert(
            "p8".into(),
            [("aws_access_key_id".into(), "A".into()), ("aws_secret_access_key".into(), "s".into())].into(),
        );
        assert!(resolve(&all, "p2").unwrap_err().message.contains("more than 5 roles"));
        assert_eq!(resolve(&all, "p3").unwrap().unwrap().roles.len(), 5);
    }
}
