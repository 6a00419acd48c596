//! Calls of AWS by its own command line, which knows every operation of every service.

/// The connector that makes them.
pub fn connector(name: &str) -> String {
    format!(
        "/// AWS by its command line, with the credentials of the machine. https://docs.aws.amazon.com/cli/latest/reference/
connector {name} {{
  settings {{
    /// The program.
    program: Text = \"aws\"
    /// The region; that of the machine without it.
    region: Text? = none
    /// A profile of the machine's AWS configuration, for another role.
    profile: Text? = none
  }}

  fn line(service: Text, operation: Text, input: Json) -> List<Text> {{
    let options = [\"--output=json\", \"--no-cli-pager\"]
      .concat(region.map(r => \"--region=${{r}}\").to_list())
      .concat(profile.map(p => \"--profile=${{p}}\").to_list())
    [program, service, operation, \"--cli-input-json\", input.to_json()].concat(options)
  }}

  fn reply(text: Text) -> Json {{
    if text.trim() == \"\" {{ none }} else {{ text.parse_json() ?? fail \"AWS answered with something else than JSON\" }}
  }}

  /// An operation that reads. Needs the IAM permission of the same name.
  action ask(service: Text, operation: Text, input: Json) -> Json reads {{
    trust reads because \"the name of the operation says that it reads\" {{
      reply((do exec.run(line(service, operation, input), timeout: 5m)).stdout)
    }}
  }}

  /// An operation that makes or changes something. Needs the IAM permission of the same name.
  action change(service: Text, operation: Text, input: Json) -> Json changes target \"${{service}}\" {{
    trust changes because \"the name of the operation says that it makes or changes something\" {{
      reply((do exec.run(line(service, operation, input), timeout: 5m)).stdout)
    }}
  }}

  /// An operation that may end or interrupt something. Needs the IAM permission of the same name.
  action destroy(service: Text, operation: Text, input: Json) -> Json destroys target \"${{service}}\" {{
    reply((do exec.run(line(service, operation, input), timeout: 5m)).stdout)
  }}
}}
"
    )
}

/// How the command line spells a service.
pub fn service(name: &str) -> String {
    let name: String = name.to_ascii_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    match name.as_str() {
        "config" => "configservice".to_owned(),
        "codedeploy" => "deploy".to_owned(),
        _ => name,
    }
}

/// How the command line spells an operation: `DescribeDBInstances` is `describe-db-instances`.
pub fn operation(name: &str) -> String {
    let chars: Vec<char> = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i)).copied().unwrap_or('_');
        let behind = chars.get(i + 1).copied().unwrap_or(' ');
        if *c == '_' {
            out.push('-');
            continue;
        }
        let plural = behind == 's' && chars.len() == i + 2;
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && behind.is_ascii_lowercase() && !plural));
        if begins {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// What an operation does, by the first word of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Reads,
    Changes,
    Destroys,
}

/// Where nothing says that it only makes or changes something, it may destroy.
pub fn effect(operation: &str) -> Effect {
    match operation.split('-').next().unwrap_or_default() {
        "describe" | "get" | "list" | "lookup" | "search" | "head" | "filter" | "estimate" | "preview" => Effect::Reads,
        "create" | "put" | "modify" | "update" | "tag" | "add" | "attach" | "associate" | "enable" | "start"
        | "register" | "set" | "authorize" | "copy" | "import" | "request" | "allocate" | "subscribe" | "publish" => {
            Effect::Changes
        }
        "batch" if operation.starts_with("batch-get-") => Effect::Reads,
        _ => Effect::Destroys,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_spelt_as_the_command_line_does() {
        for (api, word) in [
            ("DescribeDBInstances", "describe-db-instances"),
            ("ModifyDBInstance", "modify-db-instance"),
            ("RebootDBInstance", "reboot-db-instance"),
            ("describe_alarms", "describe-alarms"),
            ("ListCACertificates", "list-ca-certificates"),
            ("DescribeInstances; rm", "describe-instancesrm"),
        ] {
            assert_eq!(operation(api), word);
        }
    }

    #[test]
    fn what_is_not_known_may_destroy() {
        use Effect::{Changes, Destroys, Reads};
        for (word, is) in [
            ("describe-alarms", Reads),
            ("batch-get-item", Reads),
            ("batch-write-item", Destroys),
            ("modify-cluster", Changes),
            ("reboot-db-instance", Destroys),
            ("send-command", Destroys),
            ("", Destroys),
        ] {
            assert_eq!(effect(word), is, "{word}");
        }
    }
}
