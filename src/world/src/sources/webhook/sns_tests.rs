use std::process::Command;
use std::sync::OnceLock;

use super::*;

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:alarms";
const URL: &str = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem";

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// A key with a certificate, as `openssl` makes them; SNS's own is not to be had.
struct Signer {
    dir: tempfile::TempDir,
    certificate: String,
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let line = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sns.amazonaws.com -keyout k -out c";
        let made = Command::new("openssl").args(line.split(' ')).current_dir(dir.path()).output().expect("`openssl`");
        assert!(made.status.success(), "{made:?}");
        let certificate = std::fs::read_to_string(dir.path().join("c")).unwrap();
        Signer { dir, certificate }
    })
}

impl Signer {
    fn sign(&self, digest: &str, text: &str) -> Vec<u8> {
        let file = self.dir.path().join(format!("m{:?}", std::thread::current().id()));
        std::fs::write(&file, text).unwrap();
        let made = Command::new("openssl")
            .args(["dgst", digest, "-sign", "k"])
            .arg(&file)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    }
}

type Message = serde_json::Map<String, serde_json::Value>;

fn message(kind: &str, version: &str) -> Message {
    let time = jiff::Timestamp::now().to_string();
    let mut message = serde_json::json!({
        "Type": kind, "MessageId": "m-1", "TopicArn": TOPIC, "Message": "{\"a\":1}\nnext", "Timestamp": time,
        "SignatureVersion": version, "SigningCertURL": URL, "Subject": "s",
    });
    if kind != "Notification" {
        message["Token"] = "t".into();
        message["SubscribeURL"] = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription".into();
    }
    let serde_json::Value::Object(message) = message else { panic!() };
    message
}

/// Signs a message as the reference describes it: names and values, a line each, in the order of the alphabet.
fn signed(mut message: Message) -> Message {
    let text = |name: &str| message.get(name).and_then(|v| v.as_str()).map(|v| format!("{name}\n{v}\n"));
    let names: &[&str] = match message["Type"].as_str() {
        Some("Notification") => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
        _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
    };
    let all: String = names.iter().filter_map(|n| text(n)).collect();
    let digest = if message["SignatureVersion"] == "1" { "-sha1" } else { "-sha256" };
    let signature = STANDARD.encode(signer().sign(digest, &all));
    message.insert("Signature".into(), signature.into());
    message
}

fn body(message: &Message) -> Vec<u8> {
    serde_json::Value::from(message.clone()).to_string().into_bytes()
}

fn documents() -> Documents {
    let documents = Documents::default();
    documents.put(URL, Some(&signer().certificate), now());
    documents
}

fn checked(message: &Message) -> Result<(), Reject> {
    check(&["arn:aws:sns:us-east-1:1:other", TOPIC], &body(message), &documents(), now())
}

#[test]
fn messages_of_every_kind_and_version_are_taken() {
    for kind in ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"] {
        for version in ["1", "2"] {
            assert_eq!(checked(&signed(message(kind, version))), Ok(()), "{kind} {version}");
        }
    }
    let mut plain = message("Notification", "2");
    plain.remove("Subject");
    assert_eq!(checked(&signed(plain)), Ok(()));
}

#[test]
fn a_message_that_differs_in_anything_signed_is_refused() {
    for kind in ["Notification", "SubscriptionConfirmation"] {
        let good = signed(message(kind, "2"));
        let names: Vec<String> = good.keys().cloned().collect();
        for name in names {
            for other in [None, Some("")] {
                let mut bad = good.clone();
                match other {
                    None => drop(bad.remove(&name)),
                    Some(other) => drop(bad.insert(name.clone(), other.into())),
                }
                let unsigned = kind != "Notification" && name == "Subject";
                assert_eq!(checked(&bad).is_ok(), unsigned, "{kind} {name} {other:?}");
            }
        }
        let mut other = good.clone();
        other.insert("SignatureVersion".into(), "1".into());
        assert!(matches!(checked(&other), Err(Reject::Unverified(_))));
    }
    for odd in [b"".as_slice(), b"{}", b"[]", b"null", b"\xff", &[b'['; 100_000]] {
        assert!(matches!(check(&[TOPIC], odd, &documents(), now()), Err(Reject::Unverified(_))));
    }
}

