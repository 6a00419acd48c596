//! Who may call: the security schemes of a description as settings of the connector.

use serde_json::Value;

use super::document::{At, Document};
use super::operations::{In, Operation};
use crate::names::{self, Names};
use crate::report::Notes;
use crate::text;

/// A setting of the connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub ty: &'static str,
    pub default: String,
    pub docs: String,
}

/// How a call shows who makes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    Bearer {
        setting: String,
    },
    Basic {
        user: String,
        password: String,
    },
    /// The whole value of a header.
    Header {
        name: String,
        setting: String,
    },
    Query {
        name: String,
        setting: String,
    },
    Cookie {
        name: String,
        setting: String,
    },
}

/// A scheme by its name in the description.
struct Scheme {
    key: String,
    credential: Option<Credential>,
}

/// All schemes, and the settings that they need.
pub struct Auth {
    schemes: Vec<Scheme>,
    pub settings: Vec<Setting>,
    names: Names,
    /// The description names no scheme at all.
    unknown: bool,
}

/// What one operation needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    pub credentials: Vec<Credential>,
    /// All of them must be set, because there is no other way.
    pub required: bool,
    pub scopes: Vec<String>,
}

impl Auth {
    /// Reads the schemes. `names` are the settings' names taken so far.
    pub fn new(doc: &Document<'_>, names: Names, notes: &mut Notes) -> Self {
        let mut auth = Self { schemes: Vec::new(), settings: Vec::new(), names, unknown: false };
        for folder in ["/components/securitySchemes", "/securityDefinitions"] {
            let Some(folder) = doc.at(folder) else { continue };
            for (key, at) in folder.members() {
                let Some(at) = doc.resolve(at, notes) else { continue };
                let credential = auth.credential(key, &at, notes);
                auth.schemes.push(Scheme { key: key.to_owned(), credential });
            }
        }
        auth.unknown = auth.schemes.is_empty();
        auth
    }

    fn credential(&mut self, key: &str, at: &At<'_>, notes: &mut Notes) -> Option<Credential> {
        let said = text::plain(at.text("description").unwrap_or_default(), 160);
        match (at.text("type").unwrap_or_default(), at.text("scheme").unwrap_or_default().to_ascii_lowercase().as_str())
        {
            ("http", "bearer") => Some(self.bearer(format!("The bearer token. {said}"))),
            ("http", "basic") | ("basic", _) => Some(self.basic(&said)),
            ("apiKey", _) => self.api_key(key, at, &said, notes),
            ("oauth2", _) => {
                self.oauth(at, notes);
                Some(self.bearer(format!("An access token of OAuth 2. {said}")))
            }
            ("openIdConnect", _) => {
                notes.widened(
                    "auth",
                    &at.place,
                    "OpenID Connect: the access token is a setting; rrb does not get one by itself",
                );
                Some(self.bearer(format!("An access token. {said}")))
            }
            ("mutualTLS", _) => {
                notes.left_out("auth", &at.place, "client certificates: `http` of rrb has none yet");
                None
            }
            (kind, scheme) => {
                notes.left_out(
                    "auth",
                    &at.place,
                    format!("the security scheme `{kind}` `{scheme}`: rrb cannot speak it"),
                );
                None
            }
        }
    }

    fn oauth(&self, at: &At<'_>, notes: &mut Notes) {
        let flows: Vec<String> = match at.get("flows") {
            Some(flows) => flows.members().iter().map(|(name, _)| (*name).to_owned()).collect(),
            None => at.text("flow").into_iter().map(str::to_owned).collect(),
        };
        let url = at.value.pointer("/flows/clientCredentials/tokenUrl").or_else(|| at.value.get("tokenUrl"));
        let url = url.and_then(Value::as_str).map(|u| format!(" (token address {u})")).unwrap_or_default();
        let flows = if flows.is_empty() { "OAuth 2".to_owned() } else { format!("OAuth 2 ({})", flows.join(", ")) };
        notes.widened(
            "auth",
            &at.place,
            format!("{flows}{url}: the access token is a setting; rrb does not get or renew one by itself"),
        );
    }

    /// One setting for all bearer tokens: a caller has one.
    fn bearer(&mut self, docs: String) -> Credential {
        Credential::Bearer { setting: self.shared("token", "Secret?", docs.trim().to_owned()) }
    }

    fn basic(&mut self, said: &str) -> Credential {
        let user = self.shared("user", "Text?", format!("The user of basic authentication. {said}").trim().to_owned());
        let password = self.shared("password", "Secret?", "The password of `user`.".to_owned());
        Credential::Basic { user, password }
    }

