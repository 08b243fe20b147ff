use super::*;

/// Both sides are f64 formulas; PyTorch multiplies step by step where we use a closed form.
const RATE_TOL: f64 = 1e-9;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../tests/golden/schedules.json")).unwrap()
}

fn config(json: &str) -> ScheduleConfig {
    serde_json::from_str(json).unwrap()
}

fn floats(entry: &Value, key: &str) -> Vec<f64> {
    entry[key]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect()
}

fn assert_close(name: &str, step: usize, got: f64, expected: f64) {
    let tolerance = RATE_TOL * expected.abs().max(1e-6);
    assert!(
        (got - expected).abs() <= tolerance,
        "{name} step {step}: got {got}, expected {expected}"
    );
}

/// Entry of the golden file, our configuration of the same schedule, its steps in all, entries to compare.
const SAME_SCHEDULES: [(&str, &str, usize, usize); 15] = [
    (
        "constant_warmup",
        r#"{"type":"constant","warmup_steps":6}"#,
        30,
        30,
    ),
    (
        "linear_warmup",
        r#"{"type":"linear","warmup_steps":5}"#,
        30,
        30,
    ),
    (
        "cosine_warmup",
        r#"{"type":"cosine","warmup_steps":4}"#,
        30,
        30,
    ),
    (
        "cosine_hard_restarts_warmup",
        r#"{"type":"cosine","warmup_steps":4,"num_cycles":2}"#,
        30,
        30,
    ),
    (
        "polynomial_warmup",
        r#"{"type":"polynomial","warmup_steps":5,"end_factor":0.001,"power":2.0}"#,
        26,
        30,
    ),
    // PyTorch's rises again after its 12 steps, ours stays; the 12 steps of the fall and its end agree.
    (
        "cosine_annealing",
        r#"{"type":"cosine","end_factor":0.01}"#,
        12,
        13,
    ),
    (
        "cosine_warm_restarts",
        r#"{"type":"cosine","cycle_steps":5,"cycle_growth":2}"#,
        30,
        30,
    ),
    (
        "one_cycle",
        r#"{"type":"one_cycle","warmup_fraction":0.3}"#,
        30,
        30,
    ),
    (
        "one_cycle_linear_three_phase",
        r#"{"type":"one_cycle","warmup_fraction":0.35,"anneal":"linear","three_phase":true,
            "div_factor":10.0,"final_div_factor":100.0}"#,
        30,
        30,
    ),
    (
        "exponential",
        r#"{"type":"exponential","gamma":0.93}"#,
        30,
        30,
    ),
    (
        "step",
        r#"{"type":"step","step_size":7,"gamma":0.3}"#,
        30,
        30,
    ),
    (
        "multi_step",
        r#"{"type":"step","milestones":[5,11,12,25],"gamma":0.5}"#,
        30,
        30,
    ),
    (
        "polynomial",
        r#"{"type":"polynomial","decay_steps":25,"power":2.0}"#,
        30,
        30,
    ),
    (
        "linear",
        r#"{"type":"linear","start_factor":0.2,"end_factor":0.9,"decay_steps":10}"#,
        30,
        30,
    ),
    (
        "constant_factor",
        r#"{"type":"constant","initial_factor":0.25,"initial_steps":6}"#,
        30,
        30,
    ),
];

#[test]
fn rates_are_those_of_pytorch_and_transformers() {
    let golden = golden();
    for (name, json, total_steps, num_compared) in SAME_SCHEDULES {
        let entry = &golden["schedules"][name];
        let schedule = Schedule::new(&config(json), 0.1, total_steps, 1);
        for (step, expected) in floats(entry, "lr")
            .into_iter()
            .enumerate()
            .take(num_compared)
        {
            assert_close(name, step, schedule.rate(step), expected);
        }
        if entry.get("momentum").is_some() {
            for (step, expected) in floats(entry, "momentum").into_iter().enumerate() {
                assert_close(name, step, schedule.beta1(step).unwrap(), expected);
            }
        } else {
            assert_eq!(schedule.beta1(3), None, "{name}");
        }
    }
}

