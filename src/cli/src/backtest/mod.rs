//! `rrb backtest`: recorded events through sources of today, with a clock of its own and no world at all. One engine in shadow judges
//! them as a daemon would; what it says is held against what happened.

mod compare;
mod ledger;
mod play;
mod reads;
mod record;
mod text;

pub use compare::{Difference, Figures, Kind, Report, report};
pub use play::{Asked, Played, play};
pub use reads::{Reads, Recorded};
pub use record::{Past, past};
pub use text::{details, lines};
