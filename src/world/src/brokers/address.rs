//! Where a broker is.

use std::fmt;

use rrb_lang::vm::protocol::Failure;
use url::Url;

use super::invalid;

/// The parts of a broker's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub scheme: &'static str,
    /// An IPv6 address stands in brackets.
    pub host: String,
    pub port: u16,
    pub tls: bool,
    /// What stands behind the host, without the first `/`; still percent-encoded.
    pub path: Option<String>,
}

/// A scheme, whether it means TLS, and the port that goes without saying.
pub type Scheme = (&'static str, bool, u16);

impl Address {
    /// Reads an address of one of these schemes.
    ///
    /// # Errors
    /// `invalid` when it is another one, or holds what no address of a broker has.
    pub fn parse(text: &str, schemes: &[Scheme]) -> Result<Self, Failure> {
        let url = Url::parse(text).map_err(|e| invalid(format!("the address of the broker is no URL: {e}")))?;
        let Some((scheme, tls, port)) = schemes.iter().find(|(s, ..)| *s == url.scheme()) else {
            let known: Vec<String> = schemes.iter().map(|(s, ..)| format!("`{s}://`")).collect();
            let known = known.join(" or ");
            return Err(invalid(format!(
                "the address of the broker begins with {known}, not with `{}:`",
                url.scheme()
            )));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(
                "the address of a broker holds no user and password: give them as `user` and `password`",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("the address of a broker holds nothing behind `?` or `#`"));
        }
        let host = url.host_str().filter(|h| !h.is_empty());
        let host = host.ok_or_else(|| invalid("the address of the broker names no host"))?.to_owned();
        let path = url.path().strip_prefix('/').map(str::to_owned);
        Ok(Self { scheme, host, port: url.port().unwrap_or(*port), tls: *tls, path })
    }

    /// The host as certificates name it.
    pub fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Refuses a path, which this broker's addresses do not have.
    pub fn without_path(self) -> Result<Self, Failure> {
        match self.path.as_deref() {
            None | Some("") => Ok(self),
            Some(path) => Err(invalid(format!("the address of the broker ends with the port, not with `/{path}`"))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}://{}:{}`", self.scheme, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMES: &[Scheme] = &[("nats", false, 4222), ("tls", true, 4222)];

    #[test]
    fn an_address_has_scheme_host_and_port() {
        for (text, host, port, tls) in [
            ("nats://a.example", "a.example", 4222, false),
            ("tls://a.example:1/", "a.example", 1, true),
            ("nats://[::1]:4223", "[::1]", 4223, false),
            ("nats://127.0.0.1", "127.0.0.1", 4222, false),
        ] {
            let address = Address::parse(text, SCHEMES).and_then(Address::without_path).unwrap();
            assert_eq!((address.host.as_str(), address.port, address.tls), (host, port, tls));
        }
        assert_eq!(Address::parse("nats://[::1]", SCHEMES).unwrap().name(), "::1");
    }

    #[test]
    fn what_is_no_address_is_said_without_a_password() {
        for (text, why) in [
            ("", "no URL"),
            ("a.example:4222", "begins with `nats://` or `tls://`"),
            ("http://a", "begins with `nats://` or `tls://`, not with `http:`"),
            ("nats://", "names no host"),
            ("nats://u:geheim@a", "give them as `user` and `password`"),
            ("nats://u@a", "give them as `user` and `password`"),
            ("nats://a?tls=0", "behind `?`"),
            ("nats://a#b", "behind `?`"),
            ("nats://a/b", "not with `/b`"),
        ] {
            let failure = Address::parse(text, SCHEMES).and_then(Address::without_path).unwrap_err();
            assert!(
                failure.message.contains(why) && !failure.message.contains("geheim"),
                "{text}: {}",
                failure.message
            );
        }
    }
}
