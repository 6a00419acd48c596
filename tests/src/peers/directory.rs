//! A directory.

use std::process::Command;

use super::{Peer, certificate, free_port, must, program};

/// What Active Directory adds to people and groups, as far as a connector uses it. Its numbers are those of Microsoft's schema.
const SCHEMA: &str = "\
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.782 NAME 'objectCategory' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.662 NAME 'lockoutTime' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.96 NAME 'pwdLastSet' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.90 NAME 'unicodePwd' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL
  MUST ( sAMAccountName $ objectCategory ) MAY ( userAccountControl $ lockoutTime $ pwdLastSet $ unicodePwd ) )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST ( cn $ sAMAccountName ) MAY ( member ) )
";

const ENTRIES: &str = "\
dn: DC=example,DC=com
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: CN=Ana Lima,DC=example,DC=com
objectClass: user
objectCategory: person
cn: Ana Lima
sn: Lima
displayName: Ana Lima
mail: ana@example.com
sAMAccountName: ana
userAccountControl: 512
lockoutTime: 133000000000000000
pwdLastSet: 133000000000000000

dn: CN=Bo (web),DC=example,DC=com
objectClass: user
objectCategory: person
cn: Bo (web)
sn: Bo
sAMAccountName: bo
userAccountControl: 66050

dn: CN=Admins,DC=example,DC=com
objectClass: group
cn: Admins
sAMAccountName: admins
member: CN=Ana Lima,DC=example,DC=com

dn: CN=Quarantine,DC=example,DC=com
objectClass: group
cn: Quarantine
sAMAccountName: quarantine
";

/// OpenLDAP with what of Active Directory's schema matters, the account `ana` in `admins`, and `bo`, who is disabled. `CN=rrb` is its
/// manager, with this password.
pub fn slapd(password: &str) -> Peer {
    let mut peer = Peer::new();
    certificate(&peer);
    std::fs::create_dir(peer.path("data")).expect("a folder");
    let schema = peer.file("ad.schema", SCHEMA);
    let shipped: String =
        ["core", "cosine", "inetorgperson"].iter().map(|s| format!("include /etc/ldap/schema/{s}.schema\n")).collect();
    let quoted = password.replace('\\', "\\\\").replace('"', "\\\"");
    let config = format!(
        "{shipped}include {schema}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\n\
         TLSCertificateFile {cert}\nTLSCertificateKeyFile {key}\ndatabase mdb\nsuffix DC=example,DC=com\n\
         rootdn CN=rrb,DC=example,DC=com\nrootpw \"{quoted}\"\ndirectory {data}\n\
         access to * by users read\noverlay memberof\nmemberof-group-oc group\n",
        cert = peer.at("cert.pem"),
        key = peer.at("key.pem"),
        data = peer.at("data"),
    );
    let config = peer.file("slapd.conf", &config);
    let port = free_port();
    let url = format!("ldaps://127.0.0.1:{port}");
    peer.spawn(Command::new(program("slapd", &["/usr/sbin"])).args(["-d", "0", "-f", &config, "-h", &url]));
    peer.listens(port);
    let entries = peer.file("entries.ldif", ENTRIES);
    let secret = peer.file("password", password);
    must(Command::new(program("ldapadd", &[])).env("LDAPTLS_CACERT", peer.path("ca.pem")).args([
        "-x",
        "-H",
        &url,
        "-D",
        "CN=rrb,DC=example,DC=com",
        "-y",
        &secret,
        "-f",
        &entries,
    ]));
    let ca = peer.at("ca.pem");
    peer.with_port(port).with("port", port).with("ca", ca)
}
