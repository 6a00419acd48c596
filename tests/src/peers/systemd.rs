//! Stand-ins for systemd's programs, on this machine and behind an OpenSSH server: no systemd runs where tests do.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{Peer, free_port, must, program};

/// `systemctl`, `journalctl`, `shutdown` and `sudo` by their name: they refuse what systemd 252 would, answer as it does, and keep how the units are.
const STAND_IN: &str = r#"#!/usr/bin/python3
import json, os, sys
folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
name, args = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == 'sudo':
    if args[:2] != ['--non-interactive', '--']: sys.exit('sudo: a password is required')
    os.execv(args[2], args[2:])
with open(folder + '/took', 'a') as f: f.write(' '.join([name, *args]) + '\n')

def end(status, words=''):
    print(words, file=sys.stderr)
    sys.exit(status)

def unit(load='loaded', active='active', sub='running', enabled='enabled', **more):
    return dict(Description='A unit', LoadState=load, ActiveState=active, SubState=sub, UnitFileState=enabled, Result='success',
                MainPID='4711' if active == 'active' else '0', NRestarts='0', ExecMainStatus='0', InvocationID='a' * 32, MemoryCurrent='5242880') | more

fresh = {'web.service': unit(Description='Web server  of the shop'), 'tidy.timer': unit(sub='waiting', MainPID='0', MemoryCurrent='[not set]'),
         'queue.service': unit(active='failed', sub='failed', enabled='disabled', Result='oom-kill', NRestarts='5', ExecMainStatus='9'),
         'sealed.service': unit(), 'old.service': unit('masked', 'inactive', 'dead', 'masked'), 'stuck.service': unit(), 'broken.service': unit(active='inactive', sub='dead')}
kept = folder + '/units.json'
units = json.load(open(kept)) if os.path.exists(kept) else fresh
absent = unit('not-found', 'inactive', 'dead', '', Description='', InvocationID='', MemoryCurrent='[not set]')

def save():
    with open(kept + '.new', 'w') as f: json.dump(units, f)
    os.rename(kept + '.new', kept)

def journal():
    known = {'--no-pager', '--quiet', '--output=json', '--output-fields=MESSAGE,PRIORITY,_PID'}
    rest = dict(a.split('=', 1) for a in args if a not in known)
    if set(rest) != {'--unit', '--since', '--lines'}: end(1, 'unrecognized option')
    if rest['--unit'] == 'sealed.service': end(1, 'Hint: You are currently not seeing messages from other users.\nNo journal files were opened due to insufficient permissions.')
    if rest['--unit'] != 'web.service': return
    for at, message in [(1, 'GET / 500'), (2, [255, 254]), (3, 'out of \u00e4ther')]:
        print(json.dumps({'__REALTIME_TIMESTAMP': str(1767607200000000 + at), 'MESSAGE': message, 'PRIORITY': str(at + 2), '_PID': '4711', '__CURSOR': 's=1'}))

def show(target, of):
    for p in of.split(','): print(p + '=' + units.get(target, absent)[p])

def listed(pattern, states):
    import fnmatch
    for n, u in sorted(units.items()):
        if fnmatch.fnmatchcase(n, pattern) and (not states or {u['LoadState'], u['ActiveState'], u['SubState']} & set(states)):
            print(n.ljust(16), u['LoadState'], u['ActiveState'], u['SubState'].ljust(8), u['Description'])

VERBS = {'restart': {'ActiveState': 'active', 'SubState': 'running', 'MainPID': '4712', 'InvocationID': 'b' * 32}, 'reload': {},
         'start': {'ActiveState': 'active', 'SubState': 'running', 'MainPID': '4713'}, 'stop': {'ActiveState': 'inactive', 'SubState': 'dead', 'MainPID': '0'},
         'reset-failed': {'ActiveState': 'inactive', 'SubState': 'dead', 'Result': 'success'}, 'kill': {'ActiveState': 'failed', 'SubState': 'failed', 'MainPID': '0', 'Result': 'signal'},
         'enable': {'UnitFileState': 'enabled'}, 'disable': {'UnitFileState': 'disabled'}, 'mask': {'LoadState': 'masked', 'UnitFileState': 'masked'},
         'unmask': {'LoadState': 'loaded', 'UnitFileState': 'disabled'}}

def act(verb, target):
    if verb not in VERBS: end(1, f'Unknown command verb {verb}.')
    if target == 'sealed.service': end(4, f'Failed to {verb} {target}: Access denied\nSee system logs and \'systemctl status {target}\' for details.')
    if target not in units: end(5, f'Failed to {verb} {target}: Unit {target} not found.')
    if units[target]['LoadState'] == 'masked' and verb in ('start', 'restart'): end(1, f'Failed to {verb} {target}: Unit {target} is masked.')
    if target == 'stuck.service': end(1, f'Failed to {verb} {target}: Connection timed out')
    if target == 'broken.service': end(1, f'Job for {target} failed because the control process exited with error code.')
    units[target].update(VERBS[verb])
    save()

if name == 'journalctl': journal()
elif name == 'shutdown':
    if args[:1] not in (['-r'], ['-c']): end(1, 'unrecognized option')
elif args == ['is-system-running']:
    print('degraded')
    sys.exit(1)
elif args == ['daemon-reload']: pass
elif args[0] == 'show' and args[1] == '--no-pager' and args[3] == '--': show(args[4], args[2].split('=', 1)[1])
elif args[0] == 'list-units' and args[1:6] == ['--no-pager', '--no-legend', '--plain', '--full', '--all']: listed(args[-1], [a[8:] for a in args[6:-2]])
else:
    words = [a for a in args if a != '--quiet' and not a.startswith('--signal=SIG')]
    if words[1] != '--' or len(words) != 3: end(1, 'unrecognized option')
    act(words[0], words[2])
"#;

/// The programs in the folder `bin`, and behind an SSH server that takes the key `identity`; its own key stands in `known`.
pub fn systemd() -> Peer {
    let mut peer = Peer::new();
    std::fs::create_dir(peer.path("bin")).expect("a folder for programs");
    for name in ["systemctl", "journalctl", "shutdown", "sudo"] {
        let path = peer.file(&format!("bin/{name}"), STAND_IN);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
    }
    for key in ["host", "id"] {
        must(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(peer.path(key)));
    }
    let port = free_port();
    let public = std::fs::read_to_string(peer.path("host.pub")).expect("the key of the host");
    let known = peer.file("known", &format!("[localhost]:{port} {public}"));
    let settings = [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".into(),
        format!("HostKey {}", peer.at("host")),
        format!("AuthorizedKeysFile {}", peer.at("id.pub")),
        format!("SetEnv PATH={}:/usr/bin:/bin", peer.at("bin")),
        "PidFile none".into(),
        "StrictModes no".into(),
        "PasswordAuthentication no".into(),
        "UsePAM no".into(),
    ];
    let config = peer.file("config", &settings.join("\n"));
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir_all("/run/sshd").expect("the folder that sshd wants");
    }
    peer.spawn(Command::new(program("sshd", &["/usr/sbin"])).args(["-D", "-e", "-f", &config]));
    peer.listens(port);
    let (bin, identity) = (peer.at("bin"), peer.at("id"));
    peer.with_port(port).with("port", port).with("bin", bin).with("identity", identity).with("known", known)
}
