use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
};

use super::*;

const RSA: &[u8] = include_bytes!("keys/rfc7515-a2.pem");
const RSA_PKCS1: &[u8] = include_bytes!("keys/rfc7515-a2.pkcs1.pem");
const P256: &[u8] = include_bytes!("keys/p256.pem");
const P256_SEC1: &[u8] = include_bytes!("keys/p256.sec1.pem");
const ED25519_KEY: &[u8] = include_bytes!("keys/ed25519.pem");

/// https://www.rfc-editor.org/rfc/rfc7515#appendix-A.1
#[test]
fn hs256_signs_as_its_published_example() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let message = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signed = signature("HS256", &URL_SAFE_NO_PAD.decode(key).unwrap(), message.as_bytes()).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(signed), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

/// https://www.rfc-editor.org/rfc/rfc7515#appendix-A.2
#[test]
fn rs256_signs_as_its_published_example() {
    let message = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    for key in [RSA, RSA_PKCS1] {
        let signed = URL_SAFE_NO_PAD.encode(signature("RS256", key, message.as_bytes()).unwrap());
        assert_eq!(
            signed,
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
    }
}

#[test]
fn other_algorithms_sign_what_their_public_key_verifies() {
    let PrivateKeyDer::Pkcs8(rsa) = pem(RSA).unwrap() else { panic!() };
    let rsa = signature::RsaKeyPair::from_pkcs8(rsa.secret_pkcs8_der()).unwrap();
    let ec = signature::EcdsaKeyPair::from_pkcs8(
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        pkcs8(P256).unwrap().secret_pkcs8_der(),
        &SystemRandom::new(),
    )
    .unwrap();
    let ed =
        signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8(ED25519_KEY).unwrap().secret_pkcs8_der()).unwrap();
    type Case<'a> = (&'a str, &'a [u8], &'static dyn signature::VerificationAlgorithm, &'a [u8]);
    let cases: [Case<'_>; 4] = [
        ("RS256", RSA, &RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref()),
        ("PS256", RSA, &RSA_PSS_2048_8192_SHA256, rsa.public_key().as_ref()),
        ("ES256", P256, &ECDSA_P256_SHA256_FIXED, ec.public_key().as_ref()),
        ("EdDSA", ED25519_KEY, &ED25519, ed.public_key().as_ref()),
    ];
    for (algorithm, key, verifying, public) in cases {
        let signed = signature(algorithm, key, b"a.b").unwrap();
        let public = signature::UnparsedPublicKey::new(verifying, public);
        assert!(public.verify(b"a.b", &signed).is_ok(), "{algorithm}");
        assert!(public.verify(b"a.c", &signed).is_err(), "{algorithm}");
    }
}

#[test]
fn a_key_of_another_kind_is_named_and_never_shown() {
    let short = "k".repeat(SHORTEST_KEY - 1);
    for (algorithm, key, part) in [
        ("RS256", P256, "no RSA key"),
        ("RS256", b"canary".as_slice(), "PEM form"),
        ("PS256", P256_SEC1, "no RSA key"),
        ("ES256", RSA, "P-256"),
        ("ES256", RSA_PKCS1, "openssl pkcs8"),
        ("ES256", P256_SEC1, "openssl pkcs8"),
        ("ES256", b"", "PEM form"),
        ("EdDSA", P256, "Ed25519"),
        ("HS256", short.as_bytes(), "shorter than 32 bytes"),
        ("HS256", b"", "shorter than 32 bytes"),
        ("RS256", b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n", "PEM form"),
        ("RS256", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no RSA key"),
    ] {
        let why = signature(algorithm, key, b"a.b").unwrap_err();
        assert!(why.contains(part) && !why.contains("canary"), "{algorithm}: {why}");
    }
    assert!(signature("HS256", "k".repeat(SHORTEST_KEY).as_bytes(), b"").is_ok());
}
