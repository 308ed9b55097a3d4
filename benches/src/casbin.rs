//! Casbin: its RBAC model, a line a model.

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi, RbacApi};

use crate::{Engine, QUESTIONS, by_clerk, model, name};

const MODEL: &str = "
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, act

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)
";

struct Casbin {
    enforcer: Enforcer,
    models: Vec<String>,
}

pub(crate) fn load(size: usize) -> Box<dyn Engine> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.expect("a model");
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.expect("an enforcer");
        let lines = (0..size).map(|number| ["clerk".to_owned(), name(number), "READ".to_owned()].to_vec());
        enforcer.add_policies(lines.collect()).await.expect("policies");
        enforcer.add_role_for_user("7", "clerk", None).await.expect("a role");
        enforcer
    });
    let models = (0..QUESTIONS).map(|question| name(model(question, size))).collect();
    Box::new(Casbin { enforcer, models })
}

impl Engine for Casbin {
    fn ask(&mut self, question: usize) -> bool {
        let user = if by_clerk(question) { "7" } else { "8" };
        self.enforcer.enforce((user, self.models[question].as_str(), "READ")).expect("a verdict")
    }
}
