use super::*;
use schema::Scale;

fn target(num_classes: usize) -> FittedTarget {
    FittedTarget {
        column: "label".into(),
        task: Task::Class,
        classes: (0..num_classes).map(|class| class.to_string()).collect(),
        scale: None,
        prior: vec![1.0 / num_classes as f64; num_classes],
    }
}

/// Every record is held out from every voice.
fn held_out(num_held_out: usize) -> Heard {
    Heard {
        num_held_out,
        num_groups: num_held_out,
        crossed: Vec::new(),
    }
}

/// A voice that is right with a probability and says so.
fn voice(name: &str, truth: &[u32], right: f64, seed: u64) -> Voice {
    let mut rng = Seed(seed).rng();
    let mut scores = Vec::new();
    for class in truth {
        let said = if rng.chance(right) {
            *class
        } else {
            rng.below(3) as u32
        };
        scores.extend((0..3).map(|k| {
            if k == said {
                0.8_f32.ln()
            } else {
                0.1_f32.ln()
            }
        }));
    }
    Voice {
        name: name.into(),
        inputs: vec![name.into()],
        present: vec![true; truth.len()],
        scores,
    }
}

fn classes(n: usize) -> Vec<u32> {
    let mut rng = Seed(9).rng();
    (0..n).map(|_| rng.below(3) as u32).collect()
}

fn fitted(voices: &[Voice], truth: &[u32]) -> StackFit {
    let truth = Truth::Classes(truth.iter().map(|class| Some(*class)).collect());
    fit(
        &target(3),
        &truth,
        voices,
        &held_out(truth.num_records(3)),
        Seed(0),
    )
    .unwrap()
}

fn accuracy(scores: &[f32], truth: &[u32]) -> f64 {
    let best = |row: &[f32]| (0..3).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap() as u32;
    let right = scores
        .chunks(3)
        .zip(truth)
        .filter(|(row, class)| best(row) == **class)
        .count();
    right as f64 / truth.len() as f64
}

#[test]
fn a_voice_that_knows_more_gets_more_weight_and_noise_gets_almost_none() {
    let truth = classes(600);
    let voices = [
        voice("good", &truth, 0.9, 1),
        voice("fair", &truth, 0.5, 2),
        voice("noise", &truth, 0.0, 3),
    ];
    let stack = fitted(&voices, &truth).stack;
    let weights: Vec<f64> = stack.weights().map(|(_, weight)| weight).collect();
    assert!(
        weights[0] > weights[1] && weights[1] > weights[2],
        "{weights:?}"
    );
    assert!(weights[2] < 0.1, "{weights:?}");
    assert!(stack.listens_to("good") && !stack.listens_to("absent"));
}

#[test]
fn the_stack_is_not_worse_than_its_best_voice() {
    let truth = classes(600);
    let voices = [
        voice("a", &truth, 0.7, 1),
        voice("b", &truth, 0.6, 2),
        voice("noise", &truth, 0.0, 3),
    ];
    let fit = fitted(&voices, &truth);
    assert!(accuracy(&fit.scores, &truth) >= accuracy(&voices[0].scores, &truth) - 0.01);
}

