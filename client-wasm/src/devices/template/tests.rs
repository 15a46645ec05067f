//! Templates as they stand in recorded configurations.

use super::*;

fn render(template: &str, payload: &str) -> Option<String> {
    Template::new(template)?.render(payload, Json::read(payload.as_bytes()).as_ref()).ok()
}

#[test]
fn recorded_templates_are_understood() {
    for (template, payload, text) in [
        ("{{ value_json.temperature}}", r#"{"temperature":23.20}"#, "23.20"),
        ("{{ value_json['battery'] }}", r#"{"battery":97}"#, "97"),
        ("{{value_json['ENERGY']['Power']}}", r#"{"ENERGY":{"Power":12}}"#, "12"),
        ("{{ value_json.POWER1 | default('') }}", "{}", ""),
        ("{{ value|float|round(1) }}", "21.47", "21.5"),
        ("{{ value_json.state | lower }}", r#"{"state":"ON"}"#, "on"),
        ("{{ 'ON' if value_json.x == 1 else 'OFF' }}", r#"{"x":1}"#, "ON"),
        ("{{ 'ON' if value_json.occupancy else 'OFF' }}", r#"{"occupancy":false}"#, "OFF"),
        (
            "{% if value_json.a > 5 %}high{% elif value_json.a > 2 %}mid{% else %}low{% endif %}",
            r#"{"a":3}"#,
            "mid",
        ),
        ("{{ (value_json.mv | int / 1000) | round(2) }}", r#"{"mv":"3071"}"#, "3.07"),
        ("{{ value_json.t * 9 / 5 + 32 }}", r#"{"t":100}"#, "212"),
        ("{{ value_json.list[1].v }}", r#"{"list":[{},{"v":"b"}]}"#, "b"),
        ("{{ value_json.update['state'] ~ '!' }}", r#"{"update":{"state":"idle"}}"#, "idle!"),
        ("{\"a\":{{ value }}}", "5", "{\"a\":5}"),
        ("{{ iif }}", "", "?"),
        ("{{ value_json.on | iif('ON','OFF') }}", r#"{"on":true}"#, "ON"),
        ("{{ value_json.on }}", r#"{"on":true}"#, "True"),
        ("{{ value_json.nothing }}", r#"{"nothing":null}"#, "None"),
        ("{%- if value in ['a','b'] -%} yes {%- else -%} no {%- endif -%}", "b", "yes"),
        ("{{ 'x' if value_json.y is defined and not value_json.z else 'n' }}", r#"{"y":0}"#, "x"),
        ("{{ -value_json.n | abs }}", r#"{"n":-3}"#, "-3"),
        ("{{ value | replace('a','b') | upper }}{# a remark #}", "banana", "BBNBNB"),
    ] {
        let expected = (text != "?").then(|| text.to_owned());
        assert_eq!(render(template, payload), expected, "{template}");
    }
}

#[test]
fn what_is_not_understood_is_said_so() {
    for template in [
        "{{ value | regex_replace('a','b') }}",
        "{{ states('sensor.x') }}",
        "{{ now() }}",
        "{% for x in value_json %}{{ x }}{% endfor %}",
        "{% set x = 1 %}{{ x }}",
        "{{ value",
        "{{ }}",
        "{{ value value }}",
        "{% if value %}x",
        "{% endif %}",
        "{% else %}",
        "{{ value[ }}",
        "{{ 'x }}",
        "{{ red }}",
    ] {
        assert_eq!(Template::new(template), None, "{template}");
    }
    assert_eq!(Template::new(&format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500))), None);
    assert_eq!(Template::new(&format!("{{{{ {}1 }}}}", "-".repeat(3_000))).map(|_| ()), None);
    assert_eq!(Template::new(&format!("{{{{ {} 1 }}}}", "not ".repeat(900))).map(|_| ()), None);
    assert_eq!(Template::new(&"x".repeat(5_000)), None);
}
