use std::sync::OnceLock;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::*;

const ISSUER: &str = "https://accounts.example";
const CONFIGURATION: &str = "https://accounts.example/.well-known/openid-configuration";
const KEYS: &str = "https://keys.example/certs";
const NOW: Millis = 1_800_000_000_000;

/// A key on the curve P-256: signing with it is fast.
fn pair() -> &'static EcdsaKeyPair {
    static PAIR: OnceLock<EcdsaKeyPair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap()
    })
}

fn jwk(id: &str) -> serde_json::Value {
    let point = pair().public_key().as_ref();
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    serde_json::json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256", "x": part(1..33), "y": part(33..65)})
}

fn documents(keys: serde_json::Value) -> Documents {
    let documents = Documents::default();
    documents.put(CONFIGURATION, Some(&serde_json::json!({"jwks_uri": KEYS}).to_string()), NOW);
    documents.put(KEYS, Some(&serde_json::json!({ "keys": keys }).to_string()), NOW);
    documents
}

fn encode(json: &serde_json::Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn token(head: &serde_json::Value, claims: &serde_json::Value) -> String {
    let signed = format!("{}.{}", encode(head), encode(claims));
    let signature = pair().sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn head() -> serde_json::Value {
    serde_json::json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
}

fn claims() -> serde_json::Value {
    let now = NOW / 1000;
    serde_json::json!({
        "iss": ISSUER, "aud": "https://rrb.example/hooks", "sub": "117", "email": "push@example", "email_verified": true,
        "iat": now - 10, "exp": now + 3600,
    })
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        audience: "https://rrb.example/hooks",
        subject: None,
        email: Some("push@example"),
        keys: None,
    }
}

fn checked(token: &str) -> Result<(), Reject> {
    check(token, &expected(), &documents(serde_json::json!([jwk("k0"), jwk("k1")])), NOW)
}

#[test]
fn a_token_of_the_issuer_is_taken() {
    assert_eq!(checked(&token(&head(), &claims())), Ok(()));
    let mut many = claims();
    many["aud"] = serde_json::json!(["other", "https://rrb.example/hooks"]);
    assert_eq!(checked(&token(&head(), &many)), Ok(()));
    let nameless = serde_json::json!({"alg": "ES256"});
    assert_eq!(checked(&token(&nameless, &claims())), Ok(()));
    let by_subject = Expected { subject: Some("117"), email: None, keys: Some(KEYS), ..expected() };
    let documents = documents(serde_json::json!([jwk("k1")]));
    assert_eq!(check(&token(&head(), &claims()), &by_subject, &documents, NOW), Ok(()));
}

/// The example of https://www.rfc-editor.org/rfc/rfc7515#appendix-A.2 with its key.
#[test]
fn rsa_verifies_as_its_published_example() {
    let key = json::parse(
        br#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        Bounds::default(),
    )
    .unwrap();
    let signed = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = URL_SAFE_NO_PAD.decode("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw").unwrap();
    assert!(verifies(&key, "RS256", signed, &signature));
    assert!(!verifies(&key, "PS256", signed, &signature));
    assert!(!verifies(&key, "ES256", signed, &signature));
    assert!(!verifies(&key, "RS256", &signed[1..], &signature));
}

#[test]
fn a_token_that_says_something_else_is_refused() {
    let now = NOW / 1000;
    for (name, value) in [
        ("iss", serde_json::json!("https://accounts.example/")),
        ("aud", serde_json::json!("https://rrb.example/")),
        ("aud", serde_json::json!([])),
        ("aud", serde_json::json!(null)),
        ("email", serde_json::json!("other@example")),
        ("email_verified", serde_json::json!(false)),
        ("email_verified", serde_json::json!("true")),
        ("exp", serde_json::json!(now - SKEW_SECONDS)),
        ("exp", serde_json::json!(null)),
        ("exp", serde_json::json!("9999999999")),
        ("nbf", serde_json::json!(now + SKEW_SECONDS + 1)),
        ("iat", serde_json::json!(now + SKEW_SECONDS + 1)),
    ] {
        let mut claims = claims();
        claims[name] = value.clone();
        assert!(matches!(checked(&token(&head(), &claims)), Err(Reject::Unverified(_))), "{name}: {value}");
    }
    for (at, fits) in [(now - SKEW_SECONDS + 1, true), (now - SKEW_SECONDS, false)] {
        let mut claims = claims();
        claims["exp"] = at.into();
        assert_eq!(checked(&token(&head(), &claims)).is_ok(), fits, "{at}");
    }
}

#[test]
fn a_token_that_is_signed_otherwise_is_refused() {
    for (name, value) in [("alg", "none"), ("alg", "HS256"), ("alg", "RS256"), ("alg", ""), ("crit", "exp")] {
        let mut head = head();
        head[name] = value.into();
        assert!(matches!(checked(&token(&head, &claims())), Err(Reject::Unverified(_))), "{name}: {value}");
    }
    let good = token(&head(), &claims());
    let (signed, _) = good.rsplit_once('.').unwrap();
    for odd in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        signed,
        &format!("{signed}."),
        &format!("{good}."),
        &format!(".{good}"),
        &"a.".repeat(10_000),
    ] {
        assert!(matches!(checked(odd), Err(Reject::Unverified(_))), "{odd:.40}");
    }
    for field in ["kty", "crv", "alg", "use", "x"] {
        let mut key = jwk("k1");
        key[field] = "other".into();
        let verdict = check(&good, &expected(), &documents(serde_json::json!([key])), NOW);
        assert!(matches!(verdict, Err(Reject::Unverified(_))), "{field}: {verdict:?}");
    }
}

