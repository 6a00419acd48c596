//! Databases.

use std::process::Command;

use super::super::peers::{self, Peer};

/// A server with TLS, whose user `rrb` has the password `canary-pg-1`.
pub fn postgres() -> Peer {
    let places = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"];
    let folder = peers::folder_of("postgres");
    let data = folder.path().join("data");
    let password = folder.path().join("pw");
    std::fs::write(&password, "canary-pg-1").unwrap();
    let initdb = peers::program("initdb", &places);
    peers::must(
        peers::as_user("postgres", &initdb)
            .args(["-U", "rrb", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8", "-D"])
            .arg(&data)
            .arg(format!("--pwfile={}", password.display())),
    );
    peers::certificates(folder.path(), "20");
    peers::must(Command::new("chown").arg("--reference").arg(&data).arg(folder.path().join("key.pem")));
    let port = peers::free_port();
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        format!("unix_socket_directories={}", folder.path().display()),
        "fsync=off".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={}/cert.pem", folder.path().display()),
        format!("ssl_key_file={}/key.pem", folder.path().display()),
    ];
    let mut command = peers::as_user("postgres", &peers::program("postgres", &places));
    command.arg("-D").arg(&data);
    for setting in settings {
        command.args(["-c", &setting]);
    }
    let peer = peers::start(&mut command, port, folder);
    // Its port is open before it is ready.
    let ready = || {
        Command::new(peers::program("pg_isready", &places))
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .status()
    };
    while !ready().unwrap().success() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    peer
}

/// A server with TLS, whose user `rrb` has the password `canary-my-1`.
pub fn mariadb() -> Peer {
    let folder = peers::folder_of("mysql");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let user = if rustix::process::geteuid().is_root() { "mysql" } else { "" };
    peers::must(
        Command::new(peers::program("mariadb-install-db", &[]))
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args([format!("--datadir={}", at("data")), format!("--user={user}")]),
    );
    peers::certificates(folder.path(), "20");
    if !user.is_empty() {
        peers::must(Command::new("chown").arg("mysql:").arg(at("key.pem")));
    }
    let init = at("init.sql");
    let grants = "CREATE DATABASE shop; CREATE USER rrb@'%' IDENTIFIED BY 'canary-my-1'; GRANT ALL ON *.* TO rrb@'%';\n\
                  CREATE USER weak@'%' IDENTIFIED BY 'canary-my-1';";
    std::fs::write(&init, grants.replace("; ", ";\n")).unwrap();
    let port = peers::free_port();
    let mut command = peers::as_user("mysql", &peers::program("mariadbd", &["/usr/sbin"]));
    command
        .args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--innodb-flush-method=fsync",
            "--innodb-buffer-pool-size=16M",
        ])
        .args([
            format!("--datadir={}", at("data")),
            format!("--port={port}"),
            format!("--socket={}", at("sock")),
            format!("--pid-file={}", at("pid")),
            format!("--init-file={init}"),
            format!("--ssl-cert={}", at("cert.pem")),
            format!("--ssl-key={}", at("key.pem")),
        ]);
    peers::start(&mut command, port, folder)
}
