//! The names of a configuration: each has a short form, nearly always word for word. What is read is made short, so that
//! nothing else has to know both. Knows the words, no component.

use crate::devices::json::Json;
use crate::text;

/// Those that are not put together like the others.
const WHOLE: [(&str, &str); 6] = [
    ("enabled_by_default", "en"),
    ("supported_color_modes", "sup_clrm"),
    ("payload_return_to_base", "pl_ret"),
    ("fan_speed_list", "fanspd_lst"),
    ("pause_command_topic", "paus_mw_cmd_t"),
    ("pause_command_template", "paus_mw_cmd_tpl"),
];

const WORDS: [(&str, &str); 50] = [
    ("action", "act"),
    ("activity", "act"),
    ("availability", "avty"),
    ("available", "avail"),
    ("brightness", "bri"),
    ("category", "cat"),
    ("class", "cla"),
    ("clean", "cln"),
    ("close", "cls"),
    ("closed", "clsd"),
    ("color", "clr"),
    ("command", "cmd"),
    ("components", "cmps"),
    ("connections", "cns"),
    ("current", "curr"),
    ("device", "dev"),
    ("entity", "ent"),
    ("features", "feat"),
    ("humidity", "hum"),
    ("identifiers", "ids"),
    ("install", "inst"),
    ("latest", "l"),
    ("locate", "loc"),
    ("manufacturer", "mf"),
    ("measurement", "meas"),
    ("model", "mdl"),
    ("mowing", "mw"),
    ("night", "nite"),
    ("options", "ops"),
    ("pause", "paus"),
    ("payload", "pl"),
    ("percentage", "pct"),
    ("platform", "p"),
    ("position", "pos"),
    ("preset", "pr"),
    ("press", "prs"),
    ("range", "rng"),
    ("scale", "scl"),
    ("speed", "spd"),
    ("spot", "sp"),
    ("start", "strt"),
    ("state", "stat"),
    ("supported", "sup"),
    // What is wished for is named without it.
    ("target", ""),
    ("temperature", "temp"),
    ("template", "tpl"),
    ("topic", "t"),
    ("unlock", "unlk"),
    ("value", "val"),
    ("version", "ver"),
];

/// Makes the names of a configuration short: its own, its device's, those of its parts and of each who says that it is there.
pub(super) fn shorten(config: &mut Json) {
    for (name, value) in members(config) {
        *name = short(name);
        match (name.as_str(), value) {
            ("dev", device) => members(device).iter_mut().for_each(|(name, _)| *name = short(name)),
            ("avty", Json::List(all)) => all.iter_mut().for_each(shorten),
            ("cmps" | "cmp", parts) => members(parts).iter_mut().for_each(|(_, part)| shorten(part)),
            _ => {}
        }
    }
}

fn short(name: &str) -> String {
    let of = |list: &[(&str, &'static str)], word: &str| {
        list.iter().find(|(full, _)| *full == word).map(|(_, short)| *short)
    };
    of(&WHOLE, name).map_or_else(
        || {
            let words = name.split('_').map(|word| of(&WORDS, word).unwrap_or(word));
            text::join(words.filter(|word| !word.is_empty()), "_")
        },
        str::to_owned,
    )
}

fn members(json: &mut Json) -> &mut [(String, Json)] {
    match json {
        Json::Map(members) => members,
        _ => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Home Assistant's own list of abbreviations has them.
    #[test]
    fn a_name_becomes_what_home_assistant_calls_short_for_it() {
        for (full, is_short) in [
            ("state_topic", "stat_t"),
            ("value_template", "val_tpl"),
            ("state_value_template", "stat_val_tpl"),
            ("command_template", "cmd_tpl"),
            ("unit_of_measurement", "unit_of_meas"),
            ("entity_category", "ent_cat"),
            ("enabled_by_default", "en"),
            ("device_class", "dev_cla"),
            ("payload_not_available", "pl_not_avail"),
            ("availability_topic", "avty_t"),
            ("brightness_command_topic", "bri_cmd_t"),
            ("brightness_scale", "bri_scl"),
            ("color_temp_state_topic", "clr_temp_stat_t"),
            ("supported_color_modes", "sup_clrm"),
            ("payload_close", "pl_cls"),
            ("state_closed", "stat_clsd"),
            ("position_closed", "pos_clsd"),
            ("set_position_topic", "set_pos_t"),
            ("payload_unlock", "pl_unlk"),
            ("temperature_command_topic", "temp_cmd_t"),
            ("current_temperature_template", "curr_temp_tpl"),
            ("min_temp", "min_temp"),
            ("preset_mode_value_template", "pr_mode_val_tpl"),
            ("percentage_command_topic", "pct_cmd_t"),
            ("speed_range_max", "spd_rng_max"),
            ("payload_clean_spot", "pl_cln_sp"),
            ("payload_return_to_base", "pl_ret"),
            ("set_fan_speed_topic", "set_fan_spd_t"),
            ("fan_speed_list", "fanspd_lst"),
            ("payload_arm_night", "pl_arm_nite"),
            ("start_mowing_command_topic", "strt_mw_cmd_t"),
            ("activity_state_topic", "act_stat_t"),
            ("target_humidity_command_topic", "hum_cmd_t"),
            ("current_humidity_topic", "curr_hum_t"),
            ("max_humidity", "max_hum"),
            ("latest_version_topic", "l_ver_t"),
            ("payload_install", "pl_inst"),
            ("supported_features", "sup_feat"),
            ("identifiers", "ids"),
            ("manufacturer", "mf"),
            ("~", "~"),
        ] {
            assert_eq!(short(full), is_short);
            assert_eq!(short(is_short), is_short, "short ones stay");
        }
        // Where the list itself is not regular, both forms become the same.
        for (one, other) in [
            ("pause_command_topic", "pause_mw_cmd_t"),
            ("target_humidity_state_template", "hum_state_tpl"),
            ("components", "cmps"),
        ] {
            assert_eq!(short(one), short(other));
        }
    }

    #[test]
    fn what_people_named_stays() {
        let mut json = Json::read(
            br#"{"device":{"model":"state"},"components":{"state":{"state_topic":"topic"}},"availability":[{"topic":"a"}],"options":{"state":1}}"#,
        )
        .unwrap();
        shorten(&mut json);
        let wanted = Json::read(
            br#"{"dev":{"mdl":"state"},"cmps":{"state":{"stat_t":"topic"}},"avty":[{"t":"a"}],"ops":{"state":1}}"#,
        );
        assert_eq!(Some(json), wanted);
    }
}
