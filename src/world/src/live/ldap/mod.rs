//! `ldap.*`: directories. Says of every failure whether the directory can have acted.

#[cfg(feature = "ldap")]
mod calls;
#[cfg(feature = "ldap")]
mod names;
#[cfg(feature = "ldap")]
mod session;
#[cfg(test)]
#[cfg(feature = "ldap")]
mod tests;

#[cfg(feature = "ldap")]
pub use calls::{add, delete, login, modify, search, set_password};

#[cfg(not(feature = "ldap"))]
mod absent {
    use rrb_lang::value::Value;
    use rrb_lang::vm::protocol::Failure;

    use crate::live::Cx;
    use crate::live::fail::left_out;

    macro_rules! absent {
        ($($name:ident)*) => {
            $(pub async fn $name(cx: Cx<'_>) -> Result<Value, Failure> {
                Err(left_out(&cx.call.native, "ldap"))
            })*
        };
    }

    absent! { add delete login modify search set_password }
}

#[cfg(not(feature = "ldap"))]
pub use absent::{add, delete, login, modify, search, set_password};
