//! Cedar: a policy a model, entities and requests made beforehand.

use std::{collections::HashSet, str::FromStr};

use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request};

use crate::{Engine, QUESTIONS, by_clerk, model, name};

struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    requests: Vec<Request>,
}

pub(crate) fn load(size: usize) -> Box<dyn Engine> {
    let text: String = (0..size)
        .map(|number| {
            format!(
                "permit(principal in Role::\"clerk\", action == Action::\"READ\", resource in Model::\"{}\");\n",
                name(number)
            )
        })
        .collect();
    let policies = PolicySet::from_str(&text).expect("policies");
    let user = |clerk: bool| if clerk { "User::\"7\"" } else { "User::\"8\"" };
    let row = |question| format!("Row::\"{}/7\"", name(model(question, size)));
    let parent = |name: &str| HashSet::from([uid(name)]);
    let mut entities = vec![
        Entity::new_no_attrs(uid(user(true)), parent("Role::\"clerk\"")),
        Entity::new_no_attrs(uid(user(false)), HashSet::new()),
    ];
    let mut known = HashSet::new();
    for question in 0..QUESTIONS {
        let row = row(question);
        if known.insert(row.clone()) {
            let of = format!("Model::\"{}\"", name(model(question, size)));
            entities.push(Entity::new_no_attrs(uid(&row), parent(&of)));
        }
    }
    let entities = Entities::from_entities(entities, None).expect("entities");
    let requests = (0..QUESTIONS)
        .map(|question| {
            let (principal, resource) = (uid(user(by_clerk(question))), uid(&row(question)));
            Request::new(principal, uid("Action::\"READ\""), resource, Context::empty(), None)
                .expect("a request")
        })
        .collect();
    Box::new(Cedar { authorizer: Authorizer::new(), policies, entities, requests })
}

fn uid(text: &str) -> EntityUid {
    EntityUid::from_str(text).expect("an id")
}

impl Engine for Cedar {
    fn ask(&mut self, question: usize) -> bool {
        let response =
            self.authorizer.is_authorized(&self.requests[question], &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }
}
