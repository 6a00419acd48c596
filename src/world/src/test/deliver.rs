//! What comes in: events, and deliveries to webhooks through everything that reads them live.

use std::collections::BTreeMap;
use std::path::Path;

use rrb_engine::api::{ControlPlane, Delivery, EmitEvent, Receipt};
use rrb_engine::code::event_name;
use rrb_engine::store::{EventFilter, Store};
use rrb_lang::hir::testing::{Body, When};
use rrb_lang::hir::{Event, EventSource};
use rrb_lang::span::Span;
use rrb_lang::vm;

use super::stage::{Broken, Last, Stage};
use super::steps::{Done, person, unmade};
use super::trouble::Trouble;

/// What is brought.
enum Brought {
    Event(EmitEvent),
    Delivery(Delivery),
}

impl Stage {
    pub(super) async fn when(&mut self, when: &When, span: Span) -> Done {
        self.last = Last::default();
        let brought = match when {
            When::Event { event, instance, payload } => {
                let Some(event) = self.functions.program.events.get(event.index()) else {
                    return Ok(vec![unmade(span, "the event", "the program does not know it")]);
                };
                let value = match self.functions.call(*payload, vec![]) {
                    Ok(value) => value,
                    Err(why) => return Ok(vec![unmade(span, "the event", &why)]),
                };
                let instance = instance.clone().or_else(|| self.default_instance(event));
                Brought::Event(EmitEvent {
                    event: event_name(&*self.code, event),
                    instance: instance.map(|i| i.to_string()),
                    payload: serde_json::Value::from(&vm::shown(&value)),
                })
            }
            When::Delivery { path, instance, body, signed } => {
                let body = match self.body(body, span) {
                    Ok(body) => body,
                    Err(trouble) => return Ok(vec![*trouble]),
                };
                let events = self.at(path);
                let checks = events.iter().filter_map(|e| e.verify.as_ref()).map(|v| v.scheme.clone());
                if let Some(scheme) = checks.into_iter().find(|s| s != "none").filter(|_| !signed) {
                    let text = format!("`{path}` checks who sends (`{scheme}`), and the delivery is not `signed`");
                    self.last.refused = Some(text);
                    return Ok(Vec::new());
                }
                let instance = instance.clone().or_else(|| events.first().and_then(|e| self.default_instance(e)));
                let instance = instance.map_or_else(|| "default".to_owned(), |i| i.to_string());
                let (path, headers, query) = (path.to_string(), BTreeMap::new(), BTreeMap::new());
                Brought::Delivery(Delivery { path, instance, body, headers, query })
            }
        };
        let before = self.events().await?;
        let receipt = match self.bring(&brought).await {
            Err(_) if self.store.crashed() => {
                self.settle().await?;
                let mut now = self.events().await?;
                now.retain(|id| !before.contains(id));
                match now.is_empty() {
                    // Nothing was taken: the sender sends again.
                    true => self.bring(&brought).await,
                    false => {
                        self.last.events = now;
                        return Ok(Vec::new());
                    }
                }
            }
            other => other,
        };
        self.settle().await?;
        match receipt {
            Ok(Receipt { events, duplicates, dead, .. }) => {
                self.last = Last { events, duplicates, dead, ..Last::default() };
                Ok(Vec::new())
            }
            Err(Broken::Engine(why)) => Ok(vec![Trouble::new(span, "not taken", why)]),
            Err(e) => Err(e),
        }
    }

    async fn bring(&self, brought: &Brought) -> Result<Receipt, Broken> {
        let engine = self.engine()?;
        Ok(match brought {
            Brought::Event(event) => engine.emit(event.clone(), &person(None)).await?,
            Brought::Delivery(delivery) => engine.deliver(delivery.clone()).await?,
        })
    }

    async fn events(&self) -> Result<Vec<String>, Broken> {
        // Only a planned crash has to know.
        if !self.planned {
            return Ok(Vec::new());
        }
        let all = self.store.events(EventFilter { limit: u32::MAX, ..EventFilter::default() }).await;
        let all = all.map_err(|e| Broken::Engine(e.to_string()))?;
        Ok(all.into_iter().map(|e| e.id).collect())
    }

    fn default_instance(&self, event: &Event) -> Option<smol_str::SmolStr> {
        let connector = self.functions.program.connectors.get(event.connector.index())?;
        self.project.default_instance(&connector.name)
    }

    fn at(&self, path: &str) -> Vec<&Event> {
        let here = |e: &&Event| matches!(&e.source, EventSource::Webhook { path: p } if p == path);
        self.functions.program.events.iter().filter(here).collect()
    }

    fn body(&self, body: &Body, span: Span) -> Result<Vec<u8>, Box<Trouble>> {
        match body {
            Body::Value(function) => {
                let value = self.functions.call(*function, vec![]);
                let value = value.map_err(|why| unmade(span, "the delivery", &why))?;
                let json = vm::to_json(&value).map_err(|why| unmade(span, "the delivery", &why.to_string()))?;
                serde_json::to_vec(&json).map_err(|why| Box::new(unmade(span, "the delivery", &why.to_string())))
            }
            Body::File { path, span } => {
                let most = self.project.serve.max_body;
                read_within(&self.suite.root, path, most).map_err(|why| {
                    let trouble = Trouble::new(*span, "this file", format!("`{path}` cannot be delivered: {why}"));
                    Box::new(
                        trouble.help("files of deliveries stand in the project, named from the folder of rrb.toml on"),
                    )
                })
            }
        }
    }
}

/// The bytes of a file of the project.
///
/// # Errors
/// When it is none, stands outside, or is too large to be a delivery.
fn read_within(root: &Path, path: &str, most: u64) -> Result<Vec<u8>, String> {
    let read = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => e.to_string(),
    };
    let root = root.canonicalize().map_err(read)?;
    let file = root.join(path).canonicalize().map_err(read)?;
    if !file.starts_with(&root) {
        return Err("it stands outside of the project".to_owned());
    }
    let meta = std::fs::metadata(&file).map_err(read)?;
    if !meta.is_file() {
        return Err("it is no file".to_owned());
    }
    if meta.len() > most {
        return Err(format!("it is {} bytes, more than the {most} that a delivery may have", meta.len()));
    }
    std::fs::read(&file).map_err(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_project_that_fit_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("project");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(root.join("sub/a.json"), b"0123456789").unwrap();
        std::fs::write(dir.path().join("secret"), b"s").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), root.join("link")).unwrap();
        for (most, fits) in [(9, false), (10, true), (11, true)] {
            assert_eq!(read_within(&root, "sub/a.json", most).is_ok(), fits, "{most}");
        }
        for (path, why) in [
            ("../secret", "outside"),
            ("link", "outside"),
            ("/etc/hostname", "outside"),
            ("sub", "no file"),
            ("none.json", "no such file"),
        ] {
            let said = read_within(&root, path, 100).unwrap_err();
            assert!(said.contains(why), "{path}: {said}");
        }
    }
}
