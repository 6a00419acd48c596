//! Indices into the tables of a program.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident;)*) => {
        $($(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        })*
    };
}

ids! {
    /// A function, action, lambda, handler or condition.
    FnId;
    /// A top-level constant, or the default of a field or parameter.
    ConstId;
    /// A declared record, enum or alias.
    TypeId;
    /// An event of a connector.
    EventId;
    /// A connector.
    ConnectorId;
    /// A runbook.
    RunbookId;
    /// A place in the program that issues effects; with a counter it names an effect of a run.
    SiteId;
    /// A setting of a module or connector.
    SettingId;
}
