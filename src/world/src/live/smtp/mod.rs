//! `smtp.*`: mail. Says of every failure whether the mail can have gone out.

#[cfg(feature = "smtp")]
mod message;
#[cfg(feature = "smtp")]
mod send;
#[cfg(test)]
#[cfg(feature = "smtp")]
mod tests;

#[cfg(feature = "smtp")]
pub use send::send;

/// `smtp.send`
#[cfg(not(feature = "smtp"))]
pub async fn send(cx: super::Cx<'_>) -> Result<rrb_lang::value::Value, rrb_lang::vm::protocol::Failure> {
    Err(super::fail::left_out(&cx.call.native, "smtp"))
}
