//! `age:/path/secrets.age#NAME`: a file of secrets that is encrypted with age (https://age-encryption.org/v1), either `NAME=value` lines or a
//! JSON object.
//!
//! `RRB_AGE_IDENTITY` names the file of identities that opens it, or `RRB_AGE_PASSPHRASE` is its passphrase.

#[cfg(feature = "age")]
pub use open::read;

/// The value of a place in an encrypted file.
#[cfg(not(feature = "age"))]
pub fn read(
    place: &super::Place<'_>,
    _: super::Variable<'_>,
) -> Result<secrecy::SecretString, rrb_lang::vm::protocol::Failure> {
    Err(super::refuse(place.reference, "needs a build of rrb with the feature `age`"))
}

#[cfg(feature = "age")]
mod open {
    use std::io::Read as _;
    use std::path::Path;
    use std::sync::LazyLock;
    use std::time::{Duration, SystemTime};

    use ::age::armor::ArmoredReader;
    use ::age::{DecryptError, Decryptor, Identity, IdentityFile};
    use rrb_lang::json::{self, Bounds, Json};
    use rrb_lang::vm::protocol::{Failure, FailureKind};
    use secrecy::SecretString;
    use sha2::{Digest as _, Sha256};

    use super::super::{Held, Place, Variable, failure, refuse};

    /// The largest file, encrypted or not, in bytes.
    const MAX_FILE: u64 = 1 << 20;

    /// The largest file of identities, in bytes.
    const MAX_IDENTITIES: u64 = 64 << 10;

    /// How long an opened file is held: opening one with a passphrase takes about a second.
    const HELD: Duration = Duration::from_secs(300);

    static OPENED: LazyLock<Held<Json>> = LazyLock::new(Held::default);

    /// The value of a place in an encrypted file.
    pub fn read(place: &Place<'_>, variable: Variable<'_>) -> Result<SecretString, Failure> {
        let path = place.document;
        if !path.starts_with('/') || path.contains('\0') {
            return Err(refuse(place.reference, "needs an absolute path, such as `age:/etc/rrb/secrets.age#TOKEN`"));
        }
        let with = (variable("RRB_AGE_IDENTITY"), variable("RRB_AGE_PASSPHRASE"));
        let key = key(path, &with).map_err(|e| unreadable(place, &e))?;
        if let Some(document) = OPENED.get(&key) {
            return place.pick(&document);
        }
        let encrypted = bounded(path, MAX_FILE).map_err(|e| unreadable(place, &e))?;
        let plain = decrypt(place, &encrypted, &with)?;
        let document = document(&plain).ok_or_else(|| {
            refuse(place.reference, "cannot be read: the file holds neither lines `NAME=value` nor a JSON object")
        })?;
        OPENED.put(&key, document.clone(), HELD);
        place.pick(&document)
    }

