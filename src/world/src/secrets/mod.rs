//! Secrets, resolved at the edge and as late as possible. What they are is in no error, log or debug output.

mod scrub;
mod stores;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rrb_lang::value::Secret;
use rrb_lang::vm::protocol::{Failure, FailureKind, Happened};
pub use scrub::Scrubber;
pub use secrecy::{ExposeSecret, SecretString};

/// The longest secret, in bytes.
pub const MAX_BYTES: usize = 64 << 10;

/// How many times a secret may be wrapped (`prefixed`, `suffixed`, `base64`).
const MAX_WRAPS: usize = 64;

/// The value of a secret: what its reference names, with prefix, suffix and Base64 applied.
///
/// `env:NAME` is a variable of the process; `file:/path` the content of a file, without the line breaks at its end; `vault:PATH#FIELD` is kept in
/// Vault, `age:/path#NAME` in an encrypted file. Reads files and asks a store, so call it where blocking is fine.
///
/// # Errors
/// `invalid` when the reference is of another form, when the secret is not set, empty, not UTF-8 or longer than [`MAX_BYTES`];
/// `forbidden` when the file may not be read. The message names the reference, never the value; nothing has happened yet.
pub fn resolve(secret: &Secret) -> Result<SecretString, Failure> {
    resolve_and_learn(secret, None)
}

/// Like [`resolve`]; the scrubber then knows the value, so that it can be kept out of everything that leaves the world.
pub fn resolve_and_learn(secret: &Secret, scrubber: Option<&Scrubber>) -> Result<SecretString, Failure> {
    let value = unwrap(secret, scrubber, MAX_WRAPS)?;
    if let (Some(scrubber), false) = (scrubber, matches!(secret, Secret::Ref(_))) {
        scrubber.learn(secret.reference(), value.expose_secret());
    }
    Ok(value)
}

/// Whether reading the secret may take long: a store is asked, or a file decrypted. What was read is held for a while.
pub fn is_slow(secret: &Secret) -> bool {
    secret.reference().starts_with("vault:") || secret.reference().starts_with("age:")
}

fn unwrap(secret: &Secret, scrubber: Option<&Scrubber>, wraps: usize) -> Result<SecretString, Failure> {
    let Some(wraps) = wraps.checked_sub(1) else {
        return Err(refuse(secret.reference(), "is wrapped too many times"));
    };
    let value = match secret {
        Secret::Ref(reference) => {
            let value = read(reference, scrubber)?;
            if let Some(scrubber) = scrubber {
                scrubber.learn(reference, value.expose_secret());
            }
            value
        }
        Secret::Prefixed(prefix, inner) => {
            let inner = unwrap(inner, scrubber, wraps)?;
            SecretString::from(format!("{prefix}{}", inner.expose_secret()))
        }
        Secret::Suffixed(inner, suffix) => {
            let inner = unwrap(inner, scrubber, wraps)?;
            SecretString::from(format!("{}{suffix}", inner.expose_secret()))
        }
        Secret::Base64(inner) => SecretString::from(STANDARD.encode(unwrap(inner, scrubber, wraps)?.expose_secret())),
    };
    if value.expose_secret().len() > 2 * MAX_BYTES {
        return Err(refuse(secret.reference(), "is too long after `prefixed`, `suffixed` or `base64`"));
    }
    Ok(value)
}

fn refuse(reference: &str, what: &str) -> Failure {
    failure(FailureKind::Invalid, reference, what)
}

fn failure(kind: FailureKind, reference: &str, what: &str) -> Failure {
    Failure::new(kind, format!("the secret `{reference}` {what}")).happened(Happened::No)
}

fn read(reference: &str, scrubber: Option<&Scrubber>) -> Result<SecretString, Failure> {
    let place = |rest| stores::Place::of(reference, rest);
    // What opens a store is as secret as what is in it.
    let learn = |text: &str| scrubber.into_iter().for_each(|s| s.learn("vault", text));
    let value = match reference.split_once(':') {
        Some(("env", name)) => from_env(reference, name)?,
        Some(("file", path)) => from_file(reference, path)?,
        Some(("vault", rest)) => stores::vault::read(&place(rest)?, &stores::variable, &learn)?,
        Some(("age", rest)) => stores::age::read(&place(rest)?, &stores::variable)?,
        // What stands there may be the secret itself, pasted in the place of its reference: it is not repeated.
        _ => {
            let what = "a secret is given by a reference, such as `env:NAME` or `file:/path`; another text stands in its place";
            return Err(Failure::new(FailureKind::Invalid, what).happened(Happened::No));
        }
    };
    let text = value.expose_secret();
    if text.is_empty() {
        return Err(refuse(reference, "is empty"));
    }
    if text.len() > MAX_BYTES {
        return Err(refuse(reference, "is longer than 64 KiB"));
    }
    if text.contains('\0') {
        return Err(refuse(reference, "contains a zero byte"));
    }
    Ok(value)
}

