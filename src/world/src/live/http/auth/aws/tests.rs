use std::time::{Duration, UNIX_EPOCH};

use reqwest::{Method, Url};

use super::*;

fn signature(request: &reqwest::Request) -> &str {
    request.headers()["authorization"].to_str().unwrap().rsplit("Signature=").next().unwrap()
}

fn request(method: Method, url: &str) -> reqwest::Request {
    reqwest::Request::new(method, Url::parse(url).unwrap())
}

/// The published test suite: 2015-08-30T12:36:00Z, service `service` in us-east-1.
fn suite(mut request: reqwest::Request) -> String {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let keys = Keys { id: "AKIDEXAMPLE".into(), secret: secret.into(), session: None };
    let at = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
    put_signature(&mut request, &keys, Scope { service: "service", region: "us-east-1" }, at).unwrap();
    assert_eq!(request.headers()["x-amz-date"], "20150830T123600Z");
    signature(&request).to_owned()
}

/// https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html
#[test]
fn requests_are_signed_as_in_the_published_suite() {
    let at = |path: &str| format!("https://example.amazonaws.com{path}");
    for (method, path, expected) in [
        (Method::GET, "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (Method::POST, "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Method::GET,
            "/?Param1=value1&Param2=value2",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ] {
        assert_eq!(suite(request(method, &at(path))), expected, "{path}");
    }
    let mut form = request(Method::POST, &at("/"));
    form.headers_mut().insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    *form.body_mut() = Some("Param1=value1".into());
    assert_eq!(suite(form), "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

/// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
#[test]
fn requests_to_s3_are_signed_as_in_its_published_examples() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let keys = Keys { id: "AKIAIOSFODNN7EXAMPLE".into(), secret: secret.into(), session: None };
    let at = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
    let sign = |mut request: reqwest::Request| {
        put_signature(&mut request, &keys, Scope { service: "s3", region: "us-east-1" }, at).unwrap();
        request
    };
    let mut get = request(Method::GET, "https://examplebucket.s3.amazonaws.com/test.txt");
    get.headers_mut().insert("range", HeaderValue::from_static("bytes=0-9"));
    assert_eq!(signature(&sign(get)), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

    let mut put = request(Method::PUT, "https://examplebucket.s3.amazonaws.com/test$file.text");
    put.headers_mut().insert("date", HeaderValue::from_static("Fri, 24 May 2013 00:00:00 GMT"));
    put.headers_mut().insert("x-amz-storage-class", HeaderValue::from_static("REDUCED_REDUNDANCY"));
    *put.body_mut() = Some("Welcome to Amazon S3.".into());
    let put = sign(put);
    assert_eq!(put.url().path(), "/test%24file.text");
    assert_eq!(
        put.headers()["x-amz-content-sha256"],
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    );
    assert_eq!(signature(&put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");

    let lifecycle = request(Method::GET, "https://examplebucket.s3.amazonaws.com/?lifecycle");
    assert_eq!(signature(&sign(lifecycle)), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    let list = request(Method::GET, "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J");
    assert_eq!(signature(&sign(list)), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

#[test]
fn addresses_are_spelled_as_aws_spells_them() {
    for (url, spelled) in [
        ("https://h/", "https://h/"),
        ("https://h/a+b/(c)!*'/d:e@f", "https://h/a%2Bb/%28c%29%21%2A%27/d%3Ae%40f"),
        ("https://h/a%2Fb/%e4", "https://h/a%2Fb/%E4"),
        ("https://h/a//b/", "https://h/a//b/"),
        ("https://h/?a=x+y&b=%2b&c&d=e=f&&", "https://h/?a=x%20y&b=%2B&c=&d=e%3Df"),
        ("https://h/100%", "https://h/100%25"),
        ("https://h/?", "https://h/?"),
    ] {
        let mut url = Url::parse(url).unwrap();
        sign::spell(&mut url, Scope { service: "s3", region: "x" });
        assert_eq!(url.as_str(), spelled);
        let once = url.clone();
        sign::spell(&mut url, Scope { service: "s3", region: "x" });
        assert_eq!(url, once);
    }
}

#[test]
fn headers_that_cannot_be_signed_are_refused() {
    let keys = Keys { id: "A".into(), secret: "canary".into(), session: None };
    let sign = |mut request: reqwest::Request| {
        put_signature(&mut request, &keys, Scope { service: "s3", region: "us-east-1" }, UNIX_EPOCH)
    };
    let mut odd = request(Method::GET, "https://h/");
    odd.headers_mut().insert("x-name", HeaderValue::from_str("ä").unwrap());
    assert!(sign(odd).unwrap_err().message.contains("`x-name` has a character"));
    let mut twice = request(Method::GET, "https://h/");
    twice.headers_mut().insert("x-amz-date", HeaderValue::from_static("now"));
    assert!(sign(twice).unwrap_err().message.contains("given twice"));
    assert!(!format!("{keys:?}").contains("canary"));
}

mod live {
    use std::sync::Arc;

    use rrb_lang::json::Json;
    use rrb_lang::value::{Secret, Value};
    use rrb_lang::vm::protocol::{EffectOutcome, FailureKind, Happened};
    use wiremock::matchers::{any, body_string_contains, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::super::super::super::egress::Egress;
    use super::super::super::super::super::testing::{Call, done, failed};
    use super::super::super::super::super::{Ground, LiveConfig};
    use super::super::super::super::Clients;
    use super::*;

    const CREDENTIALS: &str = "<AccessKeyId>ASIAX</AccessKeyId><SecretAccessKey>canary-secret</SecretAccessKey>\
                               <SessionToken>canary-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";

    fn secret(dir: &tempfile::TempDir, value: &str) -> Value {
        let path = dir.path().join(value);
        std::fs::write(&path, value).unwrap();
        Value::Secret(Arc::new(Secret::Ref(format!("file:{}", path.display()).into())))
    }

    fn call(url: &str, fields: &[(&'static str, Value)]) -> Call {
        let base = [("service", Value::text("ec2")), ("region", Value::text("eu-central-1"))];
        let base = base.into_iter().filter(|(name, _)| !fields.iter().any(|(n, _)| n == name));
        let record = Value::record(base.chain(fields.iter().cloned()));
        Call::new("http.post").arg("url", Value::Url(url.into())).arg("aws", record)
    }

    fn keyed(dir: &tempfile::TempDir) -> Vec<(&'static str, Value)> {
        vec![("access_key_id", Value::text("AKIAX")), ("secret_access_key", secret(dir, "canary-key"))]
    }

    /// Finds keys with this environment.
    async fn find(fields: &[(&'static str, Value)], environment: &[(&str, String)]) -> Result<Keys, Failure> {
        let ground = Ground::new(LiveConfig::default());
        find_in(&ground, fields, environment).await
    }

    async fn find_in(
        ground: &Ground,
        fields: &[(&'static str, Value)],
        environment: &[(&str, String)],
    ) -> Result<Keys, Failure> {
        let call = call("http://127.0.0.1/", fields).into_call();
        let cx = Cx { world: ground, call: &call, args: Args::new(&call) };
        let client = Clients::new(Egress::new(vec![]))
            .get(super::super::super::super::client::Peer::default(), true)
            .await
            .unwrap();
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        keys::find(cx, cx.args.record("aws").unwrap().unwrap(), &client, &variable).await
    }

    #[tokio::test]
    async fn a_signed_request_goes_out_and_errors_say_what_aws_means() {
        let dir = tempfile::tempdir().unwrap();
        let ec2 = |code: &str| {
            format!(
                "<?xml version=\"1.0\"?><Response><Errors><Error><Code>{code}</Code><Message>why</Message></Error></Errors><RequestID>r</RequestID></Response>"
            )
        };
        for (status, body, kind, happened) in [
            (400, ec2("InvalidInstanceID.NotFound"), FailureKind::NotFound, Happened::Answered),
            (403, ec2("UnauthorizedOperation"), FailureKind::Forbidden, Happened::Answered),
            (401, ec2("AuthFailure"), FailureKind::Unauthorized, Happened::Answered),
            (503, ec2("RequestLimitExceeded"), FailureKind::Throttled, Happened::No),
            (400, ec2("IncorrectInstanceState"), FailureKind::Conflict, Happened::Answered),
            (400, ec2("InvalidParameterValue"), FailureKind::Invalid, Happened::Answered),
            (
                403,
                "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>why</Message></Error></ErrorResponse>".to_owned(),
                FailureKind::Unauthorized,
                Happened::Answered,
            ),
            (
                404,
                "<Error><Code>NoSuchBucket</Code><Message>why</Message><BucketName>b</BucketName></Error>".to_owned(),
                FailureKind::NotFound,
                Happened::Answered,
            ),
            (
                400,
                r#"{"__type":"com.amazonaws.x#ThrottlingException","message":"why"}"#.to_owned(),
                FailureKind::Throttled,
                Happened::No,
            ),
            (400, r#"{"__type":"ResourceNotFoundException","Message":"why"}"#.to_owned(), FailureKind::NotFound, Happened::Answered),
            (500, "<html>".to_owned(), FailureKind::Unavailable, Happened::Maybe),
        ] {
            let server = MockServer::start().await;
            let kind_of = if body.starts_with('{') { "application/x-amz-json-1.1" } else { "text/xml" };
            let answer = ResponseTemplate::new(status).set_body_raw(body.clone(), kind_of);
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let failure = failed(call(&server.uri(), &keyed(&dir)).perform().await);
            assert_eq!((failure.kind, failure.happened), (kind, happened), "{body}");
            assert_eq!(failure.message.ends_with(": why"), status != 500, "{}", failure.message);
            assert_eq!(failure.detail.member("xml").is_some(), body.contains("Code>"), "{body}");
            let seen = &server.received_requests().await.unwrap()[0];
            let shown = seen.headers["authorization"].to_str().unwrap();
            assert!(shown.starts_with("AWS4-HMAC-SHA256 Credential=AKIAX/") && shown.contains("/eu-central-1/ec2/aws4_request"));
            assert!(!format!("{failure:?}").contains("canary"));
        }
    }

    #[tokio::test]
    async fn keys_come_from_settings_before_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIAENV".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
            ("AWS_SESSION_TOKEN", "t".to_owned()),
        ];
        assert_eq!(find(&keyed(&dir), &environment).await.unwrap().id, "AKIAX");
        let keys = find(&[], &environment).await.unwrap();
        assert_eq!((keys.id.as_str(), keys.session.as_deref()), ("AKIAENV", Some("t")));
        let none = find(&[], &[("AWS_EC2_METADATA_DISABLED", "true".to_owned())]).await.unwrap_err();
        assert_eq!((none.kind, none.happened), (FailureKind::Invalid, Happened::No));
        // Without an entry in the list, the instance's metadata is not asked.
        let refused = find(&[], &[]).await.unwrap_err();
        assert_eq!((refused.kind, refused.happened), (FailureKind::Forbidden, Happened::No));
        assert!(
            refused.message.contains("no keys of AWS") && refused.message.contains("[egress] allow"),
            "{}",
            refused.message
        );
    }

    #[tokio::test]
    async fn a_web_identity_and_a_role_are_exchanged_for_keys_that_are_kept() {
        let (dir, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
        std::fs::write(dir.path().join("token"), "canary-web\n").unwrap();
        let reply = |action: &str| {
            let body = format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>{CREDENTIALS}</Credentials></{action}Result></{action}Response>"
            );
            ResponseTemplate::new(200).set_body_raw(body, "text/xml")
        };
        Mock::given(body_string_contains("Action=AssumeRoleWithWebIdentity"))
            .and(body_string_contains("WebIdentityToken=canary-web"))
            .and(body_string_contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fweb"))
            .respond_with(reply("AssumeRoleWithWebIdentity"))
            .expect(1)
            .mount(&server)
            .await;
        Mock::given(body_string_contains("Action=AssumeRole&"))
            .and(body_string_contains("ExternalId=ext"))
            .and(body_string_contains("RoleSessionName=rrb"))
            .and(header("x-amz-security-token", "canary-session"))
            .respond_with(reply("AssumeRole"))
            .expect(1)
            .mount(&server)
            .await;
        let environment = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", dir.path().join("token").display().to_string()),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web".to_owned()),
            ("AWS_ENDPOINT_URL_STS", server.uri()),
        ];
        let ground = Ground::new(LiveConfig::default());
        for _ in 0..2 {
            let keys = find_in(&ground, &[], &environment).await.unwrap();
            assert_eq!((keys.id.as_str(), keys.session.as_deref()), ("ASIAX", Some("canary-session")));
        }
        let role = [("assume_role", Value::text("arn:aws:iam::2:role/x")), ("external_id", Value::text("ext"))];
        for _ in 0..2 {
            assert_eq!(find_in(&ground, &role, &environment).await.unwrap().id, "ASIAX");
        }
        let shown = ground.scrubber.text("canary-web canary-secret canary-session").into_owned();
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[tokio::test]
    async fn a_profile_counts_before_or_behind_the_environment_and_takes_on_its_role() {
        let (dir, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
        let file = dir.path().join("credentials");
        let role = "role_arn = arn:aws:iam::2:role/ops\nsource_profile = base\nexternal_id = ext\n";
        let keys = "aws_access_key_id = AKIABASE\naws_secret_access_key = canary-profile\n";
        std::fs::write(&file, format!("[base]\n{keys}[ops]\n{role}")).unwrap();
        let result = format!("<AssumeRoleResult><Credentials>{CREDENTIALS}</Credentials></AssumeRoleResult>");
        let body = format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>");
        Mock::given(body_string_contains("RoleArn=arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fops"))
            .and(body_string_contains("ExternalId=ext"))
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "text/xml"))
            .expect(1)
            .mount(&server)
            .await;
        let profiles = ("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string());
        let sts = ("AWS_ENDPOINT_URL_STS", server.uri());
        let named = [("profile", Value::text("ops"))];
        let environment = [
            profiles.clone(),
            sts,
            ("AWS_ACCESS_KEY_ID", "AKIAENV".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
            ("AWS_PROFILE", "base".to_owned()),
        ];
        let ground = Ground::new(LiveConfig::default());
        assert_eq!(find_in(&ground, &named, &environment).await.unwrap().id, "ASIAX");
        assert_eq!(find_in(&ground, &[], &environment).await.unwrap().id, "AKIAENV");
        let by_variable = [profiles.clone(), ("AWS_PROFILE", "base".to_owned())];
        assert_eq!(find_in(&ground, &[], &by_variable).await.unwrap().id, "AKIABASE");
        assert_eq!(find_in(&ground, &keyed(&dir), &by_variable).await.unwrap().id, "AKIAX");
        assert!(!ground.scrubber.text("canary-profile").contains("canary"));
        let absent = find_in(&ground, &[("profile", Value::text("none"))], &by_variable).await.unwrap_err();
        assert_eq!((absent.kind, absent.happened), (FailureKind::Invalid, Happened::No));
    }

    #[tokio::test]
    async fn containers_and_instances_give_keys() {
        let server = MockServer::start().await;
        let json = serde_json::json!({"AccessKeyId": "ASIAC", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"});
        let reply = ResponseTemplate::new(200).set_body_json(json);
        Mock::given(path("/v1/credentials"))
            .and(header("authorization", "canary-auth"))
            .respond_with(reply.clone())
            .mount(&server)
            .await;
        Mock::given(method("PUT"))
            .and(path("/latest/api/token"))
            .and(header("x-aws-ec2-metadata-token-ttl-seconds", "300"))
            .respond_with(ResponseTemplate::new(200).set_body_string("imds-token"))
            .mount(&server)
            .await;
        let with_token = || Mock::given(header("x-aws-ec2-metadata-token", "imds-token"));
        let roles = "/latest/meta-data/iam/security-credentials/";
        with_token()
            .and(path(roles))
            .respond_with(ResponseTemplate::new(200).set_body_string("role-1\n"))
            .mount(&server)
            .await;
        with_token().and(path(format!("{roles}role-1"))).respond_with(reply).mount(&server).await;
        let container = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", server.uri())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "canary-auth".to_owned()),
        ];
        assert_eq!(find(&[], &container).await.unwrap().id, "ASIAC");
        assert_eq!(find(&[], &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.uri())]).await.unwrap().id, "ASIAC");
    }

    #[tokio::test]
    async fn what_gives_no_keys_is_a_failure_before_anything_is_sent() {
        let (dir, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
        let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        Mock::given(path("/sts"))
            .respond_with(ResponseTemplate::new(403).set_body_raw(denied, "text/xml"))
            .mount(&server)
            .await;
        Mock::given(path("/empty")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Mock::given(path("/busy")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
        let full = |path: &str| vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}{path}", server.uri()))];
        let web = |file: String| {
            vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", file),
                ("AWS_ROLE_ARN", "r".to_owned()),
                ("AWS_ENDPOINT_URL_STS", format!("{}/sts", server.uri())),
            ]
        };
        std::fs::write(dir.path().join("token"), "x").unwrap();
        let elsewhere = vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/".to_owned())];
        for (environment, kind, part) in [
            (web(dir.path().join("none").display().to_string()), FailureKind::Forbidden, "cannot be read"),
            (web(dir.path().display().to_string()), FailureKind::Invalid, "no regular file"),
            (web(dir.path().join("token").display().to_string()), FailureKind::Forbidden, "AccessDenied: no"),
            (full("/empty"), FailureKind::Invalid, "without `AccessKeyId`"),
            (full("/busy"), FailureKind::Unavailable, "503"),
            (full("/none"), FailureKind::Invalid, "404"),
            (elsewhere, FailureKind::Forbidden, "without TLS"),
            (
                vec![("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x".to_owned())],
                FailureKind::Forbidden,
                "[egress] allow",
            ),
        ] {
            let failure = find(&[], &environment).await.unwrap_err();
            assert_eq!((failure.kind, failure.happened), (kind, Happened::No), "{}", failure.message);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        for (fields, part) in [
            (vec![("access_key_id", Value::text("AKIAX"))], "goes together with"),
            (vec![("session_token", secret(&dir, "canary"))], "goes together with"),
            (
                vec![("access_key_id", Value::text("a/b")), ("secret_access_key", secret(&dir, "canary"))],
                "no id of an access key",
            ),
            (vec![("service", Value::text("S3"))], "small letters"),
            (vec![("region", Value::text("eu.example.com/"))], "small letters"),
        ] {
            let failure = failed(call(&server.uri(), &fields).perform().await);
            assert_eq!((failure.kind, failure.happened), (FailureKind::Invalid, Happened::No), "{}", failure.message);
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }

    #[tokio::test]
    async fn a_reply_in_xml_is_read() {
        let (dir, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
        let body = "<DescribeRegionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><regionInfo><item><regionName>x</regionName></item></regionInfo></DescribeRegionsResponse>";
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_raw(body, "text/xml;charset=UTF-8"))
            .mount(&server)
            .await;
        let outcome: EffectOutcome = call(&server.uri(), &keyed(&dir)).perform().await;
        let reply = done(outcome);
        let Some(Value::Json(xml)) = reply.field("xml") else { panic!("{reply:?}") };
        let item = xml.field("DescribeRegionsResponse").field("regionInfo").field("item");
        assert_eq!(item, Json::list([Json::object([("regionName", Json::from("x"))])]));
    }
}
