use super::*;

fn all(bytes: &[u8], step: usize) -> Vec<String> {
    let mut frames = Frames::default();
    let mut found = Vec::new();
    let mut take = |frames: &mut Frames, end| {
        while let Some(message) = frames.next(end) {
            found.push(String::from_utf8_lossy(&message).trim_end().to_owned());
        }
    };
    for part in bytes.chunks(step) {
        frames.held.extend_from_slice(part);
        take(&mut frames, false);
    }
    take(&mut frames, true);
    found
}

#[test]
fn messages_come_with_their_length_or_as_lines_however_they_are_cut() {
    let bytes = b"9 <13>a: b1<13>c: d\n12 <13>e\nf: g\nh<13>i: j\n<13>k";
    for step in 1..bytes.len() {
        assert_eq!(all(bytes, step), ["<13>a: b1", "<13>c: d", "<13>e\nf: g\nh", "<13>i: j", "<13>k"], "{step}");
    }
}

#[test]
fn a_message_is_cut_at_its_limit_and_the_next_is_whole() {
    for (len, kept) in [
        (MAX_MESSAGE - 1, MAX_MESSAGE - 1),
        (MAX_MESSAGE, MAX_MESSAGE),
        (MAX_MESSAGE + 1, MAX_MESSAGE),
        (200_000, MAX_MESSAGE),
    ] {
        let long = format!("<13>{}", "x".repeat(len - 4));
        let found = all(format!("{long}\n<13>next\n").as_bytes(), 4096);
        assert_eq!((found[0].len(), found[1].as_str(), found.len()), (kept, "<13>next", 2), "{len}");
        let found = all(format!("{len} {long}8 <13>next").as_bytes(), 4096);
        assert_eq!((found[0].len(), found[1].as_str(), found.len()), (kept, "<13>next", 2), "counted {len}");
    }
}

mod over_sockets {
    use std::net::UdpSocket;
    use std::sync::Arc;

    use rrb_lang::value::Value;
    use tokio::io::AsyncWriteExt as _;

    use super::super::super::testing::{Basket, feed, sources};

    fn free(scheme: &str) -> (String, String) {
        // Taken for a moment, so that nobody else has it.
        let address = match scheme {
            "udp" => UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
            _ => std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(),
        };
        (format!("{scheme}://{address}"), address.to_string())
    }

    #[tokio::test]
    async fn datagrams_are_messages() {
        let (listen, address) = free("udp");
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![feed("syslog", &[("listen", Value::text(listen))])]).await;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        // Nobody says when it listens; what comes before is lost.
        while basket.bodies().is_empty() {
            let _ = socket.send_to(b"<11>app[7]: disk full\n", &address);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let body: serde_json::Value = serde_json::from_str(&basket.bodies()[0]).unwrap();
        assert_eq!(
            (&body["severity"], &body["message"], &body["process"]),
            (&"error".into(), &"disk full".into(), &"7".into())
        );
        assert_eq!(basket.lock().items[0].headers["peer"], socket.local_addr().unwrap().to_string());
        sources.stop().await;
    }

    #[tokio::test]
    async fn connections_bring_many() {
        let (listen, address) = free("tcp");
        let basket = Arc::new(Basket::default());
        let sources = sources(&basket);
        sources.set(vec![feed("syslog", &[("listen", Value::text(listen.clone()))])]).await;
        let mut stream = loop {
            match tokio::net::TcpStream::connect(&address).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        for n in 0..700 {
            let message = format!("<14>app: message {n}");
            stream.write_all(format!("{} {message}", message.len()).as_bytes()).await.unwrap();
        }
        stream.write_all(b"<14>app: the last").await.unwrap();
        stream.shutdown().await.unwrap();
        basket.until("all came", |kept| kept.items.len() == 701).await;
        assert!(basket.bodies()[700].contains("the last"));
        assert!(basket.lock().batches < 700, "many are written together");
        // The address is taken as long as it is read, and free afterwards.
        let second = Arc::new(Basket::default());
        let others = super::super::super::testing::sources(&second);
        others.set(vec![feed("syslog", &[("listen", Value::text(listen))])]).await;
        second.fails("something else listens there").await;
        sources.stop().await;
        assert!(std::net::TcpListener::bind(&address).is_ok());
        others.stop().await;
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_said() {
        for listen in ["127.0.0.1:514", "udp://localhost", "http://127.0.0.1:1", "udp://", "tcp://127.0.0.1:99999"] {
            let basket = Arc::new(Basket::default());
            let sources = sources(&basket);
            sources.set(vec![feed("syslog", &[("listen", Value::text(listen))])]).await;
            basket.fails("`listen` is `udp://ADDRESS:PORT` or `tcp://ADDRESS:PORT`").await;
            sources.stop().await;
        }
    }
}
