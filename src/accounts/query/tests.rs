use serde_json::json;

use super::*;
use crate::accounts::Key;

/// LoopBack's rows, as a real one had them when these answers were recorded.
fn rows() -> Vec<(Value, Map<String, Value>)> {
    let row = |id: i64, rest: Value| (json!(id), rest.as_object().unwrap().clone());
    let rich = json!({
        "username": "alice", "email": "alice@example.com", "nick": "z", "tags": ["a", "b"],
        "prof": {"city": "Rome", "n": 5}, "list": [{"k": 1}, {"k": 2}], "num": 5, "flag": true,
        "password": "secret",
    });
    vec![
        row(1, rich),
        row(2, json!({"username": "bob", "email": "bob@example.com"})),
        row(3, json!({"username": "root", "email": "root@example.com"})),
        row(4, json!({"username": "ed", "email": "ed@example.com"})),
    ]
}

fn model(loopback: bool) -> Model {
    let properties = [
        ("realm", Kind::Text),
        ("username", Kind::Text),
        ("password", Kind::Text),
        ("email", Kind::Text),
        ("emailVerified", Kind::Flag),
        ("id", Kind::Id),
        ("born", Kind::Date),
    ];
    Model {
        name: "User".to_owned(),
        key: Key::default(),
        properties: properties.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
        hidden: vec!["password".to_owned()],
        loopback,
        relations: vec!["accessTokens".to_owned()],
    }
}

