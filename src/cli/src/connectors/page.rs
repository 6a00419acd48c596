//! A connector, an action or an event on the terminal.

use rrb_lang::reference::{Action, Connector, Declared, Field, Heard, Module, Offers};
use rrb_lang::syntax::ast::Effect;

use super::{address, declared, effect, effect_word, settings_toml, signature, summary};
use crate::out::Look;
use crate::text::{clean, wrap};

/// Lines of a page.
pub struct Page<'l> {
    look: &'l Look,
    pub lines: Vec<String>,
}

impl<'l> Page<'l> {
    pub fn new(look: &'l Look) -> Self {
        Self { look, lines: Vec::new() }
    }

    fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    fn head(&mut self, text: &str) {
        self.line("");
        self.line(self.look.bold(text));
    }

    /// Prose between the margins; lines that are indented by four are code and stay as they are.
    fn prose(&mut self, indent: usize, text: &str) {
        let margin = " ".repeat(indent);
        let width = self.look.width.min(100).saturating_sub(indent).max(20);
        let mut paragraph = String::new();
        for line in text.lines().chain([""]) {
            let code = line.starts_with("    ") || line.trim_start().starts_with("- ") || line.starts_with('|');
            if !code && !line.trim().is_empty() {
                paragraph = format!("{paragraph} {}", line.trim());
                continue;
            }
            for wrapped in wrap(&clean(paragraph.trim()), width) {
                self.line(format!("{margin}{wrapped}"));
            }
            paragraph.clear();
            if code {
                self.line(format!("{margin}{}", clean(line.trim_end())));
            } else if self.lines.last().is_some_and(|l| !l.is_empty()) {
                self.line("");
            }
        }
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
    }

    fn effect(&self, action: &Action) -> String {
        let text = effect(action);
        match action.effect {
            Effect::Destroys => self.look.bad(text),
            Effect::Changes => self.look.warn(text),
            _ => self.look.good(text),
        }
    }

    /// A whole connector: everything in a line or two.
    pub fn connector(&mut self, module: &str, connector: &Connector) {
        let name = &connector.name;
        self.line(format!("{}  {}", self.look.name(name), self.look.dim(format!("use {module}"))));
        self.line("");
        self.prose(0, &connector.docs);
        if !connector.settings.is_empty() {
            self.head("Settings in rrb.toml");
            for line in settings_toml(name, &connector.settings).lines() {
                self.line(format!("  {line}"));
            }
            self.line("");
            connector.settings.iter().filter(|s| !s.docs.is_empty()).for_each(|s| self.field(s));
        }
        if !connector.events.is_empty() {
            self.head("Events");
            for event in &connector.events {
                self.line(format!("  {}", self.look.name(format!("{name}.{}", event.name))));
                self.prose(4, &summary(&event.docs));
            }
        }
        self.actions(name, &connector.offers);
        self.line("");
        self.line(self.look.dim(format!("more of one: rrb connectors show {name}.NAME; its source: --source")));
    }

    /// A module of primitives.
    pub fn natives(&mut self, module: &Module) {
        let hint = self.look.dim("a primitive: needs no `use`");
        self.line(format!("{}  {hint}", self.look.name(&module.name)));
        self.line("");
        self.prose(0, &module.docs);
        self.actions(&module.name, &module.own);
        self.types(&module.own.types);
    }

    fn actions(&mut self, head: &str, offers: &Offers) {
        if !offers.actions.is_empty() {
            self.head("Actions");
            for action in &offers.actions {
                let effect = self.effect(action);
                self.line(format!("  {}  {effect}", self.look.name(format!("{head}.{}", action.name))));
                self.prose(4, &summary(&action.docs));
            }
        }
        if !offers.functions.is_empty() {
            self.head("Functions");
            for function in &offers.functions {
                self.line(format!("  {}", clean(&function.text)));
                self.prose(4, &summary(&function.docs));
            }
        }
    }

    fn types(&mut self, types: &[Declared]) {
        if types.is_empty() {
            return;
        }
        self.head("Types");
        for ty in types {
            if !ty.docs.is_empty() {
                self.prose(2, &ty.docs);
            }
            for line in ty.text.lines() {
                self.line(format!("  {}", clean(line)));
            }
        }
    }

    fn field(&mut self, field: &Field) {
        self.line(format!("  {}", declared(field)));
        self.prose(6, &field.docs);
    }

