//! `rrb backtest`: recorded events through sources of today, with a clock of its own and no world at all. One engine in shadow judges
//! them as a daemon would; what it says is held against what happened.

mod compare;
mod ledger;
mod pages;
mod play;
mod reads;
mod record;
mod text;

pub use compare::{Difference, Figures, Kind, Report, Row};
pub use play::{Asked, backtest};
pub use reads::{Reads, Recorded};
pub use text::{details, lines};
