use std::sync::Arc;

use proptest::prelude::*;
use rrb_lang::value::Secret;

use super::*;

/// Without documents at hand.
fn verify(
    scheme: &str,
    args: &[(SmolStr, Value)],
    headers: &BTreeMap<String, String>,
    body: &[u8],
    now: Millis,
) -> Result<(), Reject> {
    super::verify(scheme, args, headers, body, now, &Documents::default())
}

const BODY: &[u8] = br#"{"alert":"DiskFull"}"#;
const NOW: Millis = 1_700_000_000_000;

/// A secret in a file of its own; the folder lives as long as the secret is needed.
struct Kept {
    _dir: tempfile::TempDir,
    value: Value,
}

fn kept(value: &str) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    std::fs::write(&path, value).unwrap();
    let value = Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())));
    Kept { _dir: dir, value }
}

fn headers(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
    parts.iter().for_each(|p| mac.update(p));
    mac.finalize().into_bytes().to_vec()
}

type Case = (&'static str, Vec<(SmolStr, Value)>, BTreeMap<String, String>);

/// Scheme, further arguments, and headers that are right for `BODY` at `NOW` with the secret `s3cret-s3cret`.
fn right() -> Vec<Case> {
    let key = b"s3cret-s3cret";
    let plain = hex(&mac(key, &[BODY]));
    let timed = STANDARD.encode(mac(key, &[b"1700000000", b".", BODY]));
    let slack = hex(&mac(key, &[b"v0:1700000000:", BODY]));
    let stripe = mac(key, &[b"1700000000", b".", BODY]);
    vec![
        ("bearer", vec![], headers(&[("authorization", "Bearer s3cret-s3cret")])),
        (
            "basic",
            vec![("user".into(), Value::text("am"))],
            headers(&[("authorization", &format!("Basic {}", STANDARD.encode("am:s3cret-s3cret")))]),
        ),
        ("header", vec![("header".into(), Value::text("X-Token"))], headers(&[("x-token", "s3cret-s3cret")])),
        (
            "header",
            vec![("header".into(), Value::text("authorization")), ("prefix".into(), Value::text("Token "))],
            headers(&[("authorization", "Token s3cret-s3cret")]),
        ),
        ("github_signature", vec![], headers(&[("x-hub-signature-256", &format!("sha256={plain}"))])),
        ("hmac", vec![("header".into(), Value::text("X-Sig"))], headers(&[("x-sig", &plain)])),
        (
            "hmac",
            vec![
                ("header".into(), Value::text("x-sig")),
                ("prefix".into(), Value::text("v1=")),
                ("encoding".into(), Value::text("base64")),
                ("timestamp_header".into(), Value::text("X-Time")),
            ],
            headers(&[("x-sig", &format!("v1={timed}")), ("x-time", "1700000000")]),
        ),
        (
            "stripe_signature",
            vec![],
            headers(&[("stripe-signature", &format!("t=1700000000,v1={},v0=00", hex(&stripe)))]),
        ),
        (
            "hmac",
            vec![("header".into(), Value::text("x-pagerduty-signature")), ("prefix".into(), Value::text("v1="))],
            headers(&[("x-pagerduty-signature", &format!("v1=00,v1={plain}"))]),
        ),
        (
            "hmac",
            vec![
                ("header".into(), Value::text("x-zm-signature")),
                ("prefix".into(), Value::text("v0=")),
                ("timestamp_header".into(), Value::text("x-zm-request-timestamp")),
                ("signs".into(), Value::text("v0:{timestamp}:{body}")),
            ],
            headers(&[("x-zm-signature", &format!("v0={slack}")), ("x-zm-request-timestamp", "1700000000")]),
        ),
        (
            "slack_signature",
            vec![],
            headers(&[("x-slack-signature", &format!("v0={slack}")), ("x-slack-request-timestamp", "1700000000")]),
        ),
    ]
}

fn with_secret(args: &[(SmolStr, Value)], secret: &Kept) -> Vec<(SmolStr, Value)> {
    let mut args = args.to_vec();
    args.push(("secret".into(), secret.value.clone()));
    args
}

fn rejected(result: Result<(), Reject>) -> bool {
    matches!(result, Err(Reject::Unverified(_)))
}

#[test]
fn what_is_right_is_accepted_and_what_is_altered_refused() {
    let (good, bad) = (kept("s3cret-s3cret"), kept("another-secret"));
    for (scheme, args, headers) in right() {
        let args = with_secret(&args, &good);
        assert_eq!(verify(scheme, &args, &headers, BODY, NOW), Ok(()), "{scheme}");
        if !["bearer", "basic", "header"].contains(&scheme) {
            assert!(rejected(verify(scheme, &args, &headers, b"{}", NOW)), "{scheme}: another body");
        }
        assert!(rejected(verify(scheme, &args, &BTreeMap::new(), BODY, NOW)), "{scheme}: no headers");
        for missing in headers.keys() {
            let mut fewer = headers.clone();
            fewer.remove(missing);
            assert!(rejected(verify(scheme, &args, &fewer, BODY, NOW)), "{scheme}: no {missing}");
            for odd in ["", " ", "=", "\u{fffd}", "Bearer", "Bearer ", "v0=", "sha256=", &"a".repeat(MAX_HEADER + 1)] {
                fewer.insert(missing.clone(), odd.to_owned());
                assert!(rejected(verify(scheme, &args, &fewer, BODY, NOW)), "{scheme}: {missing} is {odd:.20}");
            }
        }
        let args = with_secret(&args[..args.len() - 1], &bad);
        assert!(rejected(verify(scheme, &args, &headers, BODY, NOW)), "{scheme}: another secret");
    }
}

#[test]
fn the_header_of_a_check_is_bounded() {
    for (bytes, fits) in [(MAX_HEADER - 1, true), (MAX_HEADER, true), (MAX_HEADER + 1, false)] {
        let token = "k".repeat(bytes - "Bearer ".len());
        let secret = kept(&token);
        let args = with_secret(&[], &secret);
        let headers = headers(&[("authorization", &format!("Bearer {token}"))]);
        assert_eq!(verify("bearer", &args, &headers, BODY, NOW).is_ok(), fits, "{bytes}");
    }
}

#[test]
fn one_of_several_signatures_is_enough() {
    let secret = kept("s3cret-s3cret");
    let mut args = vec![("header".into(), Value::text("x-sig")), ("prefix".into(), Value::text("v1="))];
    args.push(("secret".into(), secret.value.clone()));
    let (good, bad) = (format!("v1={}", hex(&mac(b"s3cret-s3cret", &[BODY]))), format!("v1={}", "0".repeat(64)));
    let at = |n: usize| [vec![bad.as_str(); n - 1], vec![good.as_str()]].concat().join(",");
    for (given, fits) in [
        (format!("{bad},{good}"), true),
        (format!("{good}, {bad}"), true),
        (at(MAX_SIGNATURES), true),
        (at(MAX_SIGNATURES + 1), false),
        (format!("{bad},{bad}"), false),
        (good.replace("v1=", "v0="), false),
        (good.replace("v1=", ""), false),
        (format!("{good}{good}"), false),
        (",".to_owned(), false),
    ] {
        let verdict = verify("hmac", &args, &headers(&[("x-sig", &given)]), BODY, NOW);
        assert_eq!(verdict.is_ok(), fits, "{given:.300}");
    }
}

#[test]
fn both_secrets_are_good_while_they_change() {
    let (old, new, other) = (kept("s3cret-s3cret"), kept("the-new-one"), kept("neither"));
    for (scheme, args, headers) in right() {
        let mut rotating = with_secret(&args, &new);
        rotating.push(("previous_secret".into(), old.value.clone()));
        assert_eq!(verify(scheme, &rotating, &headers, BODY, NOW), Ok(()), "{scheme}");
        let mut wrong = with_secret(&args, &new);
        wrong.push(("previous_secret".into(), other.value.clone()));
        assert!(rejected(verify(scheme, &wrong, &headers, BODY, NOW)), "{scheme}");
        let mut unset = with_secret(&args, &new);
        unset.push(("previous_secret".into(), Value::None));
        assert!(rejected(verify(scheme, &unset, &headers, BODY, NOW)), "{scheme}");
    }
}

#[test]
fn a_signed_time_counts_for_five_minutes_either_way() {
    let secret = kept("s3cret-s3cret");
    for (scheme, args, headers) in right().into_iter().filter(|(_, _, h)| h.len() > 1) {
        let args = with_secret(&args, &secret);
        for (off, fits) in [(299_999, true), (300_000, true), (300_001, false)] {
            for now in [NOW - off, NOW + off] {
                assert_eq!(verify(scheme, &args, &headers, BODY, now).is_ok(), fits, "{scheme} {off}");
            }
        }
        let mut narrow = args.clone();
        narrow.push(("tolerance".into(), Value::Duration(1000)));
        assert!(verify(scheme, &narrow, &headers, BODY, NOW + 1000).is_ok());
        assert!(rejected(verify(scheme, &narrow, &headers, BODY, NOW + 1001)));
        for odd in ["-1700000000", "+1700000000", "1700000000.0", " 1700000000", "17000000000000000000", "x"] {
            let mut headers = headers.clone();
            let name = headers.keys().find(|k| k.contains("time")).unwrap().clone();
            headers.insert(name, odd.to_owned());
            assert!(rejected(verify(scheme, &args, &headers, BODY, NOW)), "{scheme} {odd}");
        }
    }
}

/// The example of the Standard Webhooks libraries.
#[test]
fn standard_webhooks_take_one_good_signature_of_several() {
    let secret = kept("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let body = br#"{"test": 2432232314}"#;
    let now = 1_614_265_330_000;
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let send = |signature: &str, body: &[u8], now| {
        let headers = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ]);
        verify("standard_webhooks", &[("".into(), secret.value.clone())], &headers, body, now)
    };
    assert_eq!(send(good, body, now), Ok(()));
    assert_eq!(send(&format!("v1,AAAA v2,{} {good}", &good[3..]), body, now), Ok(()));
    let many = |n: usize| format!("{}{good}", "v1,AAAA ".repeat(n));
    assert_eq!(send(&many(MAX_SIGNATURES - 1), body, now), Ok(()));
    assert!(rejected(send(&many(MAX_SIGNATURES), body, now)));
    for wrong in [&good[3..], "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "v1,", "", "v1,!!"] {
        assert!(rejected(send(wrong, body, now)), "{wrong}");
    }
    assert!(rejected(send(good, b"{}", now)));
    assert!(rejected(send(good, body, now + 300_001)));
}