#[test]
fn plateau_lowers_where_pytorch_does() {
    let golden = golden();
    for (name, json, higher_is_better) in [
        (
            "plateau",
            r#"{"type":"plateau","factor":0.4,"patience":2,"threshold":0.01,"cooldown":1,"min_lr":0.0001}"#,
            false,
        ),
        (
            "plateau_abs_max",
            r#"{"type":"plateau","factor":0.5,"patience":3,"threshold":0.02,"threshold_mode":"abs"}"#,
            true,
        ),
    ] {
        let entry = &golden["schedules"][name];
        let mut schedule = Schedule::new(&config(json), 0.1, 30, 1);
        let rates = floats(entry, "lr");
        for (step, metric) in floats(entry, "metrics").into_iter().enumerate() {
            assert_close(name, step, schedule.rate(step), rates[step]);
            schedule.observe(metric, higher_is_better);
        }
        assert_close(name, 29, schedule.rate(29), rates[29]);
    }
}

#[test]
fn a_plateau_goes_on_from_its_saved_state() {
    let config = config(r#"{"type":"plateau","factor":0.5,"patience":0}"#);
    let mut whole = Schedule::new(&config, 0.1, 30, 1);
    for value in [1.0, 2.0, 2.0] {
        whole.observe(value, false);
    }
    let mut resumed = Schedule::new(&config, 0.1, 30, 1);
    resumed.restore(whole.state());
    assert_eq!(resumed.rate(3), whole.rate(3));
    assert!((whole.rate(3) - 0.025).abs() < RATE_TOL);
}

#[test]
fn the_default_is_one_cycle_with_fifteen_percent_warm_up() {
    let schedule = Schedule::new(&ScheduleConfig::default(), 3e-3, 100, 10);
    assert_close("default", 0, schedule.rate(0), 3e-3 / 25.0);
    assert_close("default", 14, schedule.rate(14), 3e-3);
    assert_close("default", 99, schedule.rate(99), 3e-3 / 25.0 / 1e4);
    assert_close("default", 14, schedule.beta1(14).unwrap(), 0.85);
    assert!(Schedule::new(&ScheduleConfig::default(), 3e-3, 1, 1).rate(0) > 0.0);
}

#[test]
fn step_and_exponential_count_in_epochs() {
    let step = Schedule::new(&config(r#"{"type":"step","every_epochs":2}"#), 1.0, 100, 10);
    assert_close("step", 19, step.rate(19), 1.0);
    assert_close("step", 20, step.rate(20), 0.1);
    let exponential = Schedule::new(
        &config(r#"{"type":"exponential","gamma":0.5}"#),
        1.0,
        100,
        10,
    );
    assert_close("exponential", 25, exponential.rate(25), 0.25);
}

#[test]
fn every_registered_schedule_reads_by_name_and_writes_itself() {
    for name in registry::names() {
        let read = config(&format!("\"{name}\""));
        assert!(read.check().is_empty(), "{name}");
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["type"], name);
        assert_eq!(
            serde_json::from_value::<ScheduleConfig>(written).unwrap(),
            read
        );
    }
}

#[test]
fn wrong_settings_are_named() {
    let error = |json: &str| {
        serde_json::from_str::<ScheduleConfig>(json)
            .unwrap_err()
            .to_string()
    };
    assert!(error("\"cosin\"").starts_with("no schedule \"cosin\"; closest \"cosine\" (known: "));
    assert!(error(r#"{"type":"cosine","gama":1}"#).contains("unknown field `gama`"));
    assert!(error(r#"{"type":"cosine","warmup_steps":-1}"#).contains("warmup_steps"));
    assert!(
        error(r#"{"type":"linear","warmup_steps":1,"warmup_fraction":0.1}"#).contains("not both")
    );
    let bad = config(r#"{"type":"one_cycle","div_factor":0.0,"max_beta1":1.5,"warmup_ratio":1.0}"#);
    let places: Vec<String> = bad
        .check()
        .into_iter()
        .map(|problem| problem.place)
        .collect();
    assert_eq!(
        places,
        [
            "schedule.div_factor",
            "schedule.max_beta1",
            "schedule.warmup_fraction"
        ]
    );
}