#[test]
fn keys_are_fetched_where_the_issuer_has_them_and_again_for_a_new_one() {
    let good = token(&head(), &claims());
    let empty = Documents::default();
    assert_eq!(check(&good, &expected(), &empty, NOW), Err(Reject::Needs(CONFIGURATION.into())));
    empty.put(CONFIGURATION, Some(&serde_json::json!({"jwks_uri": KEYS}).to_string()), NOW);
    assert_eq!(check(&good, &expected(), &empty, NOW), Err(Reject::Needs(KEYS.into())));
    empty.put(KEYS, Some(&serde_json::json!({"keys": [jwk("old")]}).to_string()), NOW);
    // Fetched just now: nobody makes rrb fetch it for each token with an odd key.
    assert!(matches!(check(&good, &expected(), &empty, NOW), Err(Reject::Unverified(_))));
    assert_eq!(check(&good, &expected(), &empty, NOW + 60_000), Err(Reject::Needs(KEYS.into())));
    // A token of somebody else makes it fetch nothing.
    let mut other = claims();
    other["iss"] = "https://evil.example".into();
    assert!(matches!(
        check(&token(&head(), &other), &expected(), &Documents::default(), NOW),
        Err(Reject::Unverified(_))
    ));
    for (configuration, part) in [
        ("{}", "does not say where"),
        (r#"{"jwks_uri": "http://keys.example/"}"#, "`https://` only"),
        (r#"{"jwks_uri": "file:///etc/passwd"}"#, "`https://` only"),
    ] {
        let documents = Documents::default();
        documents.put(CONFIGURATION, Some(configuration), NOW);
        let Err(Reject::Misconfigured(why)) = check(&good, &expected(), &documents, NOW) else {
            panic!("{configuration}")
        };
        assert!(why.contains(part), "{why}");
    }
    let plain = Expected { issuer: "http://accounts.example", ..expected() };
    let mut of_plain = claims();
    of_plain["iss"] = "http://accounts.example".into();
    assert!(matches!(
        check(&token(&head(), &of_plain), &plain, &Documents::default(), NOW),
        Err(Reject::Misconfigured(_))
    ));
}

#[test]
fn a_hundred_thousand_altered_tokens_are_all_refused() {
    let documents = documents(serde_json::json!([jwk("k1")]));
    let expected = expected();
    let good = token(&head(), &claims());
    let parts: Vec<Vec<u8>> = good.split('.').map(|p| URL_SAFE_NO_PAD.decode(p).unwrap()).collect();
    let mut random = super::super::tests::random();
    for round in 0..100_000u32 {
        let mut parts = parts.clone();
        let at = usize::try_from(random() % 3).unwrap();
        super::super::tests::alter(&mut parts[at], &mut random);
        let text: Vec<String> = parts.iter().map(|p| URL_SAFE_NO_PAD.encode(p)).collect();
        assert!(check(&text.join("."), &expected, &documents, NOW).is_err(), "round {round}");
    }
}