    /// An action with all that is said of it, and the types that it names.
    pub fn action(&mut self, head: &str, action: &Action, types: &[Declared]) {
        self.line(self.look.name(format!("{head}.{}", action.name)));
        let whole = format!("{head}.{}", signature(action));
        if whole.len() + 2 <= self.look.width.min(100) {
            self.line(format!("  {whole}"));
        } else {
            self.line(format!("  {head}.{}(", action.name));
            for param in &action.params {
                self.line(format!("    {},", declared(param)));
            }
            let returns = action.returns.as_ref().map(|r| format!(" -> {r}")).unwrap_or_default();
            self.line(format!("  ){returns}"));
        }
        self.line("");
        self.prose(0, &action.docs);
        self.line("");
        let effect = self.effect(action);
        self.line(format!("effect  {effect}{}", self.look.dim(consequence(action.effect))));
        let rest = [("target", &action.target), ("undo", &action.undo)];
        for (word, text) in rest.into_iter().filter_map(|(w, t)| t.as_ref().map(|t| (w, t))) {
            self.line(format!("{word:<6}  {}", clean(text)));
        }
        let documented: Vec<&Field> = action.params.iter().filter(|p| !p.docs.is_empty()).collect();
        if !documented.is_empty() {
            self.head("Parameters");
            documented.into_iter().for_each(|p| self.field(p));
        }
        let text = format!("{} {}", signature(action), action.returns.as_deref().unwrap_or_default());
        self.types(&named_in(&text, types));
    }

    /// An event with all that is said of it, and the types that it names.
    pub fn event(&mut self, connector: &Connector, event: &Heard) {
        self.line(self.look.name(format!("{}.{}", connector.name, event.name)));
        self.line(format!(
            "  on {}.{} as e where …  {}",
            connector.name,
            event.name,
            self.look.dim(format!("e: {}", event.ty))
        ));
        self.line("");
        self.prose(0, &event.docs);
        self.line("");
        self.line(format!("from    {}", clean(&event.source)));
        if let Some(address) = address(event) {
            self.line(format!("sent to POST {address}; for another instance, {address}/INSTANCE"));
        }
        if let Some(verify) = &event.verify {
            self.line(format!("verify  {}", clean(verify)));
        }
        if let Some(acknowledge) = &event.acknowledge {
            self.line(format!("acknowledge  {}", clean(acknowledge)));
        }
        self.types(&named_in(&event.ty, &connector.offers.types));
    }
}

fn consequence(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure | Effect::Reads => "",
        Effect::Changes => "  (needs `do`)",
        Effect::Destroys => "  (needs `do`, and an approval or a waiver)",
    }
}

/// The types whose names occur in a text, and those that these name.
fn named_in(text: &str, types: &[Declared]) -> Vec<Declared> {
    let mut found: Vec<&Declared> = Vec::new();
    let mut texts = vec![text];
    while let Some(text) = texts.pop() {
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for ty in types {
            if words.contains(&ty.name.as_str()) && !found.iter().any(|f| f.name == ty.name) {
                found.push(ty);
                texts.push(&ty.text);
            }
        }
    }
    let order = |t: &&Declared| types.iter().position(|o| o.name == t.name);
    found.sort_by_key(order);
    found.into_iter().cloned().collect()
}

/// Reads, changes and destroys of a connector's actions, as `3/2/1`.
pub fn counts(offers: &Offers) -> String {
    let many = |effect: Effect| offers.actions.iter().filter(|a| a.effect == effect).count();
    let one = |effect: Effect| match many(effect) {
        0 => None,
        n => Some(format!("{n} {}", effect_word(effect))),
    };
    [Effect::Reads, Effect::Changes, Effect::Destroys].into_iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_through_each_other() {
        let ty = |name: &str, text: &str| Declared { name: name.into(), docs: String::new(), text: text.into() };
        let types = [ty("A", "type A = { b: B }"), ty("B", "type B = { a: List<A> }"), ty("C", "type C = { d: Da }")];
        let names = |text: &str| named_in(text, &types).into_iter().map(|t| t.name).collect::<Vec<_>>();
        assert_eq!(names("f(x: B) -> Int"), ["A", "B"]);
        assert_eq!(names("f(x: Bc)"), [] as [&str; 0]);
    }
}