    /// Path, time of the last change and what it is opened with: another file, another key.
    fn key(path: &str, with: &(Option<String>, Option<String>)) -> std::io::Result<String> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let digest = Sha256::digest(format!("{path}\0{changed:?}\0{}\0{with:?}", meta.len()));
        Ok(digest.iter().map(|b| format!("{b:02x}")).collect())
    }

    fn bounded(path: &str, most: u64) -> std::io::Result<Vec<u8>> {
        // Asked before it is opened: opening a pipe that nobody writes to would hang.
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(std::io::Error::other("it is too large"));
        }
        Ok(bytes)
    }

    fn unreadable(place: &Place<'_>, error: &std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                failure(FailureKind::Forbidden, place.reference, "may not be read by this user")
            }
            _ => refuse(place.reference, &format!("cannot be read: {error}")),
        }
    }

    fn decrypt(
        place: &Place<'_>,
        encrypted: &[u8],
        with: &(Option<String>, Option<String>),
    ) -> Result<Vec<u8>, Failure> {
        let odd = |what: &str| refuse(place.reference, &format!("cannot be opened: {what}"));
        let identities: Vec<Box<dyn Identity>> = match with {
            (Some(file), None) => identities(file).map_err(|what| odd(&what))?,
            (None, Some(passphrase)) => {
                vec![Box::new(::age::scrypt::Identity::new(passphrase.as_str().into()))]
            }
            (Some(_), Some(_)) => return Err(odd("set one of `RRB_AGE_IDENTITY` and `RRB_AGE_PASSPHRASE`, not both")),
            (None, None) => {
                return Err(odd("set `RRB_AGE_IDENTITY` to a file of identities, or `RRB_AGE_PASSPHRASE`"));
            }
        };
        let opened = Decryptor::new(ArmoredReader::new(encrypted))
            .and_then(|d| d.decrypt(identities.iter().map(|i| i.as_ref() as &dyn Identity)));
        let reader = opened.map_err(|error| match error {
            DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
                failure(
                    FailureKind::Forbidden,
                    place.reference,
                    "cannot be opened: the identity or passphrase is not its own",
                )
            }
            DecryptError::ExcessiveWork { .. } => odd("its passphrase asks for too much work"),
            _ => odd("it is no file of age, or a damaged one"),
        })?;
        let mut plain = Vec::new();
        reader.take(MAX_FILE + 1).read_to_end(&mut plain).map_err(|_| odd("it is damaged"))?;
        if plain.len() as u64 > MAX_FILE {
            return Err(odd("it holds more than 1 MiB"));
        }
        Ok(plain)
    }

    fn identities(file: &str) -> Result<Vec<Box<dyn Identity>>, String> {
        let bytes = bounded(file, MAX_IDENTITIES)
            .map_err(|e| format!("the identities in `{}` cannot be read: {e}", Path::new(file).display()))?;
        let odd = || format!("`{file}` holds no identities of age (`AGE-SECRET-KEY-1…`)");
        let file = IdentityFile::from_buffer(bytes.as_slice()).map_err(|_| odd())?;
        let all = file.into_identities().map_err(|_| odd())?;
        if all.is_empty() { Err(odd()) } else { Ok(all.into_iter().map(|i| i as Box<dyn Identity>).collect()) }
    }

    /// A JSON object, or `NAME=value` lines; empty ones and those that begin with `#` are left out.
    fn document(plain: &[u8]) -> Option<Json> {
        let text = std::str::from_utf8(plain).ok()?;
        if text.trim_start().starts_with('{') {
            return json::parse(text.trim().as_bytes(), Bounds::default()).ok();
        }
        let lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let pairs = lines.map(|line| line.split_once('=').map(|(name, value)| (name.trim(), Json::from(value))));
        pairs.collect::<Option<Vec<_>>>().map(Json::object)
    }

    #[cfg(test)]
    mod tests {
        use ::age::secrecy::ExposeSecret as _;
        use rrb_lang::vm::protocol::Happened;

        use super::*;

        struct Files(tempfile::TempDir);

        impl Files {
            fn put(&self, name: &str, bytes: &[u8]) -> String {
                let path = self.0.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                path.display().to_string()
            }
        }

        fn get(path: &str, field: &str, environment: &[(&str, &str)]) -> Result<String, Failure> {
            let reference = format!("age:{path}#{field}");
            let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            let place = Place::of(&reference, reference.strip_prefix("age:").unwrap())?;
            read(&place, &variable).map(|s| secrecy::ExposeSecret::expose_secret(&s).to_owned())
        }

        #[test]
        fn a_file_is_opened_with_an_identity_or_a_passphrase() {
            let files = Files(tempfile::tempdir().unwrap());
            let key = ::age::x25519::Identity::generate();
            let identity = files.put("id", format!("# mine\n{}\n", key.to_string().expose_secret()).as_bytes());
            let lines = b"# of the project\nTOKEN=canary=1 \n\nOTHER= x\n";
            let with_key = files.put("a.age", &::age::encrypt(&key.to_public(), lines).unwrap());
            let with = [("RRB_AGE_IDENTITY", identity.as_str())];
            assert_eq!(get(&with_key, "TOKEN", &with).unwrap(), "canary=1");
            assert_eq!(get(&with_key, "OTHER", &with).unwrap(), " x");

            let json = br#"{"TOKEN": "canary-2", "key": {"a": 1}}"#;
            let armored = ::age::encrypt_and_armor(&key.to_public(), json).unwrap();
            let armored = files.put("b.age", armored.as_bytes());
            assert_eq!(get(&armored, "TOKEN", &with).unwrap(), "canary-2");
            assert_eq!(get(&armored, "key", &with).unwrap(), r#"{"a":1}"#);

            let mut recipient = ::age::scrypt::Recipient::new("pass phrase".into());
            recipient.set_work_factor(2);
            let locked = files.put("c.age", &::age::encrypt(&recipient, lines).unwrap());
            assert_eq!(get(&locked, "TOKEN", &[("RRB_AGE_PASSPHRASE", "pass phrase")]).unwrap(), "canary=1");
            // Not what another key opened is given to one that is wrong.
            let wrong = get(&locked, "TOKEN", &[("RRB_AGE_PASSPHRASE", "guess")]).unwrap_err();
            assert_eq!((wrong.kind, wrong.happened), (FailureKind::Forbidden, Happened::No));
        }

        #[test]
        fn what_cannot_be_opened_is_a_failure_without_what_is_in_it() {
            let files = Files(tempfile::tempdir().unwrap());
            let (key, other) = (::age::x25519::Identity::generate(), ::age::x25519::Identity::generate());
            let identity = files.put("id", key.to_string().expose_secret().as_bytes());
            let seal = |plain: &[u8]| ::age::encrypt(&key.to_public(), plain).unwrap();
            let good = seal(b"TOKEN=canary");
            let mut damaged = good.clone();
            *damaged.last_mut().unwrap() ^= 1;
            let of_other = ::age::encrypt(&other.to_public(), b"TOKEN=canary").unwrap();
            let with = vec![("RRB_AGE_IDENTITY", identity.as_str())];
            let path = files.put("good", &good);
            let no_identity = files.put("no", b"canary");
            for (path, with, kind, part) in [
                (files.put("1", &of_other), with.clone(), FailureKind::Forbidden, "not its own"),
                (files.put("2", &damaged), with.clone(), FailureKind::Invalid, "damaged"),
                (files.put("3", &good[..good.len() - 20]), with.clone(), FailureKind::Invalid, "damaged"),
                (files.put("4", b"TOKEN=canary"), with.clone(), FailureKind::Invalid, "no file of age"),
                (files.put("5", b""), with.clone(), FailureKind::Invalid, "no file of age"),
                (files.put("6", &seal(b"canary without a name")), with.clone(), FailureKind::Invalid, "neither lines"),
                (files.put("7", &seal(b"{\"canary\"")), with.clone(), FailureKind::Invalid, "neither lines"),
                (files.put("8", &seal(b"\xff")), with.clone(), FailureKind::Invalid, "neither lines"),
                (files.put("9", &seal(&vec![b'x'; (1 << 20) + 1])), with.clone(), FailureKind::Invalid, "too large"),
                (files.put("10", &vec![b'x'; (1 << 20) + 1]), with.clone(), FailureKind::Invalid, "too large"),
                (path.clone(), vec![], FailureKind::Invalid, "set `RRB_AGE_IDENTITY`"),
                (
                    path.clone(),
                    vec![("RRB_AGE_IDENTITY", "/no/such"), ("RRB_AGE_PASSPHRASE", "x")],
                    FailureKind::Invalid,
                    "not both",
                ),
                (path.clone(), vec![("RRB_AGE_IDENTITY", "/no/such")], FailureKind::Invalid, "cannot be read"),
                (path.clone(), vec![("RRB_AGE_IDENTITY", no_identity.as_str())], FailureKind::Invalid, "no identities"),
                ("/no/such".to_owned(), with.clone(), FailureKind::Invalid, "cannot be read"),
                ("/".to_owned(), with.clone(), FailureKind::Invalid, "no regular file"),
                ("relative".to_owned(), with.clone(), FailureKind::Invalid, "absolute path"),
            ] {
                let failure = get(&path, "TOKEN", &with).unwrap_err();
                assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
                assert!(
                    failure.message.contains(part) && !failure.message.contains("canary"),
                    "{part}: {}",
                    failure.message
                );
            }
            assert!(get(&path, "MISSING", &with).unwrap_err().message.contains("no such field"));
        }

        #[test]
        fn a_changed_file_is_read_again() {
            let files = Files(tempfile::tempdir().unwrap());
            let key = ::age::x25519::Identity::generate();
            let identity = files.put("id", key.to_string().expose_secret().as_bytes());
            let with = [("RRB_AGE_IDENTITY", identity.as_str())];
            for value in ["one", "other"] {
                let path =
                    files.put("s.age", &::age::encrypt(&key.to_public(), format!("T={value}").as_bytes()).unwrap());
                assert_eq!(get(&path, "T", &with).unwrap(), value);
            }
        }
    }
}
