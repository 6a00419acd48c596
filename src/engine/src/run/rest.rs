//! A run at rest: what a snapshot in the store holds beside the machine, so that nothing of the run has to stay in memory.

use rrb_lang::vm::protocol::Millis;
use serde::{Deserialize, Serialize};

/// The version of the format. Snapshots of another one are left aside: the journal alone is enough.
const VERSION: u32 = 1;

/// What ends the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    pub(super) v: u32,
    /// The earliest time at which something is due.
    pub wake: Option<Millis>,
    /// It waits for something that is only in memory (a target, a pause): look after a start.
    pub look: bool,
    /// The approvals it waits for.
    pub approvals: Vec<String>,
    /// What it waits for, for people.
    pub waits: Vec<String>,
}

impl Rest {
    /// A header line, then the machine.
    pub fn pack(mut self, machine: &[u8]) -> Vec<u8> {
        self.v = VERSION;
        let mut bytes = serde_json::to_vec(&self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(machine);
        bytes
    }

    /// The header and the machine; none when it is of another version or damaged.
    pub fn unpack(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let line = bytes.iter().position(|b| *b == b'\n')?;
        let (header, machine) = (bytes.get(..line)?, bytes.get(line + 1..)?);
        let rest: Self = serde_json::from_slice(header).ok()?;
        (rest.v == VERSION).then_some((rest, machine))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_any_machine_and_refuses_what_it_did_not_pack() {
        let rest = Rest { wake: Some(7), approvals: vec!["apr_1".into()], ..Rest::default() };
        let machine = [0, b'\n', 255, b'{'];
        let bytes = rest.clone().pack(&machine);
        let (back, kept) = Rest::unpack(&bytes).unwrap();
        assert_eq!((back.wake, back.approvals, kept), (rest.wake, rest.approvals, &machine[..]));
        for bad in [&b""[..], b"\n", b"{}\n", b"{\"v\":2,\"look\":false,\"approvals\":[],\"waits\":[]}\nx", b"x"] {
            assert_eq!(Rest::unpack(bad), None);
        }
    }
}
