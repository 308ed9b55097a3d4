//! Which file imports from which, and the circles among them.
//!
//! A module's file and the files below it are different nodes. `mod child;` and `pub use child::X` are not imports of
//! the child, and a name that a file re-exports leads to the file that defines it. A child that uses `super::X` imports
//! from its parent if the parent defines `X`. Calls of methods are not seen: a type whose `impl` blocks stand in
//! several files makes no circle.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    imports::{Imports, Path},
    source::Source,
};

/// Files and what they import.
pub(super) struct Graph {
    files: Vec<File>,
    modules: HashMap<Path, usize>,
}

struct File {
    name: String,
    module: Path,
    imports: Imports,
}

/// The names that lead from one node to another, by both nodes.
pub(super) type Edges = BTreeMap<(String, String), BTreeSet<String>>;

impl Graph {
    pub(super) fn new(sources: &[Source]) -> Self {
        let sources = sources.iter().filter(|source| source.path != "main.rs");
        let files: Vec<File> = sources
            .map(|source| File {
                name: source.path.clone(),
                module: module_of(&source.path),
                imports: Imports::read(source.code()),
            })
            .collect();
        let modules = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        Self { files, modules }
    }

    /// Between files.
    pub(super) fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (at, file) in self.files.iter().enumerate() {
            for path in &file.imports.used {
                let Some(to) = self.absolute(file, path).and_then(|path| self.definer(&path, 0)) else {
                    continue;
                };
                if to != at {
                    let ends = (file.name.clone(), self.files[to].name.clone());
                    edges.entry(ends).or_default().insert(path.join("::"));
                }
            }
        }
        edges
    }

    /// A path as it is written in a file, from the crate's root on; `None` for another crate's.
    fn absolute(&self, file: &File, path: &[String]) -> Option<Path> {
        let (first, rest) = path.split_first()?;
        let from = |start: &[String]| Some([start, rest].concat());
        match first.as_str() {
            "crate" => from(&[]),
            "self" => from(&file.module),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let up = file.module.len().checked_sub(ups)?;
                Some([&file.module[..up], &path[ups..]].concat())
            }
            name => {
                let child = [&file.module[..], &[name.to_owned()]].concat();
                if self.modules.contains_key(&child) {
                    return from(&child);
                }
                let imported = file.imports.names.get(name).filter(|imported| imported[0] != name)?;
                from(&self.absolute(file, imported)?)
            }
        }
    }

    /// The file that defines what a path names; `None` for a module, and for what another crate defines.
    fn definer(&self, path: &[String], depth: usize) -> Option<usize> {
        let mut known = 0;
        while known < path.len() && self.modules.contains_key(&path[..=known]) {
            known += 1;
        }
        let at = *self.modules.get(&path[..known])?;
        let (name, rest) = path[known..].split_first()?;
        let file = &self.files[at];
        if depth > 8 || file.imports.defined.contains(name) {
            return Some(at);
        }
        if let Some(imported) = file.imports.names.get(name) {
            let target = [self.absolute(file, imported)?, rest.to_vec()].concat();
            return self.definer(&target, depth + 1);
        }
        for glob in &file.imports.globs {
            let found = self.absolute(file, glob).and_then(|module| self.modules.get(&module).copied());
            if let Some(found) = found.filter(|found| self.files[*found].imports.defined.contains(name)) {
                return Some(found);
            }
        }
        Some(at)
    }
}

/// The same between the modules at the top of the crate.
pub(super) fn between_modules(edges: &Edges) -> Edges {
    let top = |file: &str| file.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
    let mut between = Edges::new();
    for ((from, to), names) in edges {
        let ends = (top(from), top(to));
        if ends.0 != ends.1 {
            between.entry(ends).or_default().extend(names.iter().cloned());
        }
    }
    between
}

/// The nodes that lie behind one, without it unless it is in a circle.
pub(super) fn reached(edges: &Edges, start: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(node) = waiting.pop() {
        let next = edges.keys().filter(|(from, _)| from == node);
        waiting.extend(next.map(|(_, to)| &**to).filter(|to| seen.insert((*to).to_owned())));
    }
    seen
}

/// The sets of nodes that all reach one another, each sorted.
pub(super) fn circles(edges: &Edges) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges.keys() {
        next.entry(from).or_default().push(to);
    }
    let behind = |start: &str| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut waiting = next.get(start).cloned().unwrap_or_default();
        while let Some(node) = waiting.pop() {
            if seen.insert(node) {
                waiting.extend(next.get(node).into_iter().flatten());
            }
        }
        seen
    };
    let reach: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|node| (*node, behind(node))).collect();
    let mut circles = BTreeSet::new();
    for (node, seen) in reach.iter().filter(|(node, seen)| seen.contains(**node)) {
        let both = seen.iter().filter(|other| reach.get(**other).is_some_and(|back| back.contains(node)));
        circles.insert(both.map(|other| (*other).to_owned()).collect::<Vec<_>>());
    }
    circles.into_iter().collect()
}

/// Lines that say how a circle is closed.
pub(super) fn shown(circle: &[String], edges: &Edges) -> String {
    let inside = edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    let lines = inside.map(|((from, to), names)| {
        format!("  {from} imports from {to}: {}", names.iter().cloned().collect::<Vec<_>>().join(", "))
    });
    format!("a circle of {}:\n{}", circle.len(), lines.collect::<Vec<_>>().join("\n"))
}

fn module_of(path: &str) -> Path {
    match path {
        "lib.rs" => Path::new(),
        path => path.trim_end_matches(".rs").split('/').map(str::to_owned).collect(),
    }
}
