//! Tokens: `rrb_ID_SECRET`. The secret is 256 random bits; only its SHA-256 is kept.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a secret.
const SECRET: usize = 32;

/// The longest text that is looked at as a token.
const MAX_TOKEN: usize = 256;

/// A new token. Its text is shown once and kept nowhere.
pub struct Minted {
    /// Names it in lists and in the audit log.
    pub id: String,
    /// SHA-256, hex, of the secret part.
    pub hash: String,
    text: String,
}

impl Minted {
    /// Draws a new one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> io::Result<Self> {
        let id = hex(&random::<6>()?);
        Self::with_id(&id)
    }

    fn with_id(id: &str) -> io::Result<Self> {
        let secret = hex(&random::<SECRET>()?);
        Ok(Self { id: id.to_owned(), hash: hash(&secret), text: format!("rrb_{id}_{secret}") })
    }

    /// The token itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minted({})", self.id)
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

/// The id and the secret in a token's text; none when it is no token.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    if text.len() > MAX_TOKEN {
        return None;
    }
    let (id, secret) = text.strip_prefix("rrb_")?.rsplit_once('_')?;
    (!id.is_empty() && secret.len() == 2 * SECRET).then_some((id, secret))
}

/// Whether a secret is the one that was hashed, in a time that tells nothing.
pub(crate) fn matches(secret: &str, kept: &str) -> bool {
    hash(secret).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// The token of whoever may read the daemon's state folder: every scope but `approvals:vote`. New at each start of the daemon.
#[derive(Clone)]
pub struct LocalToken {
    pub(crate) id: String,
    pub(crate) hash: String,
}

impl LocalToken {
    /// Its id, which no other token has.
    pub const ID: &'static str = "operator";

    /// Its place in a state folder.
    pub fn path(state: &Path) -> PathBuf {
        state.join("operator.token")
    }

    /// Draws a new one and puts it in its place, readable for the folder's owner alone.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(state: &Path) -> io::Result<Self> {
        let minted = Minted::with_id(Self::ID)?;
        let (path, fresh) = (Self::path(state), state.join("operator.token.new"));
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{}", minted.reveal())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        Ok(Self { id: minted.id, hash: minted.hash })
    }

    /// The text of the one in its place, for a client on this machine.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    pub fn read(state: &Path) -> io::Result<String> {
        let mut text = String::new();
        fs::File::open(Self::path(state))?.take(MAX_TOKEN as u64 + 1).read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }
}

impl fmt::Debug for LocalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalToken({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_has_256_random_bits_and_says_nothing_in_debug() {
        let minted: Vec<Minted> = (0..200).map(|_| Minted::new().unwrap()).collect();
        let texts: HashSet<&str> = minted.iter().map(Minted::reveal).collect();
        assert_eq!(texts.len(), 200);
        for token in &minted {
            let (id, secret) = split(token.reveal()).unwrap();
            assert_eq!((id, secret.len()), (token.id.as_str(), 64));
            assert!(matches(secret, &token.hash));
            assert!(!token.hash.contains(secret) && !format!("{token:?}").contains(secret));
        }
        let (_, other) = split(minted[1].reveal()).unwrap();
        assert!(!matches(other, &minted[0].hash));
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let secret = "a".repeat(64);
        for wrong in [
            "",
            "rrb_",
            "rrb__",
            &format!("rrb__{secret}"),
            &format!("rrb_id_{}", "a".repeat(63)),
            &format!("rrb_id_{}", "a".repeat(65)),
            &format!("RRB_id_{secret}"),
            &secret,
            &format!("rrb_{}_{secret}", "i".repeat(300)),
        ] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
        assert_eq!(split(&format!("rrb_a_b_{secret}")), Some(("a_b", secret.as_str())));
    }

    #[test]
    fn the_operators_token_is_for_the_owner_and_new_each_time() {
        let dir = tempfile::tempdir().unwrap();
        LocalToken::read(dir.path()).unwrap_err();
        let first = LocalToken::create(dir.path()).unwrap();
        let text = LocalToken::read(dir.path()).unwrap();
        let mode = fs::metadata(LocalToken::path(dir.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches(split(&text).unwrap().1, &first.hash));
        fs::write(dir.path().join("operator.token.new"), "left by a crash").unwrap();
        let second = LocalToken::create(dir.path()).unwrap();
        assert!(!matches(split(&text).unwrap().1, &second.hash));
        assert!(LocalToken::create(&dir.path().join("missing")).is_err());
    }
}
