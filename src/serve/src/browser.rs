//! Pages of other sites must not speak for the person who looks at them: requests of a browser are told by the headers that it adds and
//! no page can remove.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header};

use crate::config::ServeConfig;
use crate::problem::Problem;

/// Refuses a writing request that comes from a page of another site, and every request of a browser that was led here by a name that is
/// not ours (DNS rebinding).
pub(crate) fn check(method: &Method, headers: &HeaderMap, config: &ServeConfig) -> Result<(), Problem> {
    let one = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let origin = one("origin");
    let site = one("sec-fetch-site");
    if origin.is_none() && site.is_none() {
        return Ok(());
    }
    let host = one(header::HOST.as_str()).unwrap_or_default();
    if !ours(host, config) {
        return Err(foreign(&format!("`{}` is not a name of this daemon", shown(host)))
            .help("use its address, `localhost`, or add the name to `hosts` in `[serve]`"));
    }
    if method == Method::GET || method == Method::HEAD {
        return Ok(());
    }
    let same_site = site.is_none_or(|s| matches!(s, "same-origin" | "none"));
    let same_origin = origin.is_none_or(|o| {
        let bare = o.strip_prefix("http://").or_else(|| o.strip_prefix("https://"));
        bare.is_some_and(|o| o.eq_ignore_ascii_case(host))
    });
    if same_site && same_origin {
        return Ok(());
    }
    Err(foreign("a page of another site cannot change anything here"))
}

fn foreign(detail: &str) -> Problem {
    Problem::new("forbidden", detail)
}

fn shown(host: &str) -> String {
    host.chars().take(100).collect()
}

/// Whether a `host` header names this daemon.
fn ours(host: &str, config: &ServeConfig) -> bool {
    let name = without_port(host);
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|ip| config.allow_remote || ip.is_loopback())
        || config.hosts.iter().any(|h| h.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: Method, headers: &[(&'static str, &str)], config: &ServeConfig) -> bool {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        check(&method, &headers, config).is_ok()
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let config = ServeConfig::new("127.0.0.1:7117".parse().unwrap());
        let here = ("host", "127.0.0.1:7117");
        for (allowed, method, headers) in [
            (true, Method::POST, vec![here]),
            (true, Method::POST, vec![("host", "anything:1")]),
            (true, Method::POST, vec![here, ("origin", "http://127.0.0.1:7117")]),
            (true, Method::POST, vec![here, ("origin", "http://127.0.0.1:7117"), ("sec-fetch-site", "same-origin")]),
            (true, Method::POST, vec![("host", "LOCALHOST:7117"), ("origin", "http://localhost:7117")]),
            (true, Method::POST, vec![("host", "[::1]:7117"), ("origin", "http://[::1]:7117")]),
            (true, Method::GET, vec![here, ("origin", "http://evil.example")]),
            (false, Method::POST, vec![here, ("origin", "http://evil.example")]),
            (false, Method::POST, vec![here, ("origin", "null")]),
            (false, Method::POST, vec![here, ("origin", "http://127.0.0.1:8080")]),
            (false, Method::POST, vec![here, ("origin", "http://localhost:7117")]),
            (false, Method::POST, vec![here, ("origin", "http://127.0.0.1:7117.evil.example")]),
            (false, Method::POST, vec![here, ("sec-fetch-site", "cross-site")]),
            (false, Method::DELETE, vec![here, ("sec-fetch-site", "same-site")]),
            (false, Method::POST, vec![("host", "evil.example:7117"), ("origin", "http://evil.example:7117")]),
            (false, Method::GET, vec![("host", "evil.example:7117"), ("sec-fetch-site", "same-origin")]),
            (false, Method::GET, vec![("host", "10.0.0.5:7117"), ("sec-fetch-site", "same-origin")]),
            (false, Method::POST, vec![("origin", "http://127.0.0.1:7117")]),
        ] {
            assert_eq!(verdict(method.clone(), &headers, &config), allowed, "{method} {headers:?}");
        }
    }

    #[test]
    fn names_can_be_added_and_addresses_count_when_remote() {
        let mut config = ServeConfig::new("0.0.0.0:7117".parse().unwrap());
        config.allow_remote = true;
        let named = [("host", "rrb.example"), ("origin", "https://rrb.example")];
        assert!(!verdict(Method::POST, &named, &config));
        config.hosts.push("rrb.example".to_owned());
        assert!(verdict(Method::POST, &named, &config));
        assert!(verdict(Method::POST, &[("host", "10.0.0.5:7117"), ("origin", "http://10.0.0.5:7117")], &config));
    }
}