#[test]
fn an_absent_voice_drops_out_and_nothing_at_all_gives_the_prior() {
    let truth = classes(200);
    let stack = fitted(
        &[voice("a", &truth, 0.9, 1), voice("b", &truth, 0.9, 2)],
        &truth,
    )
    .stack;
    let mut a = voice("a", &truth[..2], 1.0, 1);
    let mut b = voice("b", &truth[..2], 1.0, 1);
    b.present = vec![false, false];
    a.present = vec![true, false];
    let scores = stack.combine(&target(3), &[b, a.clone()], 2).unwrap();
    // Scores are log-probabilities, so only their differences show the weight: `a` is a multiple of itself.
    let off = |row: &[f32], class: usize| row[class] - row[(class + 1) % 3];
    let weight = stack.weights().next().unwrap().1 as f32;
    assert!((0..3).all(|class| {
        let said = off(&a.scores, class);
        said == 0.0 || off(&scores, class) / said > 0.5 * weight
    }));
    let sum: f32 = scores[..3].iter().map(|score| score.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    // ln(1/3) in f32.
    assert!(
        scores[3..]
            .iter()
            .all(|score| (score - (1.0_f32 / 3.0).ln()).abs() < 1e-6)
    );
}

#[test]
fn noise_is_not_added_to_a_good_estimate() {
    let n = 80;
    let mut rng = Seed(4).rng();
    let values: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let said = |noise: f64, rng: &mut schema::Rng| -> Vec<f32> {
        values
            .iter()
            .map(|value| (value + noise * rng.normal()) as f32)
            .collect()
    };
    let voice = |name: &str, inputs: &str, scores: Vec<f32>| Voice {
        name: name.into(),
        inputs: vec![inputs.into()],
        present: vec![true; n],
        scores,
    };
    let voices = vec![
        voice("mlp", "table", said(0.3, &mut rng)),
        voice("boost", "table", said(0.3, &mut rng)),
        voice(
            "photo",
            "photo",
            (0..n).map(|_| rng.normal() as f32).collect(),
        ),
    ];
    let target = FittedTarget {
        column: "price".into(),
        task: Task::Regression,
        classes: vec![],
        scale: Some(Scale {
            log: false,
            mean: 0.0,
            deviation: 1.0,
        }),
        prior: vec![],
    };
    let heard = held_out(values.len());
    let fit = fit(&target, &Truth::Values(values), &voices, &heard, Seed(0)).unwrap();
    assert!(fit.stack.listens_to("mlp") && fit.stack.listens_to("boost"));
    assert!(!fit.stack.listens_to("photo"));
    assert!(
        fit.stack.half_width() > 0.2 && fit.stack.half_width() < 0.6,
        "{}",
        fit.stack.half_width()
    );
}

#[test]
fn a_voice_of_another_length_is_refused() {
    let truth = classes(5);
    let stack = fitted(&[voice("a", &truth, 0.9, 1)], &truth).stack;
    let wrong = stack.combine(&target(3), &[voice("a", &truth[..4], 0.9, 1)], 5);
    assert!(matches!(
        wrong,
        Err(ExpertError::VoiceLength {
            got: 12,
            expected: 15,
            ..
        })
    ));
}

/// A voice that happens to be right about the held-out records, and about the others only by chance.
#[test]
fn crossed_voices_are_weighed_on_every_record_and_slow_ones_beside_them() {
    let truth = classes(440);
    let num_held_out = 40;
    let known = Truth::Classes(truth.iter().map(|class| Some(*class)).collect());
    let mut lucky = voice("lucky", &truth, 0.0, 1);
    lucky.scores[..num_held_out * 3]
        .copy_from_slice(&voice("", &truth[..num_held_out], 1.0, 1).scores);
    let good = voice("good", &truth, 0.8, 2);
    let mut slow = voice("slow", &truth, 0.95, 3);
    slow.present[num_held_out..].fill(false);
    let weights = |voices: &[Voice], crossed: &[&str]| -> Vec<f64> {
        let num_records = if crossed.is_empty() {
            num_held_out
        } else {
            440
        };
        let cut = |voice: &Voice| Voice {
            present: voice.present[..num_records].to_vec(),
            scores: voice.scores[..num_records * 3].to_vec(),
            ..voice.clone()
        };
        let voices: Vec<Voice> = voices.iter().map(cut).collect();
        let heard = Heard {
            num_held_out,
            num_groups: num_held_out,
            crossed: crossed.iter().map(|name| (*name).to_owned()).collect(),
        };
        let truth = known.select(&(0..num_records).collect::<Vec<_>>(), 3);
        let fit = fit(&target(3), &truth, &voices, &heard, Seed(0)).unwrap();
        assert_eq!(fit.scores.len(), num_held_out * 3);
        let stack = fit.stack;
        let of = |name: &str| {
            stack
                .weights()
                .find(|(own, _)| *own == name)
                .map_or(0.0, |w| w.1)
        };
        voices.iter().map(|voice| of(&voice.name)).collect()
    };
    let quick = [lucky, good];
    let fooled = weights(&quick, &[]);
    assert!(fooled[0] > fooled[1], "{fooled:?}");
    let crossed = weights(&quick, &["lucky", "good"]);
    assert!(crossed[0] < 0.1 && crossed[1] > 0.5, "{crossed:?}");
    let [lucky, good] = quick;
    let beside = weights(&[lucky, good, slow], &["lucky", "good"]);
    assert!(beside[0] < 0.1 && beside[2] > 0.3, "{beside:?}");
}

/// By hand: the target is the sum of two numbers, and each voice knows one of them, so both weights are 1.
#[test]
fn values_from_inputs_that_tell_apart_from_one_another_add_up() {
    let n = 400;
    let mut rng = Seed(6).rng();
    let parts: Vec<[f64; 2]> = (0..n).map(|_| [rng.normal(), rng.normal()]).collect();
    let deviation = 2_f64.sqrt();
    let voice = |name: &str, part: usize| Voice {
        name: name.into(),
        inputs: vec![name.into()],
        present: vec![true; n],
        scores: parts
            .iter()
            .map(|it| (it[part] / deviation) as f32)
            .collect(),
    };
    let target = FittedTarget {
        column: "score".into(),
        task: Task::Regression,
        classes: vec![],
        scale: Some(Scale {
            log: false,
            mean: 0.0,
            deviation,
        }),
        prior: vec![],
    };
    let values = parts.iter().map(|it| it[0] + it[1]).collect();
    let voices = [voice("a", 0), voice("b", 1)];
    let fit = fit(
        &target,
        &Truth::Values(values),
        &voices,
        &held_out(n),
        Seed(0),
    )
    .unwrap();
    assert!(
        fit.stack
            .weights()
            .all(|(_, weight)| (weight - 1.0).abs() < 0.05),
        "{:?}",
        fit.stack
    );
}

/// One standard error lets one in six of those that know nothing through.
#[test]
fn most_voices_that_say_nearly_the_same_of_every_record_have_no_weight() {
    let truth = classes(1200);
    let is_heard = |seed: &u64| {
        let mut flat = voice("flat", &truth, 0.0, *seed);
        flat.scores.iter_mut().for_each(|score| *score *= 0.02);
        let stack = fitted(&[voice("a", &truth, 0.7, 1), flat], &truth).stack;
        // Where nothing else is there it may speak.
        let weights: Vec<(&str, f64)> = stack.weights().collect();
        assert!(weights[0].0 == "a" && weights[0].1 > 0.3, "{weights:?}");
        weights[1..].iter().any(|(_, weight)| *weight > 0.0)
    };
    let num_heard = (2..22).filter(is_heard).count();
    assert!(num_heard <= 5, "{num_heard} of 20");
}