/// The example of Slack's documentation.
#[test]
fn slack_signs_version_time_and_body() {
    let secret = kept("8f742231b10e8888abcd99yyyzzz85a5");
    let body = b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = headers(&[
        ("x-slack-request-timestamp", "1531420618"),
        ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
    ]);
    assert_eq!(
        verify("slack_signature", &[("secret".into(), secret.value.clone())], &headers, body, 1_531_420_618_000),
        Ok(())
    );
}

/// The example of GitHub's documentation.
#[test]
fn github_signs_the_body() {
    let secret = kept("It's a Secret to Everybody");
    let headers =
        headers(&[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")]);
    assert_eq!(
        verify("github_signature", &[("secret".into(), secret.value.clone())], &headers, b"Hello, World!", 0),
        Ok(())
    );
}

#[test]
fn a_check_that_cannot_be_made_accepts_nothing() {
    let good = kept("s3cret-s3cret");
    let unset = Value::Secret(Arc::new(Secret::Ref("env:RRB_TEST_NOT_SET".into())));
    let short = kept("whsec_c2hvcnQ=");
    let cases: Vec<(&str, Vec<(SmolStr, Value)>)> = vec![
        ("bearer", vec![]),
        ("bearer", vec![("secret".into(), Value::None)]),
        ("bearer", vec![("secret".into(), Value::text("s3cret-s3cret"))]),
        ("bearer", vec![("secret".into(), unset)]),
        ("bearer", vec![("secrets".into(), good.value.clone())]),
        ("bearer", vec![("".into(), good.value.clone()), ("".into(), Value::None), ("".into(), Value::None)]),
        ("basic", vec![("secret".into(), good.value.clone())]),
        ("hmac", vec![("secret".into(), good.value.clone())]),
        (
            "hmac",
            vec![
                ("secret".into(), good.value.clone()),
                ("header".into(), Value::text("a")),
                ("encoding".into(), Value::text("HEX")),
            ],
        ),
        (
            "hmac",
            vec![
                ("secret".into(), good.value.clone()),
                ("header".into(), Value::text("a")),
                ("algorithm".into(), Value::text("md5")),
            ],
        ),
        ("slack_signature", vec![("secret".into(), good.value.clone()), ("tolerance".into(), Value::Duration(0))]),
        ("standard_webhooks", vec![("secret".into(), short.value.clone())]),
        ("standard_webhooks", vec![("secret".into(), good.value.clone())]),
        ("Bearer", vec![("secret".into(), good.value.clone())]),
        ("", vec![]),
    ];
    let headers = headers(&[
        ("authorization", "Basic YW06czNjcmV0LXMzY3JldA=="),
        ("a", "00"),
        ("x-slack-request-timestamp", "1700000000"),
        ("x-slack-signature", "v0=00"),
    ]);
    for (scheme, args) in cases {
        let reject = verify(scheme, &args, &headers, BODY, NOW).unwrap_err();
        assert!(matches!(reject, Reject::Misconfigured(_)), "{scheme} {args:?}: {reject}");
        assert!(!reject.to_string().contains("s3cret"), "{reject}");
    }
    assert_eq!(verify("none", &[], &BTreeMap::new(), b"", 0), Ok(()));
}

/// Numbers that look random, the same each time.
pub fn random() -> impl FnMut() -> u64 {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    }
}

/// Makes other bytes of these, whatever the numbers are.
pub fn alter(bytes: &mut Vec<u8>, random: &mut impl FnMut() -> u64) {
    let before = bytes.clone();
    let at = |random: &mut dyn FnMut() -> u64, len: usize| usize::try_from(random()).unwrap_or(0) % len.max(1);
    while *bytes == before {
        let len = bytes.len();
        match random() % 5 {
            0 if len > 0 => bytes[at(random, len)] ^= 1 << (random() % 8),
            1 => bytes.truncate(at(random, len)),
            2 => bytes.insert(at(random, len + 1), (random() & 0xff) as u8),
            3 if len > 0 => drop(bytes.remove(at(random, len))),
            _ => bytes.iter_mut().for_each(|b| *b = (random() & 0xff) as u8),
        }
    }
}

/// A scheme, and the headers that it has for a signature (or a credential) in bytes at a time.
type Forge = (&'static str, Vec<(&'static str, Value)>, fn(&[u8], &str) -> Vec<(&'static str, String)>);

fn forges() -> Vec<Forge> {
    fn lossy(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
    let text = |name, value: &str| (name, Value::text(value));
    vec![
        ("bearer", vec![], |s, _| vec![("authorization", format!("Bearer {}", lossy(s)))]),
        ("basic", vec![text("user", "am")], |s, _| {
            vec![("authorization", format!("Basic {}", STANDARD.encode([b"am:", s].concat())))]
        }),
        ("header", vec![text("header", "x-token")], |s, _| vec![("x-token", lossy(s))]),
        ("github_signature", vec![], |s, _| vec![("x-hub-signature-256", format!("sha256={}", hex(s)))]),
        ("hmac", vec![text("header", "x-s"), text("prefix", "v1=")], |s, _| {
            vec![("x-s", format!("v1={},v1=00", hex(s)))]
        }),
        ("hmac", vec![text("header", "x-s"), text("encoding", "base64")], |s, _| vec![("x-s", STANDARD.encode(s))]),
        ("hmac", vec![text("header", "x-s"), text("timestamp_header", "x-t")], |s, t| {
            vec![("x-s", hex(s)), ("x-t", t.to_owned())]
        }),
        ("stripe_signature", vec![], |s, t| vec![("stripe-signature", format!("t={t},v1={}", hex(s)))]),
        ("slack_signature", vec![], |s, t| {
            vec![("x-slack-signature", format!("v0={}", hex(s))), ("x-slack-request-timestamp", t.to_owned())]
        }),
        ("standard_webhooks", vec![], |s, t| {
            let signature = format!("v1,{}", STANDARD.encode(s));
            vec![("webhook-id", "m".into()), ("webhook-timestamp", t.to_owned()), ("webhook-signature", signature)]
        }),
        ("svix_signature", vec![], |s, t| {
            let signature = format!("v1,{}", STANDARD.encode(s));
            vec![("svix-id", "m".into()), ("svix-timestamp", t.to_owned()), ("svix-signature", signature)]
        }),
    ]
}

#[test]
fn a_hundred_thousand_altered_signatures_of_each_scheme_are_all_refused() {
    let (secret, time) = ("c2VjcmV0LXMzY3JldC1zM2NyZXQ=", "1700000000");
    let key = STANDARD.decode(secret).unwrap();
    for (scheme, args, forge) in forges() {
        let args: Vec<(SmolStr, Value)> = args.into_iter().map(|(n, v)| (n.into(), v)).collect();
        let args = Arguments::of(scheme, &args).unwrap();
        let check = |signature: &[u8], time: &str, body: &[u8]| {
            let headers: BTreeMap<String, String> =
                forge(signature, time).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            Delivery { headers: &headers, body, now: NOW, args: &args }.check(scheme, secret)
        };
        let parts: Vec<&[u8]> = match scheme {
            "slack_signature" => vec![b"v0:", time.as_bytes(), b":", BODY],
            "standard_webhooks" | "svix_signature" => vec![b"m.", time.as_bytes(), b".", BODY],
            "stripe_signature" => vec![time.as_bytes(), b".", BODY],
            "hmac" if args.get("timestamp_header").is_some() => vec![time.as_bytes(), b".", BODY],
            _ => vec![BODY],
        };
        let bare = ["bearer", "basic", "header"].contains(&scheme);
        let good = match scheme {
            _ if bare => secret.as_bytes().to_vec(),
            "standard_webhooks" | "svix_signature" => mac(&key, &parts),
            _ => mac(secret.as_bytes(), &parts),
        };
        assert_eq!(check(&good, time, BODY), Ok(()), "{scheme}");
        let timed = parts.len() > 1;
        let mut random = random();
        for round in 0..100_000u32 {
            let (mut signature, mut other, mut body) = (good.clone(), time.to_owned(), BODY.to_vec());
            match random() % 4 {
                // Within the tolerance, so that it is the signature that refuses it.
                0 if timed => other = (1_700_000_000 + 1 + random() % 299).to_string(),
                1 if !bare => alter(&mut body, &mut random),
                _ => alter(&mut signature, &mut random),
            }
            // Any number of spaces may stand before the token of a bearer.
            if scheme == "bearer" && signature.trim_ascii_start() == good {
                continue;
            }
            assert!(
                rejected(check(&signature, &other, &body)),
                "{scheme}, round {round}: {signature:?} {other} {body:?}"
            );
        }
    }
}

#[test]
fn a_secret_in_a_header_that_would_be_kept_is_refused() {
    let secret = kept("s3cret-s3cret");
    for (header, fits) in [
        ("X-Gitlab-Token", true),
        ("x-secret", true),
        ("authorization", true),
        ("x-auth", false),
        ("content-type", false),
    ] {
        let args = [("secret".into(), secret.value.clone()), ("header".into(), Value::text(header))];
        let given = headers(&[(&header.to_ascii_lowercase(), "s3cret-s3cret")]);
        assert_eq!(verify("header", &args, &given, BODY, NOW).is_ok(), fits, "{header}");
    }
}

#[test]
fn what_is_signed_always_has_the_body_in_it() {
    let secret = kept("s3cret-s3cret");
    for (signs, part) in [
        ("{timestamp}", "there is no `timestamp_header`"),
        ("v0", "must have `{body}`"),
        ("{bdy}", "begins neither"),
        ("{body", "begins neither"),
    ] {
        let args = [
            ("secret".into(), secret.value.clone()),
            ("header".into(), Value::text("x-s")),
            ("signs".into(), Value::text(signs)),
        ];
        let Err(Reject::Misconfigured(why)) = verify("hmac", &args, &headers(&[("x-s", "00")]), BODY, NOW) else {
            panic!("{signs}")
        };
        assert!(why.contains(part), "{why}");
    }
}

/// https://www.rfc-editor.org/rfc/rfc2202#section-3
#[test]
fn sha1_is_taken_where_it_is_asked_for() {
    let secret = kept("Jefe");
    let args = [
        ("secret".into(), secret.value.clone()),
        ("header".into(), Value::text("x-s")),
        ("algorithm".into(), Value::text("sha1")),
    ];
    let given = headers(&[("x-s", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")]);
    assert_eq!(verify("hmac", &args, &given, b"what do ya want for nothing?", NOW), Ok(()));
    assert!(rejected(verify("hmac", &args, &given, b"what do ya want for nothing!", NOW)));
}

#[test]
fn checks_without_a_secret_say_what_they_lack() {
    let text = |name: &str, value: &str| (SmolStr::from(name), Value::text(value));
    let bearer = headers(&[("authorization", "Bearer a.b.c")]);
    for (scheme, args, part) in [
        ("sns_signature", vec![], "`topics` lists no topic"),
        ("sns_signature", vec![("topics".into(), Value::list([]))], "`topics` lists no topic"),
        ("oidc", vec![], "`issuer` is missing"),
        ("oidc", vec![text("issuer", "https://i")], "`audience` is missing"),
        ("oidc", vec![text("issuer", "https://i"), text("audience", "a")], "`subject` or `email`"),
    ] {
        let Err(Reject::Misconfigured(why)) = verify(scheme, &args, &bearer, BODY, NOW) else { panic!("{scheme}") };
        assert!(why.contains(part), "{why}");
    }
    let args = [text("issuer", "https://i"), text("audience", "a"), text("email", "e")];
    assert!(rejected(verify("oidc", &args, &bearer, BODY, NOW)));
    assert!(rejected(verify("oidc", &args, &BTreeMap::new(), BODY, NOW)));
    assert!(rejected(verify(
        "sns_signature",
        &[("topics".into(), Value::list([Value::text("t")]))],
        &bearer,
        BODY,
        NOW
    )));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_headers_make_it_panic_or_accept(values in proptest::collection::vec(".{0,80}", 8), now in any::<i64>()) {
        let secret = kept("s3cret-s3cret");
        let names = ["authorization", "x-sig", "x-time", "x-hub-signature-256", "x-slack-signature", "x-slack-request-timestamp", "webhook-id", "webhook-signature"];
        let headers: BTreeMap<String, String> = names.iter().map(|n| (*n).to_owned()).zip(values).collect();
        for (scheme, args, _) in right() {
            prop_assert!(verify(scheme, &with_secret(&args, &secret), &headers, BODY, now).is_err());
        }
    }
}
