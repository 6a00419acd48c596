//! Secrets that stand where others can read them: in the source, in a plain text, or on a connection that anybody can listen to.

use std::collections::HashSet;

use crate::diag::{Diagnostic, codes};
use crate::hir::{Expr, ExprKind, FunctionKind, Program, TextPart};
use crate::span::Span;
use crate::types::{Ty, Type};
use crate::value::Value;

/// Looks at the expressions of a program, one after the other.
pub(super) struct Look<'a> {
    program: &'a Program,
    /// Places that were spoken of: a text may stand in several functions.
    told: HashSet<Span>,
}

impl<'a> Look<'a> {
    pub fn new(program: &'a Program) -> Self {
        Self { program, told: HashSet::new() }
    }

    /// Warns of what one expression gives away.
    pub fn at(&mut self, e: &Expr, out: &mut Vec<Diagnostic>) {
        let kind = text_of(e).filter(|t| t.len() >= SHORTEST).and_then(|t| credential(&t));
        if let Some(kind) = kind
            && self.told.insert(e.span)
        {
            out.push(in_source(e.span, kind));
        }
        out.extend(unencrypted(self.program, e));
    }
}

/// No credential is shorter.
const SHORTEST: usize = 10;

fn in_source(span: Span, kind: &str) -> Diagnostic {
    Diagnostic::warning(
        codes::SECRET_LITERAL,
        format!("this looks like {kind}"),
        span,
        "everybody who reads this has it",
    )
    .help("declare a setting for it, `settings { token: Secret }`, and give it as `env:NAME` or `file:PATH`")
    .help("replace it where it came from: it stays in the history of the file")
}

/// The characters of a text, holes left out.
fn text_of(e: &Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Literal(Value::Text(t)) => Some(t.to_string()),
        ExprKind::Literal(Value::Url(u)) => Some(u.to_string()),
        ExprKind::Text(parts) => {
            let chars = parts.iter().map(|p| match p {
                TextPart::Chars(c) => c.as_str(),
                // No credential goes over a hole.
                TextPart::Hole(_) => "\u{0}",
            });
            Some(chars.collect())
        }
        _ => None,
    }
}

/// How a credential begins, which characters follow, at least how many, and what it is.
type Form = (&'static str, fn(char) -> bool, usize, &'static str);

const FORMS: [Form; 13] = [
    ("xoxb-", dashed, 20, "a token of Slack"),
    ("xoxp-", dashed, 20, "a token of Slack"),
    ("xapp-", dashed, 20, "a token of Slack"),
    ("ghp_", alnum, 36, "a token of GitHub"),
    ("gho_", alnum, 36, "a token of GitHub"),
    ("ghs_", alnum, 36, "a token of GitHub"),
    ("github_pat_", dashed, 36, "a token of GitHub"),
    ("glpat-", dashed, 20, "a token of GitLab"),
    ("AKIA", upper, 16, "an access key of AWS"),
    ("ASIA", upper, 16, "an access key of AWS"),
    ("sk_live_", alnum, 16, "a key of Stripe"),
    ("AIza", dashed, 35, "a key of Google"),
    ("npm_", alnum, 36, "a token of npm"),
];

fn alnum(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn upper(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

fn dashed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn credential(text: &str) -> Option<&'static str> {
    for (prefix, follows, least, kind) in FORMS {
        let word_begins = |at: usize| text.get(..at).is_none_or(|t| !t.ends_with(alnum));
        let long = |at: usize| {
            let rest = text.get(at + prefix.len()..).unwrap_or_default();
            rest.chars().take_while(|c| follows(*c)).count() >= least
        };
        if text.match_indices(prefix).any(|(at, _)| word_begins(at) && long(at)) {
            return Some(kind);
        }
    }
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    password_in_url(text).then_some("an address with a password in it")
}

/// `https://user:password@host`
fn password_in_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.contains('\u{0}'))
}

/// Settings and parameters that hold a secret by their name, and a text by their type: those are printed and journaled.
pub(super) fn declarations(program: &Program, out: &mut Vec<Diagnostic>) {
    for setting in program.settings.iter().filter(|s| plain_text(&s.ty) && secret_name(&s.name, true)) {
        let message = format!("the setting `{}` holds a secret as plain text", setting.name);
        let d = Diagnostic::warning(codes::SECRET_PLAIN, message, setting.span, "ends up in journals and plans");
        out.push(d.help(format!("declare it as a Secret: `{}: Secret`", setting.name)));
    }
    for function in &program.functions {
        let FunctionKind::Action(action) = &function.kind else { continue };
        if action.native.is_some() {
            continue;
        }
        let from = function.captures as usize;
        let params = function.locals.iter().skip(from).take(function.params as usize);
        for p in params.filter(|p| plain_text(&p.ty) && secret_name(&p.name, false)) {
            let message = format!("`{}` takes a secret as plain text", function.name);
            let d = Diagnostic::warning(codes::SECRET_PLAIN, message, p.span, "ends up in journals and plans");
            out.push(d.help(format!("declare it as a Secret: `{}: Secret`", p.name)));
        }
    }
    for runbook in &program.runbooks {
        for p in runbook.params.iter().filter(|p| plain_text(&p.ty) && secret_name(&p.name, false)) {
            let message = format!("the runbook `{}` takes a secret as a parameter", runbook.name);
            let d =
                Diagnostic::warning(codes::SECRET_PLAIN, message, runbook.span, format!("`{}` is journaled", p.name));
            out.push(d.help(format!("declare a setting for it: `settings {{ {}: Secret }}`", p.name)));
        }
    }
}

