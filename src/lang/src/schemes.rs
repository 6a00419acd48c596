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
    /// `Secret`, `Secret?`, `Text`, `Text?`, `Duration`, `Url`, `Cron` or `List<Text>`.
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
        docs: "The header `header` is `prefix` and the secret, as senders do that can set a header of their own and nothing else.",
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
        ],
        docs: "A header holds the HMAC of the body, after `prefix`, in `hex` or `base64`, by `sha256`, `sha384` or `sha512`. With \
               `timestamp_header`, seconds since 1970 and a point stand before the body, and the time lies within `tolerance`. Of \
               several signatures with commas between them, one is enough.",
    },
    Scheme {
        name: "standard_webhooks",
        params: &[SECRET, TOLERANCE, PREVIOUS],
        docs: "Signed as https://www.standardwebhooks.com says, with a secret that begins with `whsec_`.",
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

/// The scheme `name`.
pub fn find(name: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|s| s.name == name)
}