#[test]
fn a_certificate_is_asked_for_only_where_sns_has_them() {
    let good = signed(message("Notification", "2"));
    let asked = check(&[TOPIC], &body(&good), &Documents::default(), now());
    assert_eq!(asked, Err(Reject::Needs(URL.to_owned())));
    for url in [
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
        "https://evil.example/https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem?x=1",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-../0.pem",
        "https://sns.eu-central-1.amazonaws.com/bucket/SimpleNotificationService-0.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://s3.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem",
        "HTTPS://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem",
        "",
    ] {
        let mut bad = good.clone();
        bad.insert("SigningCertURL".into(), url.into());
        let verdict = check(&[TOPIC], &body(&bad), &Documents::default(), now());
        assert!(matches!(verdict, Err(Reject::Unverified(_))), "{url}: {verdict:?}");
    }
    assert!(of_aws(
        "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0.pem",
        "arn:aws-cn:sns:cn-north-1:1:t"
    ));
    let sovereign = "https://sns.eusc-de-east-1.amazonaws.eu/SimpleNotificationService-0.pem";
    assert!(of_aws(sovereign, "arn:aws-eusc:sns:eusc-de-east-1:1:t"));
    assert!(!of_aws(sovereign, "arn:aws:sns:eusc-de-east-1:1:t"));
    for topic in ["arn:aws:sqs:eu-central-1:1:t", "arn:aws:sns::1:t", "arn:aws:sns:evil.example/:1:t", "x"] {
        assert!(!of_aws(URL, topic), "{topic}");
    }
}

#[test]
fn topics_times_and_certificates_are_held_to() {
    let good = signed(message("Notification", "2"));
    assert!(matches!(
        check(&["arn:aws:sns:eu-central-1:1:x"], &body(&good), &documents(), now()),
        Err(Reject::Unverified(_))
    ));
    assert!(matches!(
        check(&[TOPIC], &body(&good), &documents(), now() + OLDEST_MS + 60_000),
        Err(Reject::Unverified(_))
    ));
    let mut old = message("Notification", "2");
    old.insert("Timestamp".into(), "2020-01-01T00:00:00Z".into());
    assert!(matches!(checked(&signed(old)), Err(Reject::Unverified(_))));
    let expired = verify(&signer().certificate, Some("2"), b"", b"", now() + 3 * 86_400_000);
    assert_eq!(expired, Err(Reject::Unverified("the certificate of the message has expired")));
    for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(verify(pem, Some("2"), b"", b"", now()), Err(Reject::Misconfigured(_))), "{pem}");
    }
}

#[test]
fn a_hundred_thousand_altered_messages_are_all_refused() {
    let good = signed(message("Notification", "2"));
    let (documents, at) = (documents(), now());
    let signature = STANDARD.decode(good["Signature"].as_str().unwrap()).unwrap();
    let text = format!(
        "Message\n{}\nMessageId\nm-1\nSubject\ns\nTimestamp\n{}\nTopicArn\n{TOPIC}\nType\nNotification\n",
        good["Message"].as_str().unwrap(),
        good["Timestamp"].as_str().unwrap()
    );
    let certificate = documents.get(URL, at).unwrap().text;
    // The certificate is read once: what changes is what is signed.
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap();
    let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(&pem.contents).unwrap();
    let key = certificate.public_key().subject_public_key.data.to_vec();
    let verify = |text: &[u8], signature: &[u8]| {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &key).verify(text, signature).is_ok()
    };
    assert!(verify(text.as_bytes(), &signature));
    let mut random = super::super::tests::random();
    for round in 0..100_000u32 {
        let (mut text, mut signature) = (text.clone().into_bytes(), signature.clone());
        super::super::tests::alter(if random().is_multiple_of(2) { &mut text } else { &mut signature }, &mut random);
        assert!(!verify(&text, &signature), "round {round}");
    }
}