/// How many of the rows match, or why the `where` cannot be read.
fn count(model: &Model, given: &Value) -> String {
    match Where::read(model, given) {
        Ok(found) => {
            let rows = rows();
            rows.iter()
                .filter(|(id, rest)| found.matches(Row { id, rest }, &Meter::new()))
                .count()
                .to_string()
        }
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn answers_as_a_recorded_loopback() {
    for (given, expected) in [
        (json!({}), 4),
        (json!({"id": 1}), 1),
        (json!({"id": "01"}), 1),
        (json!({"id": true}), 1),
        (json!({"id": "x"}), 0),
        (json!({"id": null}), 0),
        (json!({"id": [1, 2]}), 0),
        (json!({"id": {"gte": "2"}}), 3),
        (json!({"id": {"gt": null}}), 0),
        (json!({"id": {"between": {"0": 1, "1": 2}}}), 2),
        (json!({"id": {"inq": [1, "3", null]}}), 2),
        (json!({"id": {"nin": []}}), 4),
        (json!({"id": {"neq": null}}), 4),
        (json!({"id": {"like": "1"}}), 1),
        (json!({"username": ["bob"]}), 1),
        (json!({"username": {}}), 0),
        (json!({"username": {"foo": "x"}}), 0),
        (json!({"username": {"eq": null}}), 0),
        (json!({"username": {"like": "b_b"}}), 1),
        (json!({"username": {"like": "B%"}}), 0),
        (json!({"username": {"ilike": "B%"}}), 1),
        (json!({"username": {"nlike": "b%"}}), 3),
        (json!({"username": {"like": ""}}), 0),
        (json!({"username": {"like": "a.i"}}), 1),
        (json!({"username": {"regexp": "/^B/i"}}), 1),
        (json!({"username": {"regexp": "/^b/"}}), 1),
        (json!({"username": {"regexp": "b/"}}), 0),
        (json!({"username": {"regexp": ""}}), 4),
        // One operator counts, in LoopBack's order.
        (json!({"username": {"gt": "a", "lt": "c"}}), 4),
        (json!({"emailVerified": null}), 4),
        (json!({"emailVerified": {"neq": true}}), 4),
        (json!({"nope": null}), 4),
        (json!({"nope": 1}), 0),
        (json!({"realm": {"like": "%"}}), 4),
        (json!({"realm": {"nlike": "u%"}}), 0),
        (json!({"realm": {"inq": [null]}}), 4),
    ] {
        assert_eq!(count(&model(true), &given), expected.to_string(), "{given}");
    }
}

#[test]
fn joins_and_looks_into_values_as_a_recorded_loopback() {
    for (given, expected) in [
        (json!({"and": []}), 4),
        (json!({"or": []}), 0),
        (json!({"nor": [{"id": 1}]}), 0),
        (json!({"or": [{"and": [{"id": 1}]}, {"id": 2}]}), 2),
        (json!({"and": {"0": {"id": 1}, "1": {"username": "alice"}}}), 1),
        (json!({"nick": {"like": 5}}), 0),
        (json!({"nick": {"near": 1}}), 4),
        (json!({"nick": {"$gt": ""}}), 0),
        (json!({"nick": ["z"]}), 1),
        (json!({"num": "5"}), 1),
        (json!({"num": {"between": "x"}}), 0),
        (json!({"num": {"eq": 5}}), 0),
        (json!({"num": {"like": "5"}}), 1),
        (json!({"flag": 1}), 1),
        (json!({"flag": "true"}), 0),
        (json!({"tags": "a"}), 1),
        (json!({"tags": {"neq": "a"}}), 4),
        (json!({"tags": ["a", "b"]}), 0),
        (json!({"prof.city": {"like": "R%"}}), 1),
        (json!({"prof": {"city": "Rome"}}), 0),
        (json!({"list.k": 2}), 1),
        (json!({"list.0.k": 1}), 1),
        (json!({"email.length": 1}), 0),
    ] {
        assert_eq!(count(&model(true), &given), expected.to_string(), "{given}");
    }
}

#[test]
fn complains_in_loopbacks_words() {
    let no_list = "Value is not an array or object with sequential numeric indices";
    for (given, expected) in [
        (json!({"and": [5]}), "The where clause 5 is not an object".to_owned()),
        (json!({"and": [null]}), "The where clause null is not an object".to_owned()),
        (json!({"or": {"id": 1}}), format!("The or operator has invalid clauses {{\"id\":1}}: {no_list}")),
        (
            json!({"id": {"inq": 5}}),
            format!("The id property has invalid clause {{\"inq\":5}}: Error: {no_list}"),
        ),
        (
            json!({"id": {"between": [2]}}),
            "The id property has invalid clause {\"between\":[2]}: Expected precisely 2 values, received 1"
                .to_owned(),
        ),
        (
            json!({"username": {"like": 5}}),
            "The username property has invalid clause {\"like\":5}: Expected a string or RegExp".to_owned(),
        ),
        (json!({"username": {"$gt": ""}}), "Operators \"$gt\" are not allowed in query".to_owned()),
        (
            json!({"username": {"regexp": 5}}),
            "Invalid argument, must be a string, regex literal, or RegExp object".to_owned(),
        ),
        (json!({"username": {"regexp": "/a/x"}}), "Invalid regex flags: x".to_owned()),
        (
            json!({"username": {"regexp": "(a)\\1"}}),
            "The regexp \"(a)\\\\1\" is not valid, or not supported here".to_owned(),
        ),
        (json!({"born": "soon"}), "Invalid date: soon".to_owned()),
    ] {
        assert_eq!(count(&model(true), &given), expected, "{given}");
    }
}

#[test]
fn hidden_properties_tell_nothing() {
    let (loopback, standard) = (model(true), model(false));
    for (given, dropped, absent) in [
        (json!({"password": "x"}), "4", "0"),
        (json!({"password": {"like": "s%"}}), "4", "0"),
        (json!({"password": {"neq": "x"}}), "4", "4"),
        (json!({"or": [{"password": "secret"}, {"id": 1}]}), "4", "1"),
        (json!({"and": [{"password": "x"}, {"id": 1}]}), "1", "0"),
    ] {
        assert_eq!(count(&loopback, &given), dropped, "{given}");
        assert_eq!(count(&standard, &given), absent, "{given}");
        let refused = Where::read_for_write(&loopback, &given);
        assert_eq!(refused.unwrap_err(), QueryError::Hidden("password".to_owned()), "{given}");
    }
    assert_eq!(sorted(&loopback, &json!({"order": "password DESC"})), [1, 2, 3, 4]);
}

/// The ids in the order that a filter asks for.
fn sorted(model: &Model, filter: &Value) -> Vec<i64> {
    let query = Query::read(model, Some(filter)).unwrap();
    let mut keyed: Vec<_> = rows()
        .into_iter()
        .map(|(id, rest)| (query.order.key(Row { id: &id, rest: &rest }), id.as_i64().unwrap()))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| query.order.compare(a, b));
    keyed.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn sorts_as_loopback_does() {
    for (order, expected) in [
        (json!("id DESC"), [4, 3, 2, 1]),
        (json!("username"), [1, 2, 4, 3]),
        (json!("username ASC,id DESC"), [1, 2, 4, 3]),
        (json!(["realm", "id desc"]), [4, 3, 2, 1]),
        // What has none comes first, or last when turned round.
        (json!("num"), [2, 3, 4, 1]),
        (json!("num DESC"), [1, 2, 3, 4]),
        (json!("prof.city DESC"), [1, 2, 3, 4]),
        (json!(",id DESC,"), [4, 3, 2, 1]),
        (json!(""), [1, 2, 3, 4]),
    ] {
        assert_eq!(sorted(&model(true), &json!({ "order": order })), expected, "{order}");
    }
}

#[test]
fn reads_pages_as_loopback_does() {
    let page = |filter: Value| match Query::read(&model(true), Some(&filter)) {
        Ok(query) => format!("{} {:?}", query.skip, query.limit),
        Err(fault) => fault.to_string(),
    };
    for (filter, expected) in [
        (json!({}), "0 None"),
        (json!({"limit": 0}), "0 None"),
        (json!({"limit": "2"}), "0 Some(2)"),
        (json!({"limit": true}), "0 Some(1)"),
        (json!({"limit": [1]}), "0 Some(1)"),
        (json!({"skip": "1"}), "1 Some(100)"),
        (json!({"skip": 0, "offset": 2}), "2 Some(100)"),
        (json!({"limit": -1}), "The limit parameter -1 is not valid"),
        (json!({"limit": "0"}), "The limit parameter \"0\" is not valid"),
        (json!({"limit": 1.5}), "The limit parameter 1.5 is not valid"),
        (json!({"limit": {}}), "The limit parameter {} is not valid"),
        (json!({"offset": -2}), "The offset/skip parameter -2 is not valid"),
        (json!({"order": 5}), "The order 5 is not valid"),
        (json!({"order": "id FOO"}), "The order \"id FOO\" has invalid direction"),
        (json!({"order": "  "}), "The order \"  \" has invalid direction"),
        (json!({"where": 5}), "The where clause 5 is not an object"),
        (json!({"include": ["accessTokens"]}), "0 None"),
        (json!({"include": {"relation": "nope"}}), "Relation \"nope\" is not defined for User model"),
    ] {
        assert_eq!(page(filter.clone()), expected, "{filter}");
    }
    let one = Query::read_one(&model(true), Some(&json!({"limit": -1, "skip": 1}))).unwrap();
    assert_eq!((one.skip, one.limit), (1, Some(1)));
    // Of a row that is known, only these two count.
    assert!(Query::read_view(&model(true), Some(&json!({"limit": -1, "order": 5}))).is_ok());
}

#[test]
fn shows_the_fields_that_are_asked_for() {
    let row = json!({"username": "alice", "email": "a@b", "id": 1, "nick": "z"});
    for (fields, expected) in [
        (json!(["email"]), json!({"email": "a@b"})),
        (json!("email"), json!({"email": "a@b"})),
        (json!("id,email"), json!({})),
        (json!({"email": true, "id": false}), json!({"email": "a@b"})),
        (json!({"id": "false"}), json!({"id": 1})),
        // Who only switches off gets what is declared.
        (json!({"id": 0}), json!({"username": "alice", "email": "a@b"})),
        (json!(5), json!({"username": "alice", "email": "a@b", "id": 1})),
        (json!([]), row.clone()),
        (json!({}), row.clone()),
        (json!(null), row.clone()),
    ] {
        let query = Query::read(&model(true), Some(&json!({ "fields": fields }))).unwrap();
        assert_eq!(Value::Object(query.view(row.as_object().unwrap().clone())), expected, "{fields}");
    }
}

#[test]
fn goes_no_deeper_and_no_further_than_its_bounds() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert!(Where::read(&model(true), &deep(12)).is_ok());
    assert_eq!(Where::read(&model(true), &deep(13)).unwrap_err(), QueryError::TooDeep(12));
    let filter = json!({ "where": deep(12) });
    assert_eq!(Query::read(&model(true), Some(&filter)).unwrap_err(), QueryError::TooDeep(12));
    let many = |count: usize| json!({ "or": vec![json!({ "id": 1 }); count] });
    assert!(Where::read(&model(true), &many(400)).is_ok());
    assert!(matches!(Where::read(&model(true), &many(500)), Err(QueryError::TooManyClauses(_))));
    let bomb = json!({"username": {"regexp": "((((a{50}){50}){50}){50}){50}"}});
    assert!(matches!(Where::read(&model(true), &bomb), Err(QueryError::Regex(_))));
}

#[test]
fn pins_what_a_store_can_find_at_once() {
    let pin = |given: Value| Where::read(&model(true), &given).unwrap();
    let one = pin(json!({"nick": "z", "id": "7"}));
    assert_eq!(one.pin(), Some(Pin::Ids(vec![7.into()])));
    let few = pin(json!({"id": {"inq": [1, null, "x"]}}));
    assert_eq!(few.pin(), Some(Pin::Ids(vec![1.into(), crate::identity::UserId::Text("x".into())])));
    let email = pin(json!({"email": "a@b"}));
    assert_eq!(email.pin(), Some(Pin::Email("a@b")));
    for given in [json!({"or": [{"id": 1}]}), json!({"id": {"neq": 1}}), json!({"id": null}), json!({})] {
        assert_eq!(pin(given.clone()).pin(), None, "{given}");
    }
}

#[test]
fn a_text_id_that_looks_like_a_number_is_none() {
    let id = json!("5e0000000000000000000001");
    let found = Where::read(&model(true), &json!({"id": id})).unwrap();
    let rest = Map::new();
    assert!(found.matches(Row { id: &id, rest: &rest }, &Meter::new()));
    assert!(!found.matches(Row { id: &json!("5e0000000000000000000002"), rest: &rest }, &Meter::new()));
}

proptest::proptest! {
    /// Whatever is sorted by, there is one order: the sort would panic otherwise.
    #[test]
    fn sorting_has_an_order(values in proptest::collection::vec(0_usize..9, 3)) {
        let all = [
            None, Some(json!(null)), Some(json!(true)), Some(json!(-1)), Some(json!("10")), Some(json!("9")),
            Some(json!([1])), Some(json!({})), Some(json!(9)),
        ];
        let [a, b, c] = [0, 1, 2].map(|at| all[values[at]].as_ref());
        let total = compare::total;
        proptest::prop_assert_eq!(total(a, b), total(b, a).reverse());
        if total(a, b).is_le() && total(b, c).is_le() {
            proptest::prop_assert!(total(a, c).is_le());
        }
    }
}

#[test]
fn d4_a_filter_has_a_budget() {
    let patterns = |count: usize, pattern: &str| {
        let list: Vec<Value> = (0..count).map(|_| json!({"username": {"regexp": pattern}})).collect();
        json!({ "or": list })
    };
    let likes: Vec<Value> = (0..17).map(|index| json!({"nick": {"like": format!("{index}%")}})).collect();
    let values: Vec<Value> = (0..10_001).map(Value::from).collect();
    for (given, word) in [
        (patterns(495, r"\w{20}"), "regexp"),
        (patterns(495, "a"), "16 patterns"),
        (patterns(17, "a"), "16 patterns"),
        (patterns(1, r"(\w{50}){50}"), "regexp"),
        (json!({"nick": {"regexp": "a".repeat(2_000)}}), "regexp"),
        (json!({ "and": likes }), "16 patterns"),
        (json!({"nick": {"nilike": r"\p{L}{500}"}, "and": likes}), "patterns"),
        (json!({"username": {"inq": values}}), "10000 values"),
        (json!({"nick": {"nin": values}}), "10000 values"),
        (json!({"or": [{"nick": values[..6_000]}, {"id": {"inq": values[..6_000]}}]}), "10000 values"),
    ] {
        for loopback in [true, false] {
            let told = count(&model(loopback), &given);
            assert!(told.contains(word), "{loopback}: {word}: {told}");
        }
    }
    for fits in
        [patterns(16, "a|b"), patterns(3, r"^\w+@example\.com$"), json!({"email": {"ilike": "%Ali_e%"}})]
    {
        for loopback in [true, false] {
            let told = count(&model(loopback), &fits);
            assert!(told.parse::<usize>().is_ok(), "{told}");
        }
    }
    let names: Vec<String> = (0..600).map(|index| format!("p{index}")).collect();
    let wide = Query::read(&model(true), Some(&json!({ "fields": names })));
    assert!(matches!(wide, Err(QueryError::TooManyNames { what: "fields", .. })), "{wide:?}");
    let long = Query::read(&model(true), Some(&json!({ "order": names })));
    assert!(matches!(long, Err(QueryError::TooManyNames { what: "order", .. })), "{long:?}");
}

#[test]
fn d4_a_search_costs_what_its_conditions_do() {
    let cost = |given: Value| Where::read(&model(true), &given).unwrap().cost();
    assert_eq!(cost(json!({})), 1);
    assert!(cost(json!({"id": {"inq": [1, 2, 3]}})) > 3);
    assert!(cost(json!({"or": [{"nick": {"regexp": "a"}}, {"nick": {"like": "b"}}]})) > 40);
}

#[test]
fn d7_a_name_inside_an_and_narrows_the_rows_down() {
    let given = json!({"and": [{"realm": "r"}, {"and": [{"email": "a@b.c"}]}], "nick": "x"});
    assert_eq!(Where::read(&model(true), &given).unwrap().pin(), Some(Pin::Email("a@b.c")));
    let either = Where::read(&model(true), &json!({"or": [{"email": "a@b.c"}, {"id": 1}]})).unwrap();
    assert_eq!(either.pin(), None);
}

#[test]
fn d4_a_row_costs_what_its_values_do() {
    // One row, one condition: 30,000 items, each compared with 10,000 values.
    let values: Vec<String> = (0..10_000).map(|value| format!("v{value}")).collect();
    let items: Vec<Value> = vec![json!("w"); 30_000];
    let row = json!({ "nick": items });
    let (id, rest) = (json!(1), row.as_object().unwrap());
    let found = Where::read(&model(true), &json!({"nick": {"inq": values}})).unwrap();
    let meter = Meter::new();
    found.matches(Row { id: &id, rest }, &meter);
    assert!(meter.is_over());
    let few = Where::read(&model(true), &json!({"nick": {"inq": ["w"]}})).unwrap();
    let meter = Meter::new();
    assert!(few.matches(Row { id: &id, rest }, &meter) && !meter.is_over());
}