fn from_env(reference: &str, name: &str) -> Result<SecretString, Failure> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(refuse(reference, "names no variable"));
    }
    match std::env::var(name) {
        Ok(value) => Ok(SecretString::from(value)),
        Err(std::env::VarError::NotPresent) => {
            Err(refuse(reference, "is not set: set the variable in the environment of `rrb`, or change the reference"))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err(refuse(reference, "is not UTF-8")),
    }
}

fn from_file(reference: &str, path: &str) -> Result<SecretString, Failure> {
    if !path.starts_with('/') || path.contains('\0') {
        return Err(refuse(reference, "needs an absolute path, such as `file:/run/secrets/slack`"));
    }
    let unreadable = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => refuse(reference, "is not there: the file does not exist"),
        std::io::ErrorKind::PermissionDenied => {
            failure(FailureKind::Forbidden, reference, "may not be read by this user")
        }
        kind => refuse(reference, &format!("cannot be read: {kind}")),
    };
    // Without waiting: opening a pipe that nobody writes to would hang.
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(nonblock).open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(refuse(reference, "is no regular file"));
    }
    if meta.permissions().mode() & 0o006 != 0 {
        tracing::warn!(reference, "the file of a secret is open to every user of this machine: set its mode to 600");
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 3).read_to_end(&mut bytes).map_err(unreadable)?;
    let mut text = String::from_utf8(bytes).map_err(|_| refuse(reference, "is not UTF-8"))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, Secret) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, content).unwrap();
        let secret = Secret::Ref(format!("file:{}", path.display()).into());
        (dir, secret)
    }

    fn of(reference: &str) -> Result<SecretString, Failure> {
        resolve(&Secret::Ref(reference.into()))
    }

    #[test]
    fn a_file_loses_the_line_breaks_at_its_end_only() {
        let (_dir, secret) = file(b"  s3cret \nwith two lines\r\n\n");
        assert_eq!(resolve(&secret).unwrap().expose_secret(), "  s3cret \nwith two lines");
    }

    #[test]
    fn a_variable_is_read() {
        assert_eq!(of("env:CARGO_PKG_NAME").unwrap().expose_secret(), "rrb-world");
    }

    #[test]
    fn wraps_apply_from_the_inside() {
        let (_dir, secret) = file(b"abc");
        let wrapped = Secret::Prefixed(
            "Key ".into(),
            Arc::new(Secret::Base64(Arc::new(Secret::Suffixed(Arc::new(secret), ":x".into())))),
        );
        assert_eq!(resolve(&wrapped).unwrap().expose_secret(), format!("Key {}", STANDARD.encode("abc:x")));
    }

    #[test]
    fn length_is_bounded() {
        for (len, fits) in [(MAX_BYTES - 1, true), (MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            let (_dir, secret) = file(&vec![b'x'; len]);
            assert_eq!(resolve(&secret).is_ok(), fits, "{len}");
        }
        let (_dir, secret) = file(&[vec![b'x'; MAX_BYTES], b"\r\n".to_vec()].concat());
        assert!(resolve(&secret).is_ok());
    }

    #[test]
    fn wraps_are_bounded() {
        let wrap = |n: usize| {
            (0..n).fold(Secret::Ref("env:CARGO_PKG_NAME".into()), |s, _| Secret::Suffixed(Arc::new(s), "x".into()))
        };
        assert!(resolve(&wrap(MAX_WRAPS - 1)).is_ok());
        assert!(resolve(&wrap(MAX_WRAPS)).unwrap_err().message.contains("wrapped too many times"));
    }

    #[test]
    fn what_cannot_be_resolved_is_named_and_did_not_happen() {
        let (dir, _) = file(b"x");
        let missing = format!("file:{}/none", dir.path().display());
        let folder = format!("file:{}", dir.path().display());
        for (reference, part) in [
            ("env:RRB_TEST_NOT_SET", "is not set"),
            ("env:", "names no variable"),
            ("env:A=B", "names no variable"),
            ("file:relative", "absolute path"),
            (missing.as_str(), "does not exist"),
            (folder.as_str(), "no regular file"),
            ("vault:kv/x", "names no field"),
            ("age:/x", "names no field"),
            ("keyring:x", "given by a reference"),
        ] {
            let failure = of(reference).unwrap_err();
            assert!(failure.message.contains(part), "{}", failure.message);
            assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No));
        }
        for content in [b"".as_slice(), b"\n", b"\xff\xfe", b"a\0b"] {
            let (_dir, secret) = file(content);
            assert!(resolve(&secret).is_err());
        }
    }

    #[test]
    fn a_secret_pasted_in_place_of_its_reference_is_not_repeated() {
        let failure = of("xoxb-12345-canary").unwrap_err();
        assert!(!format!("{failure:?}").contains("canary"));
    }

    #[test]
    fn a_pipe_does_not_hang() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert!(of(&format!("file:{}", path.display())).is_err());
    }

    #[test]
    fn the_value_is_in_no_debug_output() {
        let (_dir, secret) = file(b"canary-value");
        assert!(!format!("{:?} {secret:?} {secret}", resolve(&secret).unwrap()).contains("canary-value"));
    }
}