    fn api_key(&mut self, key: &str, at: &At<'_>, said: &str, notes: &mut Notes) -> Option<Credential> {
        let name = at.text("name").unwrap_or_default().to_owned();
        if at.value.get("x-amazon-apigateway-authtype").is_some_and(|t| t == "awsSigv4") {
            notes.left_out(
                "auth",
                &at.place,
                "requests signed by AWS Signature 4: `http` of rrb cannot sign yet; the setting is sent as it is",
            );
        }
        let place = at.text("in").unwrap_or_default();
        if name.is_empty() || !matches!(place, "header" | "query" | "cookie") {
            notes.left_out(
                "auth",
                &at.place,
                format!("the API key `{key}` without a name and a place that a request has"),
            );
            return None;
        }
        let whole = if name.eq_ignore_ascii_case("authorization") {
            ", whole: with the word before the token, if there is one"
        } else {
            ""
        };
        let docs =
            format!("Sent as the {} `{name}`{whole}. {said}", if place == "query" { "query parameter" } else { place });
        let wanted = names::snake(key, "api_key");
        let wanted =
            if ["apikey", "api_key", "key", "token", "apikeyauth", "api_key_auth", "hmac"].contains(&wanted.as_str()) {
                "api_key".to_owned()
            } else {
                wanted
            };
        let setting = self.own(&wanted, "Secret?", docs.trim().to_owned());
        Some(match place {
            "header" => Credential::Header { name, setting },
            "query" => Credential::Query { name, setting },
            _ => Credential::Cookie { name, setting },
        })
    }

    /// The setting of this name, made when there is none yet.
    fn shared(&mut self, name: &str, ty: &'static str, docs: String) -> String {
        if self.settings.iter().any(|s| s.name == name) {
            return name.to_owned();
        }
        self.own(name, ty, docs)
    }

    fn own(&mut self, name: &str, ty: &'static str, docs: String) -> String {
        let name = self.names.take(name);
        self.settings.push(Setting { name: name.clone(), ty, default: "none".to_owned(), docs });
        name
    }

    /// A setting for a header that an operation has as a parameter, although it says who calls.
    pub fn header_parameter(&mut self, name: &str) -> Credential {
        let wanted = names::snake(name, "api_key");
        let setting = self.shared(&wanted, "Secret?", format!("Sent as the header `{name}`."));
        Credential::Header { name: name.to_owned(), setting }
    }

    /// A token for a description that does not say how callers show who they are.
    pub fn assumed(&mut self, notes: &mut Notes) -> Option<Credential> {
        if !self.unknown
            || self.settings.iter().any(|s| s.ty.starts_with("Secret"))
                && !self.settings.iter().any(|s| s.name == "token")
        {
            return None;
        }
        notes.guessed("auth", "", "no security scheme: the setting `token` is sent as a bearer token when it is set");
        Some(
            self.bearer(
                "Sent as a bearer token when it is set: the description does not say how callers show who they are."
                    .to_owned(),
            ),
        )
    }

    /// What an operation needs, from its alternatives.
    pub fn needs(&self, operation: &Operation<'_>, notes: &mut Notes) -> Needs {
        let mut needs = Needs::default();
        let alternatives = operation.security.as_ref().map(|s| s.items()).unwrap_or_default();
        let mut possible = 0;
        let mut optional = alternatives.is_empty();
        for alternative in &alternatives {
            let members = alternative.members();
            optional |= members.is_empty();
            let mut together = Vec::new();
            let mut scopes = Vec::new();
            for (key, at) in &members {
                let Some(scheme) = self.schemes.iter().find(|s| s.key == *key) else {
                    notes.left_out("auth", &at.place, format!("the security scheme `{key}`, which is not declared"));
                    continue;
                };
                together.extend(scheme.credential.clone());
                scopes.extend(at.value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            }
            if together.len() < members.len() {
                continue;
            }
            possible += usize::from(!together.is_empty());
            for scope in scopes {
                if !needs.scopes.contains(&scope) {
                    needs.scopes.push(scope);
                }
            }
            for credential in together {
                if !needs.credentials.contains(&credential) {
                    needs.credentials.push(credential);
                }
            }
        }
        needs.required = possible == 1 && !optional;
        needs
    }

    /// A name for a further setting.
    pub fn take_name(&mut self, name: &str) -> String {
        self.names.take(name)
    }
}

/// Whether a parameter of a header holds a credential.
pub fn is_credential(place: In, name: &str) -> bool {
    if place != In::Header {
        return false;
    }
    let lower = name.to_ascii_lowercase().replace(['_', ' '], "-");
    lower == "authorization"
        || lower.contains("api-key")
        || lower.contains("apikey")
        || lower.ends_with("access-token")
        || lower.ends_with("auth-token")
        || lower.ends_with("private-token")
        || lower.ends_with("-secret")
        || lower.ends_with("password")
        || lower == "x-registry-auth"
        || lower == "x-token"
}
