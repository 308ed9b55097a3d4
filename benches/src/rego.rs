//! Rego as its users write it for many resources: one rule, and the models as data that it looks up.

use std::sync::Arc;

use regorus::{Engine as Rego, Value, languages::rego::compiler::Compiler, rvm::vm::RegoVM};

use crate::{Engine, QUESTIONS, by_clerk, model, name};

const POLICY: &str = "package authz
default allow := false
allow if {
    some role in input.roles
    data.models[input.model][input.access][role]
}
";

const RULE: &str = "data.authz.allow";

struct Interpreter {
    engine: Rego,
    inputs: Vec<Value>,
}

struct Machine {
    machine: RegoVM,
    inputs: Vec<Value>,
}

pub(crate) fn interpreter(size: usize) -> Box<dyn Engine> {
    Box::new(Interpreter { engine: engine(size), inputs: inputs(size) })
}

pub(crate) fn machine(size: usize) -> Box<dyn Engine> {
    let mut engine = engine(size);
    let compiled = engine.compile_with_entrypoint(&Arc::from(RULE)).expect("a policy");
    let program = Compiler::compile_from_policy(&compiled, &[RULE]).expect("a program");
    let mut machine = RegoVM::new_with_policy(compiled);
    machine.load_program(program);
    machine.set_data(data(size)).expect("data");
    Box::new(Machine { machine, inputs: inputs(size) })
}

fn engine(size: usize) -> Rego {
    let mut engine = Rego::new();
    engine.add_policy("authz.rego".to_owned(), POLICY.to_owned()).expect("a policy");
    engine.add_data(data(size)).expect("data");
    engine
}

fn data(size: usize) -> Value {
    let models: Vec<String> =
        (0..size).map(|number| format!(r#""{}": {{"READ": {{"clerk": true}}}}"#, name(number))).collect();
    Value::from_json_str(&format!(r#"{{"models": {{{}}}}}"#, models.join(","))).expect("JSON")
}

fn inputs(size: usize) -> Vec<Value> {
    (0..QUESTIONS)
        .map(|question| {
            let roles = if by_clerk(question) { r#"["clerk"]"# } else { "[]" };
            let model = name(model(question, size));
            let text = format!(r#"{{"roles": {roles}, "model": "{model}", "access": "READ", "id": "7"}}"#);
            Value::from_json_str(&text).expect("JSON")
        })
        .collect()
}

impl Engine for Interpreter {
    fn ask(&mut self, question: usize) -> bool {
        self.engine.set_input(self.inputs[question].clone());
        self.engine.eval_rule(RULE.to_owned()).expect("a verdict") == Value::Bool(true)
    }
}

impl Engine for Machine {
    fn ask(&mut self, question: usize) -> bool {
        self.machine.set_input(self.inputs[question].clone());
        self.machine.execute_entry_point_by_name(RULE).expect("a verdict") == Value::Bool(true)
    }
}
