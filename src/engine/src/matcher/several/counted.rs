//! A number of events with one key, and that none comes any more.

use rrb_lang::hir::Part;
use rrb_lang::ids::FnId;
use rrb_lang::value::Value;

use super::super::judge::No;
use super::super::open::Window;
use super::super::windows::{Role, Taken};
use super::super::{Batch, Matcher};
use super::{Asked, Said, full, of_key};
use crate::run::gate::shown_time as when;

impl Matcher {
    pub(super) fn count_in(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        part: &Part,
        (key, distinct): (Option<FnId>, Option<FnId>),
        count: u32,
        batch: &mut Batch,
    ) -> Result<Said, No> {
        asked.passes(part).unwrap_or(Ok(()))?;
        let key = asked.key(key, "by")?;
        let value = distinct.map(|f| asked.key(Some(f), "distinct")).transpose()?;
        let mut left = Vec::new();
        let Some(Window::Count(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return Err(No { verdict: "error", why: "its window is not open".to_owned() });
        };
        let taken = window.take(&key, value, asked.event.clone(), &mut left);
        let repeats = distinct.is_some();
        self.expired(asked.book, id, left, batch);
        Ok(match taken {
            Taken::Complete { events, others } => {
                let detail = format!("`{}` came and {count} were complete without it", asked.event.row.id);
                for other in others {
                    self.leaves(id, &other, batch);
                    self.say(&other.row, asked.runbook(), "expired", None, detail.clone(), batch);
                }
                self.used_up(id, &events, asked.event, batch);
                let params =
                    asked.params(vec![Value::list(events.iter().map(|e| e.value.clone()).collect::<Vec<_>>())]);
                Said::Complete { events, params }
            }
            Taken::Waits { others } => {
                self.enters(id, asked.event, Role::One, batch);
                let until = asked.event.row.at.saturating_add(asked.trigger.within_ms);
                let (seen, until) = (others + 1, when(until));
                let different = if repeats { "different " } else { "" };
                Said::Waits(format!("{seen} of {count} {different}seen{}, waits for more until {until}", of_key(&key)))
            }
            _ => full(asked.trigger),
        })
    }

    pub(super) fn hear(
        &mut self,
        asked: &Asked<'_>,
        id: &str,
        part: &Part,
        key: Option<FnId>,
        batch: &mut Batch,
    ) -> Result<Said, No> {
        asked.passes(part).unwrap_or(Ok(()))?;
        let key = asked.key(key, "by")?;
        let mut left = Vec::new();
        let Some(Window::Silence(window)) = self.windows.open.get_mut(id).map(|o| &mut o.window) else {
            return Err(No { verdict: "error", why: "its window is not open".to_owned() });
        };
        let taken = window.take(&key, asked.event.clone(), &mut left);
        for old in left {
            self.leaves(id, &old, batch);
        }
        Ok(match taken {
            Taken::Waits { .. } => {
                self.enters(id, asked.event, Role::One, batch);
                let until = when(asked.event.row.at.saturating_add(asked.trigger.within_ms));
                Said::Waits(format!("heard{}: it is silent when nothing comes until {until}", of_key(&key)))
            }
            Taken::Older => Said::Waits(format!("heard{}, and a later one before it", of_key(&key))),
            _ => full(asked.trigger),
        })
    }
}
