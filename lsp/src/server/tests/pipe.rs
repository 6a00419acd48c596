//! The first and the last messages.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn frame(body: &str) -> String {
    format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

/// The answers to `messages`, each sent when the one before was answered, as an editor does.
async fn talk(messages: &[&str]) -> String {
    let (mut ours, theirs) = tokio::io::duplex(1 << 16);
    let (input, output) = tokio::io::split(theirs);
    let server = tokio::spawn(crate::serve(input, output, None, super::editor::judge));
    let mut said = String::new();
    for message in messages {
        ours.write_all(frame(message).as_bytes()).await.unwrap();
        let mut bytes = [0_u8; 4096];
        let wait = std::time::Duration::from_secs(if message.contains("\"id\"") || *message == "{" { 10 } else { 0 });
        if let Ok(Ok(n)) = tokio::time::timeout(wait, ours.read(&mut bytes)).await {
            said.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    }
    server.abort();
    said
}

#[tokio::test]
async fn it_introduces_itself_and_shuts_down() {
    let said = talk(&[
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"shutdown"}"#,
        r#"{"jsonrpc":"2.0","method":"exit"}"#,
    ])
    .await;
    assert!(said.contains(r#""serverInfo":{"name":"rrb""#), "{said}");
    assert!(said.contains(r#""id":2,"result":null"#) || said.contains(r#""result":null,"id":2"#), "{said}");
}

#[tokio::test]
async fn what_comes_before_initialize_is_refused() {
    let said = talk(&[r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#]).await;
    assert!(said.contains("-32002"), "{said}");
}

#[tokio::test]
async fn what_is_no_json_is_answered_with_a_parse_error() {
    let said = talk(&["{"]).await;
    assert!(said.contains("-32700"), "{said}");
}
