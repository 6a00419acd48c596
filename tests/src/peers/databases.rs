//! Databases.

use std::process::Command;

use super::{Peer, certificate, free_port, must, program};

const POSTGRES: [&str; 4] = [
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/18/bin",
];

/// PostgreSQL with TLS and the superuser `rrb`.
pub fn postgres(password: &str) -> Peer {
    let mut peer = Peer::new();
    certificate(&peer);
    let file = peer.file("pw", password);
    let data = peer.at("data");
    let mut init = peer.command_as("postgres", &program("initdb", &POSTGRES));
    must(
        init.args(["-U", "rrb", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8", "-D", &data])
            .arg(format!("--pwfile={file}")),
    );
    let port = free_port();
    let mut command = peer.command_as("postgres", &program("postgres", &POSTGRES));
    command.args(["-D", &data]);
    for setting in [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        format!("unix_socket_directories={}", peer.folder().display()),
        "fsync=off".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={}", peer.at("cert.pem")),
        format!("ssl_key_file={}", peer.at("key.pem")),
    ] {
        command.args(["-c", &setting]);
    }
    peer.spawn(&mut command);
    let ready = program("pg_isready", &POSTGRES);
    peer.wait("postgres", |_| {
        let mut asked = Command::new(&ready);
        asked.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]);
        asked.status().ok().filter(std::process::ExitStatus::success)
    });
    let ca = peer.at("ca.pem");
    peer.with_port(port).with("port", port).with("ca", ca)
}

/// MariaDB with TLS and the user `rrb`, who may do all.
pub fn mariadb(password: &str) -> Peer {
    let mut peer = Peer::new();
    certificate(&peer);
    let quoted = password.replace('\\', "\\\\").replace('\'', "''");
    let grants =
        format!("CREATE DATABASE shop;\nCREATE USER rrb@'%' IDENTIFIED BY '{quoted}';\nGRANT ALL ON *.* TO rrb@'%';\n");
    let init = peer.file("init.sql", &grants);
    let user = if rustix::process::geteuid().is_root() { "--user=mysql" } else { "" };
    let mut made = Command::new(program("mariadb-install-db", &[]));
    made.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .arg(format!("--datadir={}", peer.at("data")));
    if !user.is_empty() {
        made.arg(user);
    }
    must(&mut made);
    let port = free_port();
    let mut command = peer.command_as("mysql", &program("mariadbd", &["/usr/sbin"]));
    command
        .args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-flush-method=fsync"])
        .arg("--innodb-buffer-pool-size=16M")
        .args([
            format!("--datadir={}", peer.at("data")),
            format!("--port={port}"),
            format!("--socket={}", peer.at("sock")),
            format!("--pid-file={}", peer.at("pid")),
            format!("--init-file={init}"),
            format!("--ssl-cert={}", peer.at("cert.pem")),
            format!("--ssl-key={}", peer.at("key.pem")),
        ]);
    peer.spawn(&mut command);
    peer.listens(port);
    let ca = peer.at("ca.pem");
    peer.with_port(port).with("port", port).with("ca", ca)
}