fn plain_text(ty: &Ty) -> bool {
    match &**ty {
        Type::Text => true,
        Type::Optional(inner) => plain_text(inner),
        _ => false,
    }
}

/// Whether a name can only be that of a secret. Parameters called `token` are often places in a list of pages.
fn secret_name(name: &str, setting: bool) -> bool {
    const ALWAYS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "api_key",
        "apikey",
        "private_key",
        "client_secret",
        "access_token",
        "auth_token",
        "bearer_token",
    ];
    let ends = |word: &str| name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with('_'));
    ALWAYS.iter().any(|w| ends(w)) || (setting && (ends("token") || ends("secret")))
}

/// A secret that a native call sends over plain `http:` to another machine.
fn unencrypted(program: &Program, e: &Expr) -> Option<Diagnostic> {
    let ExprKind::CallAction(call) = &e.kind else { return None };
    let callee = program.functions.get(call.function.index())?;
    let FunctionKind::Action(action) = &callee.kind else { return None };
    if !action.native.as_ref().is_some_and(|n| n.starts_with("http.")) {
        return None;
    }
    let mut in_records = call.args.iter().filter_map(|a| in_record(program, a));
    let (host, url, secret) = in_request(program, &call.args).or_else(|| in_records.next())?;
    let d = Diagnostic::warning(
        codes::SECRET_UNENCRYPTED,
        format!("a secret goes to `{host}` over a connection that is not encrypted"),
        url,
        "plain `http:`",
    );
    Some(d.label(secret, "the secret").help("write `https:`"))
}

/// The host, the address and a secret of a request.
fn in_request(program: &Program, args: &[Expr]) -> Option<(String, Span, Span)> {
    let url = args.first()?;
    let host = plain_host(program, url)?;
    Some((host, url.span, secret_in(args.get(1..)?)?))
}

/// The same of a record that has an address of its own: `oauth2: { token_url: …, client_secret: … }`.
fn in_record(program: &Program, arg: &Expr) -> Option<(String, Span, Span)> {
    match &arg.kind {
        ExprKind::Coerce { value, .. } => in_record(program, value),
        ExprKind::Record(fields) => {
            let url = fields.iter().find(|f| matches!(&*f.ty, Type::Url))?;
            Some((plain_host(program, url)?, url.span, secret_in(fields)?))
        }
        _ => None,
    }
}

/// Where one of these holds a secret; what is left out does not.
fn secret_in(exprs: &[Expr]) -> Option<Span> {
    let mut secrets = exprs.iter().filter(|e| holds_secret(&e.ty) && !matches!(e.kind, ExprKind::Constant(_)));
    secrets.next().map(|e| e.span)
}

fn holds_secret(ty: &Ty) -> bool {
    match &**ty {
        Type::Secret => true,
        Type::Optional(inner) | Type::List(inner) | Type::Map(_, inner) => holds_secret(inner),
        _ => false,
    }
}

/// The host of an address that begins with `http:` and is another machine.
fn plain_host(program: &Program, url: &Expr) -> Option<String> {
    let text = match &url.kind {
        ExprKind::Coerce { value, .. } => return plain_host(program, value),
        ExprKind::Constant(id) => return plain_host(program, &program.constants.get(id.index())?.value.expr),
        ExprKind::Text(parts) => match parts.first()? {
            TextPart::Chars(c) => c.to_string(),
            TextPart::Hole(hole) => return plain_host(program, hole),
        },
        ExprKind::Setting(id) => {
            let default = program.settings.get(id.index())?.default?;
            return plain_host(program, &program.constants.get(default.index())?.value.expr);
        }
        _ => text_of(url)?,
    };
    let authority = text.strip_prefix("http://")?.split(['/', '?', '#', '\u{0}']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let here = ["localhost", "127.0.0.1", "[::1]", ""].contains(&host) || host.ends_with(".localhost");
    (!here).then(|| host.to_owned())
}
