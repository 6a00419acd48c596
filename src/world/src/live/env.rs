//! `env.*`: what a runbook may know of the process's surroundings.

use rrb_lang::value::Value;
use rrb_lang::vm::protocol::Failure;

use super::Cx;
use super::fail::{forbidden, invalid, unavailable};

/// Variables that hold no credentials on any system.
const HARMLESS: [&str; 4] = ["HOSTNAME", "LANG", "TZ", "USER"];

/// The longest value, in bytes.
const MAX_BYTES: usize = 32 << 10;

/// `env.get`
pub async fn get(cx: Cx<'_>) -> Result<Value, Failure> {
    let name = cx.args.text("name")?;
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(invalid("`env.get` needs the name of a variable"));
    }
    let reach = cx.world.reach();
    let allowed = &reach.config.allow_variables;
    if !(name.starts_with("RRB_VAR_") || HARMLESS.contains(&name) || allowed.iter().any(|a| a == name)) {
        return Err(forbidden(format!(
            "a runbook may not read the variable `{name}`: only names that begin with `RRB_VAR_`, and those that `[env] allow` in rrb.toml lists, are meant for runbooks"
        )));
    }
    taken(name, std::env::var(name))
}

fn taken(name: &str, found: Result<String, std::env::VarError>) -> Result<Value, Failure> {
    match found {
        Ok(value) if value.len() > MAX_BYTES => Err(invalid(format!("the variable `{name}` is longer than 32 KiB"))),
        Ok(value) => Ok(Value::text(value)),
        Err(std::env::VarError::NotPresent) => Ok(Value::None),
        Err(std::env::VarError::NotUnicode(_)) => Err(invalid(format!("the variable `{name}` is not UTF-8"))),
    }
}

/// `env.host`
pub async fn host(_: Cx<'_>) -> Result<Value, Failure> {
    let name = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    name.map(|n| Value::text(n.trim())).map_err(|_| unavailable("the name of this machine cannot be read"))
}

#[cfg(test)]
mod tests {
    use rrb_lang::vm::protocol::FailureKind;

    use super::super::testing::{Call, done, failed};
    use super::*;

    fn read(name: &str) -> Call {
        Call::new("env.get").arg("name", Value::text(name))
    }

    #[test]
    fn a_value_is_bounded() {
        for (bytes, fits) in [(MAX_BYTES - 1, true), (MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            assert_eq!(taken("RRB_VAR_X", Ok("x".repeat(bytes))).is_ok(), fits, "{bytes}");
        }
    }

    #[tokio::test]
    async fn only_what_is_meant_for_runbooks_is_read() {
        assert_eq!(done(read("RRB_VAR_NOT_SET").perform().await), Value::None);
        for name in ["PATH", "HOME", "AWS_SECRET_ACCESS_KEY", "RRB_SLACK_TOKEN", "rrb_var_x", "CARGO_PKG_NAME"] {
            assert_eq!(failed(read(name).perform().await).kind, FailureKind::Forbidden, "{name}");
        }
        for name in ["", "RRB_VAR_A=B", "RRB_VAR_\0"] {
            assert_eq!(failed(read(name).perform().await).kind, FailureKind::Invalid, "{name}");
        }
        let call = read("CARGO_PKG_NAME").config(|c| c.allow_variables.push("CARGO_PKG_NAME".into()));
        assert_eq!(done(call.perform().await), Value::text("rrb-world"));
    }

    #[tokio::test]
    async fn the_host_has_a_name() {
        assert!(matches!(done(Call::new("env.host").perform().await), Value::Text(t) if !t.is_empty()));
    }
}
