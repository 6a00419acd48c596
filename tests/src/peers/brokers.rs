//! Brokers of messages.

use std::process::Command;

use super::{Peer, free_port, must, program};

pub fn redis(password: &str) -> Peer {
    let mut peer = Peer::new();
    let port = free_port();
    let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
    let config = format!("port {port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\nrequirepass \"{quoted}\"\n");
    let config = peer.file("redis.conf", &config);
    peer.spawn(Command::new(program("redis-server", &[])).arg(config));
    peer.listens(port);
    let sentinel = free_port();
    let watch = format!(
        "port {sentinel}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {port} 1\nsentinel auth-pass main \"{quoted}\"\n"
    );
    let watch = peer.file("sentinel.conf", &watch);
    peer.spawn(Command::new(program("redis-server", &[])).args([&watch, "--sentinel"]));
    peer.listens(sentinel);
    peer.with_port(port).with("sentinel", format!("127.0.0.1:{sentinel}"))
}

/// With JetStream, and a stream `orders` of the subjects `orders.>` with a consumer `billing`.
pub fn nats(password: &str) -> Peer {
    let mut peer = Peer::new();
    let port = free_port();
    let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
    let config = format!(
        "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\nauthorization {{ user: rrb, password: \"{quoted}\" }}\n",
        peer.at("store")
    );
    let config = peer.file("nats.conf", &config);
    peer.spawn(Command::new(program("nats-server", &[])).args(["-c", &config]));
    peer.listens(port);
    peer.with_port(port)
}

pub fn mosquitto(password: &str) -> Peer {
    let mut peer = Peer::new();
    let port = free_port();
    must(Command::new(program("mosquitto_passwd", &[])).args(["-b", "-c", &peer.at("users"), "rrb", password]));
    peer.file("acl", "user rrb\ntopic readwrite shop/#\n");
    let config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nacl_file {}\n",
        peer.at("users"),
        peer.at("acl")
    );
    let config = peer.file("mosquitto.conf", &config);
    let mut command = peer.command_as("mosquitto", &program("mosquitto", &[]));
    peer.spawn(command.args(["-c", &config]));
    peer.listens(port);
    peer.with_port(port)
}

/// With its management and shovels, and the user `rrb` with this password.
pub fn rabbitmq(password: &str) -> Peer {
    let mut peer = Peer::new();
    let (names, amqp, api, between) = (free_port(), free_port(), free_port(), free_port());
    peer.spawn(Command::new(program("epmd", &[])).args(["-port", &names.to_string(), "-address", "127.0.0.1"]));
    peer.listens(names);
    let config = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\ndefault_user = rrb\n\
         default_pass = {password}\ndefault_user_tags.administrator = true\nlog.console = true\nlog.console.level = error\n\
         collect_statistics_interval = 500\n"
    );
    peer.file("rabbitmq.conf", &config);
    peer.file("plugins", "[rabbitmq_management,rabbitmq_shovel,rabbitmq_shovel_management].");
    let mut command = Command::new(program("rabbitmq-server", &["/usr/lib/rabbitmq/bin"]));
    // The one in /usr/sbin takes root's place by another user.
    if command.get_program().to_string_lossy().starts_with("/usr/sbin") {
        command = Command::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    }
    command
        .env("ERL_EPMD_PORT", names.to_string())
        .env("HOME", peer.folder())
        .env("RABBITMQ_NODENAME", format!("t{amqp}@localhost"))
        .env("RABBITMQ_NODE_PORT", amqp.to_string())
        .env("RABBITMQ_DIST_PORT", between.to_string())
        .env("RABBITMQ_MNESIA_BASE", peer.path("db"))
        .env("RABBITMQ_LOG_BASE", peer.path("logs"))
        .env("RABBITMQ_CONFIG_FILE", peer.path("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_PID_FILE", peer.path("pid"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", peer.path("plugins"));
    peer.spawn(&mut command);
    peer.listens(amqp);
    peer.listens(api);
    peer.with_port(amqp).with("api", format!("127.0.0.1:{api}"))
}

/// The cluster for tests of librdkafka, in memory.
pub fn kafka() -> Peer {
    let mut peer = Peer::new();
    let args = "-C -q -b unused:1 -t orders -X test.mock.num.brokers=1";
    peer.spawn(Command::new(program("kcat", &[])).args(args.split(' ')));
    let port = peer.wait("kcat", |p| {
        let log = p.log();
        let (_, rest) = log.split_once("replaced with 127.0.0.1:")?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok()
    });
    peer.with_port(port)
}
