//! A compiled project: code and tables, serialisable and content-addressed. A run keeps the program it started with.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::code::{Code, Shape, VariantCode};
use super::covered::Covered;
use super::debug::DebugInfo;
use super::methods::{self, MethodFn};
use crate::hir::{Connector, Event, Policy, Runbook, Setting};
use crate::ids::{ConstId, FnId, RunbookId, SettingId, SiteId};
use crate::types::{Ty, TypeTable};
use crate::value::Value;

/// The version of the instructions and of the machine's state. A program or snapshot of another version is refused.
pub const VM_VERSION: u32 = 3;

/// A compiled project.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// SHA-256, hex, of everything below.
    pub id: SmolStr,
    pub version: u32,
    pub types: TypeTable,
    pub functions: Vec<Code>,
    pub constants: Vec<Value>,
    pub settings: Vec<Setting>,
    pub connectors: Vec<Connector>,
    pub events: Vec<Event>,
    pub runbooks: Vec<Runbook>,
    pub policies: Vec<Policy>,
    /// SHA-256, hex, of what the policies say, in whatever order; empty without policies.
    pub policies_digest: SmolStr,
    pub sites: Vec<SiteInfo>,
    /// Of the configuration that changes meaning.
    pub project_digest: String,
    /// Literals.
    pub(crate) pool: Vec<Value>,
    /// Field names of records.
    pub(crate) names: Vec<Arc<[SmolStr]>>,
    pub(crate) variants: Vec<VariantCode>,
    pub(crate) shapes: Vec<Shape>,
    /// Types of `as`.
    pub(crate) decoded: Vec<Ty>,
    /// The built-in methods that are called, as `List.map`: by name, so that a program outlives a change of the method table.
    pub(crate) methods: Vec<SmolStr>,
    /// For people: lines, names of variables. Not part of the content address, and not there in programs of earlier versions.
    #[serde(skip)]
    pub debug: Option<Arc<DebugInfo>>,
    /// Found at the first call of any.
    #[serde(skip)]
    pub(crate) found: OnceLock<Vec<Option<MethodFn>>>,
    /// The counters of a program that was compiled with some; bytes of it have none.
    #[serde(skip)]
    pub covered: Option<Arc<Covered>>,
}

/// A place that issues effects, as timelines show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteInfo {
    pub file: SmolStr,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// The source line without white space around it.
    pub text: SmolStr,
    pub function: FnId,
}

/// Why bytes are not a program that this version can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    #[error("the program is damaged: {0}")]
    Damaged(String),
    #[error("the program was compiled for version {found} of the machine, this is version {VM_VERSION}")]
    Version { found: u32 },
}

impl Program {
    /// The bytes that [`Program::from_bytes`] reads: the version, the program, and behind it what is only for people.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Every type in here serialises without a condition; a failure could only be one of memory.
        let mut bytes = postcard::to_stdvec(&(VM_VERSION, self)).unwrap_or_default();
        if let Some(debug) = &self.debug {
            let debug = postcard::to_stdvec(&**debug).unwrap_or_default();
            bytes.extend(Sha256::digest(&debug));
            bytes.extend(debug);
        }
        bytes
    }

    /// Reads what [`Program::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are of another version, cut short, or not what their id says.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        let (found, _) = postcard::take_from_bytes::<u32>(bytes).map_err(|e| ProgramError::Damaged(e.to_string()))?;
        if found != VM_VERSION {
            return Err(ProgramError::Version { found });
        }
        let ((_, mut program), rest): ((u32, Program), &[u8]) =
            postcard::take_from_bytes(bytes).map_err(|e| ProgramError::Damaged(e.to_string()))?;
        if program.digest() != program.id {
            return Err(ProgramError::Damaged("its content does not fit its id".into()));
        }
        // Programs of earlier versions have nothing there.
        program.debug = match rest.split_at_checked(32) {
            _ if rest.is_empty() => None,
            Some((hash, debug)) if hash == Sha256::digest(debug).as_slice() => {
                let read = postcard::from_bytes(debug).map_err(|e| ProgramError::Damaged(e.to_string()))?;
                Some(Arc::new(read))
            }
            _ => return Err(ProgramError::Damaged("what is written behind it is not whole".into())),
        };
        Ok(program)
    }

    /// The content address.
    pub(crate) fn digest(&self) -> SmolStr {
        struct Hasher(Sha256);
        impl postcard::ser_flavors::Flavor for Hasher {
            type Output = Sha256;
            fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
                self.0.update([byte]);
                Ok(())
            }
            fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
                self.0.update(bytes);
                Ok(())
            }
            fn finalize(self) -> postcard::Result<Sha256> {
                Ok(self.0)
            }
        }
        let content = (
            (VM_VERSION, &self.types, &self.functions, &self.constants, &self.settings, &self.connectors),
            (&self.events, &self.runbooks, &self.policies, &self.policies_digest, &self.sites, &self.project_digest),
            (&self.pool, &self.names, &self.variants, &self.shapes, &self.decoded, &self.methods),
        );
        match postcard::serialize_with_flavor(&content, Hasher(Sha256::new())) {
            Ok(hash) => hex(&hash.finalize()).into(),
            Err(_) => SmolStr::default(),
        }
    }

    /// The same program with every runbook in `shadow`: it reads and says what it would do. It is a program of its own, with a content
    /// address of its own, so that what a run began with is what it goes on with.
    #[must_use]
    pub fn in_shadow(&self) -> Self {
        let mut program = self.clone();
        program.runbooks.iter_mut().for_each(|r| r.shadow = true);
        program.id = program.digest();
        program
    }

    /// The code of a function.
    pub fn code(&self, id: FnId) -> Option<&Code> {
        self.functions.get(id.index())
    }

    /// The method with this number in the instructions; None when this version has none of its name.
    pub(crate) fn method(&self, id: u16) -> Option<MethodFn> {
        let found = self.found.get_or_init(|| self.methods.iter().map(|name| methods::implementation(name)).collect());
        found.get(id as usize).copied().flatten()
    }

    /// A runbook by its id.
    pub fn runbook(&self, id: RunbookId) -> Option<&Runbook> {
        self.runbooks.get(id.index())
    }

    /// The runbook `name`: bare when that is unique, or with its module (`lib.paging.page`).
    pub fn runbook_named(&self, name: &str) -> Option<(RunbookId, &Runbook)> {
        let mut hits = self.runbooks.iter().enumerate().filter(|(_, r)| {
            r.name == name || name.strip_suffix(r.name.as_str()).and_then(|m| m.strip_suffix('.')) == Some(&r.module)
        });
        let hit = hits.next()?;
        hits.next().is_none().then(|| (RunbookId(u32::try_from(hit.0).unwrap_or(u32::MAX)), hit.1))
    }

    /// Where a site is in the sources.
    pub fn site(&self, id: SiteId) -> Option<&SiteInfo> {
        self.sites.get(id.index())
    }

    /// The value of a constant.
    pub fn constant(&self, id: ConstId) -> Option<&Value> {
        self.constants.get(id.index())
    }

    /// A setting.
    pub fn setting(&self, id: SettingId) -> Option<&Setting> {
        self.settings.get(id.index())
    }
}

impl fmt::Display for SiteInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}
