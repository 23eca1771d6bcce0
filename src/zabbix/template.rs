//! Templates and their templates, asked for once each, and the order in which their macros count for a host.

use super::answer;
use super::api::Api;
use super::macros::Macro;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};

/// Templates asked for at once.
const AT_ONCE: usize = 500;

pub(super) struct Template {
    pub(super) parents: Vec<u64>,
    pub(super) macros: Vec<Macro>,
    pub(super) tags: Vec<(String, String)>,
    /// What of it was not understood.
    pub(super) strange: Option<answer::Strange>,
    /// It has items of a template that the user of the API may not see.
    pub(super) blind: bool,
}

#[derive(Default)]
pub(super) struct Templates {
    known: HashMap<u64, Template>,
    /// Asked for and not there: deleted in between.
    gone: BTreeSet<u64>,
}

impl Templates {
    /// Asks for those of these that are not known, for their templates and so on; returns the ids of the new ones.
    pub(super) fn learn(&mut self, api: &Api, ids: impl IntoIterator<Item = u64>) -> Result<Vec<u64>, Failure> {
        let mut wanted: BTreeSet<u64> = ids.into_iter().filter(|id| self.is_new(*id)).collect();
        let mut learnt = Vec::new();
        while !wanted.is_empty() {
            let all: Vec<u64> = std::mem::take(&mut wanted).into_iter().collect();
            for some in all.chunks(AT_ONCE) {
                let query = json!({
                    "templateids": some, "output": ["templateid"], "selectMacros": ["macro", "value", "type"],
                    "selectParentTemplates": ["templateid"], "selectTags": ["tag", "value"],
                });
                api.each("template.get", &query, |one| {
                    let id = answer::id(&one, "templateid").ok_or_else(|| api.strange("a template without an id"))?;
                    let template = Template::of(&one);
                    learnt.push(id);
                    wanted.extend(template.parents.iter().copied());
                    self.known.insert(id, template);
                    Ok(())
                })?;
                self.gone.extend(some.iter().copied().filter(|id| !self.known.contains_key(id)));
            }
            wanted.retain(|id| self.is_new(*id));
        }
        Ok(learnt)
    }

    fn is_new(&self, id: u64) -> bool {
        !self.known.contains_key(&id) && !self.gone.contains(&id)
    }

    pub(super) fn mark_blind(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            if let Some(template) = self.known.get_mut(&id) {
                template.blind = true;
            }
        }
    }

    /// The templates of a host, level by level, in the order in which their macros count: that of their ids, whoever's parents
    /// they are. None of them twice.
    pub(super) fn levels(&self, parents: &[u64]) -> Vec<Vec<&Template>> {
        let mut seen = BTreeSet::new();
        let mut level: Vec<u64> = parents.to_vec();
        let mut levels = Vec::new();
        loop {
            level.sort_unstable();
            // Where it stands first, it counts; a circle, which Zabbix refuses, would end here, too.
            level.retain(|id| seen.insert(*id));
            let templates: Vec<&Template> = level.iter().filter_map(|id| self.known.get(id)).collect();
            if templates.is_empty() {
                return levels;
            }
            level = templates.iter().flat_map(|template| template.parents.iter().copied()).collect();
            levels.push(templates);
        }
    }
}

impl Template {
    fn of(one: &Value) -> Self {
        let mut strange = None;
        let macros = answer::macros(one);
        let macros = macros.unwrap_or_else(|what| {
            strange = Some(what);
            Vec::new()
        });
        let parents = answer::ids(one, "parentTemplates", "templateid").unwrap_or_else(|| {
            strange = Some("templates");
            Vec::new()
        });
        let tags = answer::tags(one, "tags").unwrap_or_else(|what| {
            strange = Some(what);
            Vec::new()
        });
        Self { parents, macros, tags, strange, blind: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(known: &[(u64, &[u64])]) -> Templates {
        let template = |parents: &[u64]| Template {
            parents: parents.to_vec(),
            macros: Vec::new(),
            tags: vec![],
            strange: None,
            blind: false,
        };
        let known = known.iter().map(|(id, parents)| (*id, template(parents))).collect();
        Templates { known, gone: BTreeSet::new() }
    }

    /// The ids behind the levels.
    fn ids(templates: &Templates, parents: &[u64]) -> Vec<Vec<u64>> {
        let id = |wanted: &&Template| {
            let found = templates.known.iter().find(|(_, one)| std::ptr::eq(*one, *wanted));
            *found.unwrap().0
        };
        templates.levels(parents).iter().map(|level| level.iter().map(id).collect()).collect()
    }

    #[test]
    fn levels_are_in_the_order_of_ids() {
        let templates = of(&[(10, &[50]), (20, &[30]), (50, &[]), (30, &[40]), (40, &[])]);
        assert_eq!(ids(&templates, &[20, 10]), [vec![10, 20], vec![30, 50], vec![40]]);
    }

    #[test]
    fn a_template_counts_once_and_a_circle_ends() {
        let templates = of(&[(1, &[2, 3]), (2, &[3]), (3, &[1])]);
        assert_eq!(ids(&templates, &[1]), [vec![1], vec![2, 3]]);
        assert!(ids(&templates, &[]).is_empty() && ids(&templates, &[9]).is_empty());
    }
}
