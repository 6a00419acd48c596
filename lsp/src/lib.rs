//! The rrb language server, over standard input and output.

pub mod ide;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{InitializeParams, InitializeResult, ServerCapabilities, ServerInfo};
use tower_lsp::{LanguageServer, LspService, Server};

/// Answers an editor. It offers no feature of its own.
#[derive(Debug, Default)]
struct Backend {
    /// The editor asked for the end before it said `exit`.
    shut: Arc<AtomicBool>,
}

impl LanguageServer for Backend {
    async fn initialize(&self, _: InitializeParams) -> Result<InitializeResult> {
        Ok(InitializeResult {
            capabilities: ServerCapabilities::default(),
            server_info: Some(ServerInfo {
                name: "rrb".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            ..InitializeResult::default()
        })
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// Serves one editor until it says `exit` or closes the pipe. Whether it had said `shutdown` before: the protocol wants exit code 1 of a
/// server that ends without.
pub async fn serve_stdio() -> bool {
    serve(tokio::io::stdin(), tokio::io::stdout()).await
}

/// Serves one editor over a pair of streams; as [`serve_stdio`].
pub async fn serve(input: impl tokio::io::AsyncRead + Unpin, output: impl tokio::io::AsyncWrite) -> bool {
    let shut = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&shut);
    let (service, socket) = LspService::new(|_| Backend { shut: told });
    Server::new(input, output, socket).serve(service).await;
    shut.load(Ordering::SeqCst)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn frame(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// The answers to `messages`, each sent when the one before was answered, as an editor does.
    async fn talk(messages: &[&str]) -> String {
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let server = tokio::spawn(super::serve(input, output));
        let mut said = String::new();
        for message in messages {
            ours.write_all(frame(message).as_bytes()).await.unwrap();
            let mut bytes = [0_u8; 4096];
            let wait =
                std::time::Duration::from_secs(if message.contains("\"id\"") || *message == "{" { 10 } else { 0 });
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
}
