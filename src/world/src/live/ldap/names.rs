//! Names and filters with values in them: `$1` is the first of `params`, escaped for where it stands.

use rrb_lang::vm::protocol::Failure;

use super::super::fail::invalid;

/// The longest name or filter, in bytes, and the most values for it.
const MAX_TEXT: usize = 16 << 10;
const MAX_PARAMS: usize = 1_000;

/// The name of an entry with its values. One that is all of it, `$1`, is the name of an entry itself, as a search gives it.
pub fn dn(name: &str, text: &str, params: &[&str]) -> Result<String, Failure> {
    if let ("$1", [whole]) = (text, params) {
        return if whole.len() > MAX_TEXT || whole.contains('\0') {
            Err(invalid(format!("the value of `{name}` is at most 16 KiB, without zero bytes")))
        } else {
            Ok((*whole).to_owned())
        };
    }
    filled(name, text, params, |value| ldap3::dn_escape(value).into_owned())
}

/// A filter with its values.
pub fn filter(text: &str, params: &[&str]) -> Result<String, Failure> {
    let filled = filled("filter", text, params, |value| ldap3::ldap_escape(value).into_owned())?;
    if ldap3::parse_filter(&filled).is_err() {
        return Err(invalid(format!(
            "`{}` is no filter, such as `(&(objectClass=person)(uid=$1))`",
            text.escape_debug()
        )));
    }
    Ok(filled)
}

fn filled(name: &str, text: &str, params: &[&str], escape: impl Fn(&str) -> String) -> Result<String, Failure> {
    if text.len() > MAX_TEXT || text.contains('\0') || params.len() > MAX_PARAMS {
        return Err(invalid(format!(
            "`{name}` is at most 16 KiB, without zero bytes, with at most {MAX_PARAMS} `params`"
        )));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(digits);
        let value = number.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).and_then(|n| params.get(n));
        let value = value.ok_or_else(|| {
            invalid(format!("`{name}` says `${number}`, and `params` has {} values: `$1` is the first", params.len()))
        })?;
        out.push_str(&escape(value));
        rest = after;
    }
    out.push_str(rest);
    if out.len() > MAX_TEXT {
        return Err(invalid(format!("`{name}` is longer than 16 KiB with its values")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_neither_a_filter_nor_a_name() {
        assert_eq!(
            filter("(&(uid=$1)(cn=$2))", &["*)(uid=*", "a\\b"]).unwrap(),
            r"(&(uid=\2a\29\28uid=\2a)(cn=a\5cb))"
        );
        assert_eq!(filter("(cn=$1)", &["a\0"]).unwrap(), r"(cn=a\00)");
        assert_eq!(dn("dn", "uid=$1,ou=$2", &["x,ou=admins", " a+b"]).unwrap(), r"uid=x\2cou\3dadmins,ou=\20a\2bb");
        assert_eq!(dn("dn", "cn=$10", &["a"; 10]).unwrap(), "cn=a");
    }

    #[test]
    fn the_name_of_an_entry_stays_as_it_is() {
        let found = r"CN=Lima\, Ana,OU=people,DC=example,DC=com";
        assert_eq!(dn("dn", "$1", &[found]).unwrap(), found);
        assert_eq!(dn("dn", "$1", &["cn=web$,dc=example"]).unwrap(), "cn=web$,dc=example");
        assert_eq!(dn("dn", "$1,dc=com", &["cn=a"]).unwrap(), r"cn\3da,dc=com");
        assert!(dn("dn", "$1", &["cn=a\0"]).is_err());
        assert!(dn("dn", "$1", &["cn=a", "cn=b"]).is_ok_and(|name| name == r"cn\3da"));
        assert!(dn("dn", "$1", &[&"x".repeat(MAX_TEXT)]).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (text, params) in [
            ("(uid=$1)", &[][..]),
            ("(uid=$2)", &["a"]),
            ("(uid=$0)", &["a"]),
            ("(uid=$)", &["a"]),
            ("(uid=$99999999999999999999)", &["a"]),
        ] {
            assert!(filter(text, params).unwrap_err().message.contains("`params` has"), "{text}");
        }
        for text in ["", "(uid=a", "(uid=a))", "(&(uid=a)"] {
            assert!(filter(text, &[]).is_err(), "{text}");
        }
        for (length, fits) in [(MAX_TEXT, true), (MAX_TEXT + 1, false)] {
            assert_eq!(dn("dn", &"x".repeat(length), &[]).is_ok(), fits);
        }
        assert!(dn("dn", "$1", &[&"x".repeat(MAX_TEXT + 1)]).is_err());
    }
}
