//! What a stretch of execution may use, and the ceilings that end a run.

use super::failure::invalid;
use super::limits;
use super::protocol::Failure;
use crate::value::Value;

/// A ceiling that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Fuel(u64),
    Memory(u64),
    Depth(u32),
    Effects(u32),
    Said(u64),
    Fibers(usize),
}

impl Limit {
    /// The failure that ends the run.
    pub fn failure(self) -> Box<Failure> {
        invalid(match self {
            Limit::Fuel(n) => format!("the limit `fuel` was reached: {n} instructions without waiting for anything"),
            Limit::Memory(n) => format!("the limit `memory` was reached: the values take more than {n} bytes"),
            Limit::Depth(n) => format!("the limit `depth` was reached: calls nest deeper than {n}"),
            Limit::Effects(n) => format!("the limit `effects` was reached: more than {n} calls, waits and questions"),
            Limit::Said(n) => {
                format!("`log`, `evidence` and steps say more than {n} bytes without waiting for anything")
            }
            Limit::Fibers(n) => format!("the limit `branches` was reached: more than {n} are open at the same time"),
        })
    }
}

/// What a stretch of execution may use.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    pub fuel: u64,
    pub fuel_limit: u64,
    pub memory: u64,
    pub depth: u32,
    /// Bytes that live outside the fiber.
    pub outside: u64,
    /// Bytes of notes for the timeline.
    pub said: u64,
    /// Bytes made since the last measure.
    fresh: u64,
    /// Bytes of the fiber at the last measure.
    live: u64,
}

impl Budget {
    pub fn new(fuel: u64, memory: u64, depth: u32) -> Self {
        Self { fuel, fuel_limit: fuel, memory, depth, outside: 0, said: 0, fresh: 0, live: 0 }
    }

    /// Starts with what is there.
    pub fn assume<'a>(&mut self, values: impl Iterator<Item = &'a Value>) {
        let mut sum = 0;
        for value in values {
            limits::measure(value, &mut sum, self.memory);
        }
        self.live = sum;
    }

    /// Goes on with another stack; the fuel is what is left.
    pub fn move_to<'a>(&mut self, outside: u64, values: impl Iterator<Item = &'a Value>) {
        self.outside = outside;
        self.fresh = 0;
        self.assume(values);
    }

    /// Counts bytes that were made; measures everything when they could pass the limit.
    pub fn charge(&mut self, stack: &[Value], bytes: u64) -> Result<(), Limit> {
        self.fresh = self.fresh.saturating_add(bytes);
        if self.outside.saturating_add(self.live).saturating_add(self.fresh) <= self.memory {
            return Ok(());
        }
        let mut sum = self.outside;
        for value in stack {
            limits::measure(value, &mut sum, self.memory);
            if sum > self.memory {
                return Err(Limit::Memory(self.memory));
            }
        }
        // Measuring is work too: without this, a program near the limit would measure at every step for free.
        self.fuel = self.fuel.saturating_sub(sum / 256);
        (self.live, self.fresh) = (sum - self.outside, 0);
        Ok(())
    }
}
