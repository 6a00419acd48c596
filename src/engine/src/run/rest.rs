//! A run at rest: what a snapshot in the store holds beside the machine, so that nothing of the run has to stay in memory and nothing of
//! its journal before the snapshot has to be read again.
//!
//! Two lines of JSON, then the machine: what ends the rest (all that a start has to read), and what the journal came to.

use rrb_lang::vm::protocol::{Effect, EffectId, Millis};
use serde::{Deserialize, Serialize};

/// The version of the format. Snapshots of another one are left aside: the journal alone is enough.
const VERSION: u32 = 2;

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

/// What the journal came to, up to the snapshot.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Folded {
    /// The last entry it holds, and its time.
    pub seq: u64,
    pub at: Millis,
    pub started: Millis,
    /// Attempts at its end that made no progress.
    pub strikes: u32,
    pub cancelled: bool,
    /// Events that the run has taken, beside the one that started it.
    pub used: Vec<String>,
    /// Every approval of the run by the effect that asked.
    pub approvals: Vec<(EffectId, String)>,
    /// Effects that have no outcome, in the order in which they began.
    pub open: Vec<Pending>,
}

/// An effect that has no outcome.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub id: EffectId,
    /// None for an approval, whose question stands in its own row.
    pub effect: Option<Effect>,
    pub approval: Option<String>,
    pub began: Millis,
}

/// Puts together what a snapshot holds.
///
/// # Errors
/// When it has no form in JSON; nothing a journal holds is like that.
pub fn pack(mut rest: Rest, folded: &Folded, machine: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    rest.v = VERSION;
    let mut bytes = serde_json::to_vec(&rest)?;
    bytes.push(b'\n');
    serde_json::to_writer(&mut bytes, folded)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(machine);
    Ok(bytes)
}

/// What ends the rest, alone; none when the snapshot is of another version or damaged.
pub fn unpack_rest(bytes: &[u8]) -> Option<Rest> {
    Some(split(bytes)?.0)
}

/// What the journal came to, and the machine; none when the snapshot is of another version or damaged.
pub fn unpack(bytes: &[u8]) -> Option<(Folded, &[u8])> {
    let (line, machine) = line(split(bytes)?.1)?;
    Some((serde_json::from_slice(line).ok()?, machine))
}

fn split(bytes: &[u8]) -> Option<(Rest, &[u8])> {
    let (header, more) = line(bytes)?;
    let rest: Rest = serde_json::from_slice(header).ok()?;
    (rest.v == VERSION).then_some((rest, more))
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|b| *b == b'\n')?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_any_machine_and_refuses_what_it_did_not_pack() {
        let rest = Rest { wake: Some(7), approvals: vec!["apr_1".into()], ..Rest::default() };
        let id = EffectId { fiber: "".into(), site: EffectId::RUN_SITE, count: 0 };
        let until = Pending { id, effect: Some(Effect::Sleep { until: 9 }), approval: None, began: 3 };
        let folded = Folded { seq: 4, at: 5, used: vec!["evt_1".into()], open: vec![until], ..Folded::default() };
        let machine = [0, b'\n', 255, b'{'];
        let bytes = pack(rest.clone(), &folded, &machine).unwrap();
        assert_eq!(unpack_rest(&bytes), Some(Rest { v: VERSION, ..rest }));
        assert_eq!(unpack(&bytes), Some((folded, &machine[..])));
        for end in 0..bytes.len() - machine.len() {
            assert_eq!(unpack(&bytes[..end]), None, "cut at {end}");
        }
        let other = br#"{"v":1,"wake":null,"look":false,"approvals":[],"waits":[]}"#;
        for bad in [&b""[..], b"\n", b"\n\n", b"{}\n{}\n", b"x", other, &[&other[..], b"\n{}\nx"].concat()] {
            assert_eq!(unpack_rest(bad), None);
            assert_eq!(unpack(bad), None);
        }
    }
}
