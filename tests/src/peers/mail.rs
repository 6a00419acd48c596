//! A server that takes mail.

use std::process::Command;

use super::{Peer, certificate, free_port};

/// Takes mail over STARTTLS from the user `rrb` for everybody but some, and writes down what it took, without what differs each time.
const SERVER: &str = r"
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
folder, port, password = sys.argv[1:]
class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = {'nobody': '550 5.1.1 no such user', 'full': '452 4.2.2 mailbox full', 'later': '451 4.7.1 try again later'}
        answer = answers.get(address.split('@')[0])
        if answer: return answer
        envelope.rcpt_tos.append(address)
        return '250 OK'
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [p for p in mail.walk() if not p.is_multipart()]
        names = ['From', 'To', 'Cc', 'Bcc', 'Reply-To', 'Subject', 'In-Reply-To', 'References']
        told = {n: str(mail[n]) for n in names if mail[n] is not None}
        told['recipients'] = sorted(envelope.rcpt_tos)
        told['sender'] = envelope.mail_from
        told['parts'] = [{p.get_content_type(): p.get_content()} for p in parts]
        with open(folder + '/took', 'a') as f: f.write(json.dumps(told, indent=2, ensure_ascii=False) + '\n')
        if mail['Subject'] == 'spam': return '554 5.7.1 this is spam'
        return '250 OK queued as 1'
def login(server, session, envelope, mechanism, data):
    good = data.login == b'rrb' and data.password == password.encode()
    return AuthResult(success=good, handled=good)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/cert.pem', folder + '/key.pem')
loop = asyncio.new_event_loop()
make = lambda: SMTP(Handler(), tls_context=context, require_starttls=True, authenticator=login, auth_required=True, loop=loop)
loop.run_until_complete(loop.create_server(make, '127.0.0.1', int(port)))
loop.run_forever()
";

pub fn smtp(password: &str) -> Peer {
    let mut peer = Peer::new();
    certificate(&peer);
    let port = free_port();
    let script = peer.file("server.py", SERVER);
    let folder = peer.folder().display().to_string();
    // Debian's own Python, which has Debian's packages.
    peer.spawn(Command::new("/usr/bin/python3").args([&script, &folder, &port.to_string(), password]));
    peer.listens(port);
    let ca = peer.at("ca.pem");
    peer.with_port(port).with("port", port).with("ca", ca)
}
