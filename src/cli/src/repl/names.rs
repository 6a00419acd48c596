//! Names of the language at the cursor, from the engine that editors ask: the session is a file of the project there.

use std::collections::HashSet;
use std::sync::Arc;

use rrb_lang::check::ModuleSource;
use rrb_lang::types::{Ty, Type, TypeTable};
use rrb_lsp::ide::{self, Project};

use super::complete::Choice;
use super::library::Library;
use super::source::INPUT;

/// The session's file.
const FILE: &str = "session.rrb";
/// Choices that are listed at most.
const MOST: usize = 200;
/// Choices up to which each is listed with its type.
const FEW: usize = 40;

/// What the engine is told of a session.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    pub modules: Arc<Vec<ModuleSource>>,
    pub config: Option<Arc<str>>,
    pub library: Arc<Library>,
    /// What is in scope without being brought in.
    pub own: HashSet<String>,
    pub uses: Vec<String>,
    pub declared: String,
    /// The values of the session, as parameters.
    pub values: Vec<String>,
}

/// The engine, with the project as it was told last.
#[derive(Debug, Default)]
pub struct Names {
    project: Option<Project>,
    told: Arc<Vec<ModuleSource>>,
}

impl Names {
    /// What could stand at byte `pos` of `line`, and where what is replaced begins; none where the engine has nothing to say.
    pub fn at(&mut self, scene: &Scene, line: &str, pos: usize) -> Option<(usize, Vec<Choice>)> {
        let known = |name: &str| scene.own.contains(name) || rrb_lang::syntax::is_reserved(name);
        let mut lines = scene.uses.clone();
        lines.extend(scene.library.wanted(&format!("{}\n{line}", scene.declared), &known));
        let head = format!(
            "{}\n{}\naction {INPUT}({}) destroys {{\n",
            lines.join("\n"),
            scene.declared,
            scene.values.join(", ")
        );
        let text = format!("{head}{line}\n}}\n");
        let project = self.project(scene);
        project.set(FILE, Some(text.into()));
        let analysis = project.analysis();
        let file = analysis.file(FILE)?;
        let offset = u32::try_from(head.len() + pos).ok()?;
        let found = ide::complete::complete(&analysis, file, offset)?;
        let start = (found.replace.start as usize).checked_sub(head.len())?;
        let word = line.get(start..pos)?;
        // What is changed elsewhere in the file is a `use`, which the session brings in by itself.
        let here = |i: &ide::complete::Item| i.edits.iter().any(|(span, _)| span.start as usize >= head.len());
        let fitting: Vec<&ide::complete::Item> =
            found.items.iter().filter(|i| i.label.starts_with(word) && !here(i)).take(MOST).collect();
        let few = fitting.len() <= FEW;
        let choice = |i: &&ide::complete::Item| Choice {
            shown: match few && !i.detail.is_empty() {
                true => format!("{}  {}", i.label, crate::text::truncate(&i.detail, 60)),
                false => i.label.clone(),
            },
            text: i.label.clone(),
        };
        Some((start, fitting.iter().map(choice).collect()))
    }

    fn project(&mut self, scene: &Scene) -> &mut Project {
        let stale = !Arc::ptr_eq(&self.told, &scene.modules);
        let project = self.project.get_or_insert_with(|| Project::new(false));
        if stale {
            let gone = self.told.iter().filter(|m| !scene.modules.iter().any(|n| n.file == m.file));
            gone.for_each(|m| project.set(&m.file, None));
            project.set(ide::CONFIG, scene.config.clone());
            scene.modules.iter().for_each(|m| project.set(&m.file, Some(Arc::clone(&m.text))));
            self.told = Arc::clone(&scene.modules);
        }
        project
    }
}

/// A type as the language writes it, with the connector or module that has it; none for what cannot be written.
pub fn written(types: &TypeTable, ty: &Ty) -> Option<String> {
    Some(match &**ty {
        Type::Optional(t) => format!("{}?", written(types, t)?),
        Type::List(t) => format!("List<{}>", written(types, t)?),
        Type::Set(t) => format!("Set<{}>", written(types, t)?),
        Type::Map(k, v) => format!("Map<{}, {}>", written(types, k)?, written(types, v)?),
        Type::Record(fields) => {
            let one = |f: &rrb_lang::types::FieldTy| Some(format!("{}: {}", f.name, written(types, &f.ty)?));
            format!("{{ {} }}", fields.iter().map(one).collect::<Option<Vec<_>>>()?.join(", "))
        }
        Type::Named(id, args) if args.is_empty() => {
            let def = types.get(*id)?;
            let home = def.module.rsplit('.').next().unwrap_or_default();
            match home.is_empty() || def.module == super::source::MODULE {
                true => def.name.to_string(),
                false => format!("{home}.{}", def.name),
            }
        }
        Type::Error | Type::Never | Type::Nothing | Type::None | Type::Range(_) | Type::Named(..) => return None,
        Type::Function { .. } | Type::Param(..) => return None,
        other => format!("{other:?}"),
    })
}
