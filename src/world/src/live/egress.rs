//! Where requests may go. Asked about the address that a name resolved to, so that no name leads to a metadata service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Says which addresses are refused.
#[derive(Debug, Clone)]
pub struct Egress {
    allowed: Arc<[IpNet]>,
}

/// An address was refused.
#[derive(Debug, Clone)]
pub struct Refused {
    /// A whole sentence.
    pub message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl Egress {
    /// Refuses link-local addresses and those of metadata services, but for the ones in `allowed`.
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed: allowed.into() }
    }

    /// Refuses `ip`, which `host` stands for, or not.
    pub fn check(&self, host: &str, ip: IpAddr) -> Result<(), Refused> {
        let plain = unwrap(ip);
        match reason(plain) {
            Some(reason) if !self.allowed.iter().any(|net| net.contains(&ip) || net.contains(&plain)) => Err(Refused {
                message: format!(
                    "requests to `{host}` are refused: {ip} is {reason}, and `[egress] allow` in rrb.toml does not list it"
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// The IPv4 address inside an IPv6 one that only carries it.
fn unwrap(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let carries_v4 = matches!((a, b, c, d, e, f), (0, 0, 0, 0, 0, 0 | 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0))
        && (g, h) != (0, 1)
        && (g, h) != (0, 0);
    if carries_v4 {
        let [w, x, y, z] = ((u32::from(g) << 16) | u32::from(h)).to_be_bytes();
        return Ipv4Addr::new(w, x, y, z).into();
    }
    if a == 0x2002 {
        let [w, x, y, z] = ((u32::from(b) << 16) | u32::from(c)).to_be_bytes();
        return Ipv4Addr::new(w, x, y, z).into();
    }
    ip
}

fn reason(ip: IpAddr) -> Option<&'static str> {
    const METADATA: &str = "the metadata service of a cloud";
    match ip {
        IpAddr::V4(v4) if v4.octets() == [169, 254, 169, 254] => Some(METADATA),
        IpAddr::V4(v4) if v4.is_link_local() => Some("a link-local address"),
        IpAddr::V4(v4) if v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast() => {
            Some("no address of one machine")
        }
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192]) => {
            Some(METADATA)
        }
        IpAddr::V6(v6) if v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => Some(METADATA),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address"),
        IpAddr::V6(v6) if v6.is_unspecified() || v6.is_multicast() => Some("no address of one machine"),
        _ => None,
    }
}

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let egress = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let mut refused = None;
            let mut usable: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((host.as_str(), 0)).await? {
                match egress.check(&host, address.ip()) {
                    Ok(()) => usable.push(address),
                    Err(r) => refused = Some(r),
                }
            }
            match refused {
                Some(refused) if usable.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(usable.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(egress: &Egress, ip: &str) -> bool {
        egress.check("h", ip.parse().unwrap()).is_ok()
    }

    #[test]
    fn metadata_and_link_local_addresses_are_refused_in_every_spelling() {
        let egress = Egress::new(vec![]);
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "::",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!open(&egress, ip), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "192.168.1.1",
            "8.8.8.8",
            "169.253.255.255",
            "169.255.0.0",
            "fec0::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(open(&egress, ip), "{ip}");
        }
    }

    #[test]
    fn an_allowed_network_is_open() {
        let egress = Egress::new(vec!["169.254.169.254/32".parse().unwrap()]);
        assert!(open(&egress, "169.254.169.254") && open(&egress, "::ffff:169.254.169.254"));
        assert!(!open(&egress, "169.254.169.253"));
    }

    #[tokio::test]
    async fn names_are_checked_by_what_they_resolve_to() {
        let resolve = |name: &str| Egress::new(vec![]).resolve(name.parse().unwrap());
        let refused = resolve("169.254.169.254").await.err().unwrap();
        assert!(refused.downcast_ref::<Refused>().is_some());
        assert!(resolve("localhost").await.unwrap().count() > 0);
    }
}
