//! `rrb token`: who may talk to the API.

use clap::{Args, Subcommand};
use rrb_engine::store::TokenRow;
use rrb_serve::{Minted, Scope};
use serde_json::json;

use super::why::print_table;
use crate::connect::{Need, connect};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::project;
use crate::text::{clean, now, parse_span, relative};

/// `rrb token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token. It is printed once; only its hash is kept.
    Create(CreateArgs),
    /// List tokens; never their secrets.
    #[command(alias = "ls")]
    List(ListArgs),
    /// Take a token back.
    Revoke(RevokeArgs),
    /// List the scopes with what each allows.
    Scopes(ListArgs),
}

/// For whom and for what.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rrb token create ana-laptop --user ana --scope approvals:vote > ~/.rrb-ana\n  rrb token create ci --scope runs:write --scope runs:read --expires 365d\n\nThe token is the only line on standard output. `rrb token scopes` lists what may be given."
)]
pub struct CreateArgs {
    /// A name to know it by: `ana-laptop`, `ci`.
    name: String,
    /// What it may do; several times for several.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// The person of the project it speaks for. Only such a token can vote.
    #[arg(long)]
    user: Option<String>,
    /// How long it holds: `90d`, `12h`.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_span)]
    expires: i64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How to print them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb token list --json")]
pub struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Which token.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rrb token revoke ana-laptop")]
pub struct RevokeArgs {
    /// The token's id or name.
    token: String,
}

/// Does one of them.
///
/// # Errors
/// When a scope or a user is unknown, it may not be, or nobody answers.
pub async fn dispatch(context: &Context, command: TokenCommand) -> Result<Exit, CliError> {
    match command {
        TokenCommand::Create(args) => create(context, args).await,
        TokenCommand::List(args) => list(context, &args).await,
        TokenCommand::Revoke(args) => revoke(context, &args).await,
        TokenCommand::Scopes(args) => scopes(context, &args),
    }
}

async fn create(context: &Context, args: CreateArgs) -> Result<Exit, CliError> {
    let mut scopes = Vec::new();
    for name in &args.scopes {
        let scope =
            Scope::parse(name).map_err(|e| CliError::usage(e).help("`rrb token scopes` says what each allows"))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.contains(&Scope::ApprovalsVote) && args.user.is_none() {
        return Err(CliError::usage("only a person can vote").help("say who it speaks for: `--user USER`"));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if !(1..=64).contains(&args.name.len()) || !args.name.bytes().all(plain) {
        return Err(CliError::usage(format!("`{}` cannot be the name of a token", clean(&args.name)))
            .help("use 1 to 64 letters, digits, `_`, `-` and `.`"));
    }
    let c = connect(context, Need::Write).await?;
    if let (Some(user), true) = (&args.user, c.local) {
        // A daemon knows its own people.
        let config = project::config(&context.place()?)?;
        project::known_user(&config, user)?;
    }
    let minted = Minted::new().map_err(|e| CliError::internal(format!("the system gives no random numbers: {e}")))?;
    let created = now();
    let row = TokenRow {
        id: minted.id.clone(),
        name: args.name.clone(),
        hash: minted.hash.clone(),
        scopes: scopes.iter().map(|s| s.name().to_owned()).collect(),
        user: args.user.clone(),
        created,
        expires: Some(created.saturating_add(args.expires)),
        revoked: None,
    };
    let expires = row.expires;
    c.plane.create_token(row, &c.actor).await?;
    let out = &context.out;
    if args.json {
        let names: Vec<&str> = scopes.iter().map(|s| s.name()).collect();
        out.json(&json!({
            "token": minted.reveal(), "id": minted.id, "name": args.name, "scopes": names, "user": args.user, "expires": expires,
        }))?;
    } else {
        out.line(minted.reveal());
        let until = expires.map(|at| crate::text::day(at, &out.err.zone)).unwrap_or_default();
        out.note(format!(
            "{} `{}` holds until {until}. It is shown only now: keep it.",
            out.err.good("✓"),
            clean(&args.name)
        ));
    }
    Ok(Exit::Ok)
}

async fn list(context: &Context, args: &ListArgs) -> Result<Exit, CliError> {
    let plane = connect(context, Need::Read).await?.plane;
    let mut tokens = plane.tokens().await?;
    tokens.iter_mut().for_each(|t| t.hash.clear());
    if args.json {
        return context.out.json(&tokens).map(|()| Exit::Ok);
    }
    let now = now();
    let row = |t: &TokenRow| {
        let state = match (t.revoked, t.expires) {
            (Some(at), _) => format!("revoked {}", relative(now, at)),
            (None, Some(at)) if at <= now => format!("expired {}", relative(now, at)),
            (None, Some(at)) => format!("ends {}", relative(now, at)),
            (None, None) => "valid".to_owned(),
        };
        vec![t.id.clone(), t.name.clone(), t.user.clone().unwrap_or_else(|| "–".to_owned()), state, t.scopes.join(" ")]
    };
    let rows = tokens.iter().map(row).collect();
    print_table(context, &["id", "name", "speaks for", "state", "scopes"], rows, "no tokens")
}

async fn revoke(context: &Context, args: &RevokeArgs) -> Result<Exit, CliError> {
    let c = connect(context, Need::Write).await?;
    let tokens = c.plane.tokens().await?;
    let open = |t: &&TokenRow| t.revoked.is_none() && (t.id == args.token || t.name == args.token);
    let found: Vec<&TokenRow> = tokens.iter().filter(open).collect();
    let id = match found.as_slice() {
        [one] => one.id.clone(),
        [] => {
            let error = CliError::not_found(format!("there is no valid token `{}`", clean(&args.token)));
            let near = rrb_lang::diag::nearest(&args.token, tokens.iter().map(|t| t.name.as_str()));
            return Err(match near {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("`rrb token list` shows them"),
            });
        }
        many => {
            let ids: Vec<&str> = many.iter().map(|t| t.id.as_str()).collect();
            return Err(CliError::usage(format!("{} tokens are named `{}`", many.len(), clean(&args.token)))
                .help(format!("name one by its id: {}", ids.join(", "))));
        }
    };
    c.plane.revoke_token(&id, &c.actor).await?;
    context.out.line(format!("{} `{}` is revoked", context.out.look.good("✓"), clean(&args.token)));
    Ok(Exit::Ok)
}

fn scopes(context: &Context, args: &ListArgs) -> Result<Exit, CliError> {
    if args.json {
        let all: Vec<_> = Scope::ALL.iter().map(|s| json!({"scope": s.name(), "meaning": s.meaning()})).collect();
        return context.out.json(&all).map(|()| Exit::Ok);
    }
    for scope in Scope::ALL {
        context.out.line(format!("{}  {}", context.out.look.bold(format!("{:<14}", scope.name())), scope.meaning()));
    }
    Ok(Exit::Ok)
}
