//! The ways in which a delivery shows who sent it: one table that the checker types `verify SCHEME(…)` by, the sources verify by
//! and the guide prints.

/// A scheme of `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// `bearer`
    pub name: &'static str,
    /// Its parameters, in rrb syntax. They may be given by place or by name.
    pub params: &'static [Param],
    /// One sentence.
    pub docs: &'static str,
}

impl Scheme {
    /// `basic(user: Text, secret: Secret?, previous_secret: Secret? = none)`
    pub fn signature(&self) -> String {
        let params: Vec<String> = self.params.iter().map(Param::signature).collect();
        format!("{}({})", self.name, params.join(", "))
    }
}

/// A parameter of a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    pub name: &'static str,
    /// `Secret`, `Secret?`, `Text`, `Text?`, `Bool`, `Duration`, `Url`, `Cron`, `List<Text>` or `Map<Text, Text>`.
    pub ty: &'static str,
    /// As an expression; none when it must be given.
    pub default: Option<&'static str>,
}

impl Param {
    fn signature(&self) -> String {
        let default = self.default.map(|d| format!(" = {d}")).unwrap_or_default();
        format!("{}: {}{default}", self.name, self.ty)
    }
}

pub(crate) const fn needed(name: &'static str, ty: &'static str) -> Param {
    Param { name, ty, default: None }
}

pub(crate) const fn optional(name: &'static str, ty: &'static str, default: &'static str) -> Param {
    Param { name, ty, default: Some(default) }
}

/// Without it (a setting that is not set) nothing is accepted.
const SECRET: Param = needed("secret", "Secret?");
/// Also accepted, so that a secret can be changed without losing a delivery.
const PREVIOUS: Param = optional("previous_secret", "Secret?", "none");
const TOLERANCE: Param = optional("tolerance", "Duration", "5m");

/// Every scheme. `verify none because "…"` is no scheme: it has its own syntax.
pub const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "bearer",
        params: &[SECRET, PREVIOUS],
        docs: "The header `authorization` is `Bearer` and the secret.",
    },
    Scheme {
        name: "basic",
        params: &[needed("user", "Text"), SECRET, PREVIOUS],
        docs: "The header `authorization` is `Basic` and the Base64 of user and secret.",
    },
    Scheme {
        name: "header",
        params: &[SECRET, needed("header", "Text"), optional("prefix", "Text", "\"\""), PREVIOUS],
        docs: "The header `header` is `prefix` and the secret, as senders do that can set a header of their own and nothing else. Its name \
               speaks of a credential (`token`, `secret`, `password`, `api-key`, `signature`, `authorization`): such a header goes no further.",
    },
    Scheme {
        name: "hmac",
        params: &[
            SECRET,
            needed("header", "Text"),
            optional("prefix", "Text", "\"\""),
            optional("encoding", "Text", "\"hex\""),
            optional("algorithm", "Text", "\"sha256\""),
            optional("timestamp_header", "Text?", "none"),
            TOLERANCE,
            PREVIOUS,
            optional("signs", "Text?", "none"),
        ],
        docs: "A header holds the HMAC of the body, after `prefix`, in `hex` or `base64`, by `sha256`, `sha384`, `sha512` or `sha1`. With \
               `timestamp_header`, seconds since 1970 and a point stand before the body, and the time lies within `tolerance`; `signs` says what \
               else is signed, with `{timestamp}` and `{body}` in it. Of several signatures with commas between them, one is enough.",
    },
    Scheme {
        name: "standard_webhooks",
        params: &[SECRET, TOLERANCE, PREVIOUS],
        docs: "Signed as https://www.standardwebhooks.com says, with a secret that begins with `whsec_`.",
    },
    Scheme {
        name: "svix_signature",
        params: &[SECRET, TOLERANCE, PREVIOUS],
        docs: "As `standard_webhooks`, in the headers that Svix has: https://docs.svix.com/receiving/verifying-payloads/how-manual",
    },
    Scheme {
        name: "stripe_signature",
        params: &[SECRET, optional("header", "Text", "\"stripe-signature\""), TOLERANCE, PREVIOUS],
        docs: "A header `t=…,v1=…` holds the time and signatures of time, point and body: https://docs.stripe.com/webhooks/signature",
    },
    Scheme {
        name: "sns_signature",
        params: &[needed("topics", "List<Text>")],
        docs: "A message of Amazon SNS for one of these topics (their ARNs), signed with a certificate that rrb fetches from AWS: \
               https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
    },
    Scheme {
        name: "oidc",
        params: &[
            needed("issuer", "Text"),
            needed("audience", "Text"),
            optional("subject", "Text?", "none"),
            optional("email", "Text?", "none"),
            optional("keys", "Text?", "none"),
        ],
        docs: "The header `authorization` is `Bearer` and a signed token of this issuer for this audience, as Google's Pub/Sub and Microsoft's Event \
               Grid send it. `subject` or `email` say whose token it is. rrb fetches the issuer's keys, by its \
               `/.well-known/openid-configuration` or from `keys`.",
    },
    Scheme {
        name: "slack_signature",
        params: &[SECRET, TOLERANCE, PREVIOUS],
        docs: "Signed by Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack",
    },
    Scheme {
        name: "github_signature",
        params: &[SECRET, PREVIOUS],
        docs: "Signed by GitHub, in `x-hub-signature-256`: https://docs.github.com/webhooks",
    },
];

/// What the names of headers that hold credentials have in them.
const CREDENTIALS: [&str; 7] = ["authorization", "cookie", "token", "secret", "password", "api-key", "signature"];

/// Whether a header of this name (in lower case) is for the check alone: it reaches no event, no store and no log.
pub fn holds_credentials(header: &str) -> bool {
    CREDENTIALS.iter().any(|part| header.contains(part))
}

/// The scheme `name`.
pub fn find(name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|s| s.name == name)
}
