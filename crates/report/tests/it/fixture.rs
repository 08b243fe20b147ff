//! Summaries as a run of the generated posts and of a table of houses would leave them.

use std::collections::BTreeMap;

use metrics::{Evaluation, Interval, PairedDifference, PerClass};
use report::{
    Baseline, BaselineKind, EpochPoint, FusionTest, Judgement, LearningCurve, LeftOut, Mistake,
    PlanPart, PresenceGroup, RunSummary, Shown, Skipped, Thumbnail, Timing, VoiceSummary, Worth,
};
use schema::{Column, Modality, Picture, Role, Task};

const TOPICS: [&str; 8] = [
    "city", "irony", "jobs", "joy", "nature", "rant", "storm", "weather",
];

pub(crate) fn interval(value: f64, low: f64, high: f64) -> Interval {
    Interval { value, low, high }
}

pub(crate) fn paired(difference: f64, low: f64, high: f64, p_value: f64) -> PairedDifference {
    PairedDifference {
        difference,
        low,
        high,
        p_value,
    }
}

fn baseline(name: &str, kind: BaselineKind, interval: Interval) -> Baseline {
    Baseline {
        name: name.to_owned(),
        kind,
        interval,
    }
}

fn column(name: &str, modality: Modality) -> Column {
    Column {
        name: name.to_owned(),
        modality,
        role: Role::Input,
    }
}

/// Text and picture to a topic; fusion helps.
pub(crate) fn posts() -> RunSummary {
    let mut summary = RunSummary::new(Task::Class, "label", "accuracy", posts_judgement());
    summary.title = "Topics of posts".to_owned();
    summary.version = "0.1.0".to_owned();
    summary.created = "2026-11-24 08:52 UTC".to_owned();
    summary.command =
        "multifuse train posts/train.csv --target label --time-limit 240 --out runs/posts"
            .to_owned();
    summary.run_dir = "runs/posts".to_owned();
    summary.table = "posts/train.csv".to_owned();
    summary.classes = TOPICS.map(str::to_owned).to_vec();
    summary.inputs = vec![
        column("image", Modality::Image),
        column("text", Modality::Text),
    ];
    summary.num_fit = 798;
    summary.skipped = skipped();
    summary.warnings =
        vec!["column \"id\" is different in every record: an identifier, left out".to_owned()];
    summary.voices = voices();
    summary.left_out = vec![LeftOut {
        name: "image_patch".to_owned(),
        why: "its weight was 0".to_owned(),
    }];
    summary.curves = vec![curve()];
    summary.timings = [
        ("reading", 1.4),
        ("text_ngram", 0.9),
        ("image_feature", 11.2),
        ("joint", 74.6),
        ("stack", 0.3),
        ("report", 0.4),
    ]
    .map(|(part, secs)| Timing {
        part: part.to_owned(),
        secs,
    })
    .to_vec();
    summary.total_secs = 88.8;
    summary.plan = plan();
    summary.mistakes = mistakes();
    summary.config =
        "[data]\ntarget = \"label\"\ninputs = [\"image\", \"text\"]\n\n[run]\nseed = 0\n"
            .to_owned();
    summary
}

fn posts_judgement() -> Judgement {
    let confusion = confusion();
    let per_class = per_class(&confusion);
    let metrics = [
        ("accuracy", interval(0.955, 0.925, 0.980)),
        ("balanced_accuracy", interval(0.9597, 0.931, 0.983)),
        ("f1_macro", interval(0.9582, 0.929, 0.981)),
        ("log_loss", interval(0.2143, 0.151, 0.294)),
        ("roc_auc", interval(0.9941, 0.988, 0.998)),
    ];
    let mut judgement = Judgement::new(Evaluation {
        num_records: 200,
        metrics: metrics
            .map(|(name, it)| (name.to_owned(), it))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        per_class,
        confusion,
    });
    judgement.baselines = baselines();
    judgement.fusion = Some(FusionTest {
        single: "text alone".to_owned(),
        single_value: 0.435,
        paired: paired(0.52, 0.445, 0.59, 0.001),
    });
    judgement.worth = worth();
    judgement.by_presence = [
        ("image+text", 192, 0.974),
        ("image", 4, 0.5),
        ("text", 4, 0.5),
    ]
    .map(|(present, num_records, value)| PresenceGroup {
        present: present.to_owned(),
        num_records,
        value: Some(value),
    })
    .to_vec();
    judgement
}

fn confusion() -> Vec<Vec<u64>> {
    vec![
        vec![22, 0, 0, 0, 0, 0, 0, 0],
        vec![0, 31, 0, 0, 0, 0, 1, 2],
        vec![0, 0, 22, 0, 0, 0, 0, 0],
        vec![0, 1, 0, 21, 0, 0, 0, 0],
        vec![0, 0, 0, 0, 22, 0, 0, 0],
        vec![0, 0, 0, 0, 0, 23, 0, 0],
        vec![1, 0, 0, 0, 0, 0, 21, 0],
        vec![0, 3, 0, 1, 0, 0, 0, 29],
    ]
}

fn per_class(confusion: &[Vec<u64>]) -> Vec<PerClass> {
    TOPICS
        .iter()
        .enumerate()
        .map(|(index, class)| {
            let support = confusion[index].iter().sum::<u64>();
            let given: u64 = confusion.iter().map(|row| row[index]).sum();
            let right = confusion[index][index] as f64;
            let (precision, recall) = (right / given as f64, right / support as f64);
            PerClass {
                class: (*class).to_owned(),
                support,
                precision,
                recall,
                f1: 2.0 * precision * recall / (precision + recall),
            }
        })
        .collect()
}

fn baselines() -> Vec<Baseline> {
    vec![
        baseline(
            "always \"irony\"",
            BaselineKind::Constant,
            interval(0.17, 0.12, 0.225),
        ),
        baseline(
            "text alone",
            BaselineKind::SingleInput,
            interval(0.435, 0.365, 0.505),
        ),
        baseline(
            "image alone",
            BaselineKind::SingleInput,
            interval(0.43, 0.36, 0.5),
        ),
        baseline(
            "text_ngram + image_feature, equal mean",
            BaselineKind::EqualMean,
            interval(0.82, 0.765, 0.87),
        ),
        baseline("joint", BaselineKind::Voice, interval(0.95, 0.92, 0.975)),
    ]
}

fn worth() -> Vec<Worth> {
    vec![
        Worth {
            input: "text".to_owned(),
            modality: Modality::Text,
            without: 0.43,
            paired: Some(paired(0.525, 0.45, 0.595, 0.001)),
        },
        Worth {
            input: "image".to_owned(),
            modality: Modality::Image,
            without: 0.435,
            paired: Some(paired(0.52, 0.445, 0.59, 0.001)),
        },
    ]
}

fn skipped() -> Skipped {
    let mut skipped = Skipped::default();
    skipped.add(
        "no_file",
        "posts/train.csv:41, column \"image\": there is no file images/train_00039.png",
    );
    skipped.add(
        "broken_image",
        "posts/train.csv:77, column \"image\": the PNG ends after 512 bytes",
    );
    skipped
}

fn voices() -> Vec<VoiceSummary> {
    let voice = |name: &str, inputs: &[&str], weight, alone| VoiceSummary {
        name: name.to_owned(),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        weight,
        alone: Some(alone),
    };
    vec![
        voice("text_ngram", &["text"], 0.21, interval(0.435, 0.365, 0.505)),
        voice(
            "image_feature",
            &["image"],
            0.17,
            interval(0.42, 0.35, 0.49),
        ),
        voice(
            "joint",
            &["image", "text"],
            0.93,
            interval(0.95, 0.92, 0.975),
        ),
        voice("joint/image", &["image"], 0.05, interval(0.43, 0.36, 0.5)),
        voice("joint/text", &["text"], 0.0, interval(0.425, 0.355, 0.495)),
    ]
}

fn curve() -> LearningCurve {
    let epochs = (1..=30)
        .map(|epoch| {
            let t = epoch as f64;
            let wobble = (t * 1.7).sin() * 0.02;
            EpochPoint {
                epoch,
                train_loss: Some(0.42 + 1.75 * (-t / 6.0).exp()),
                validation_loss: Some(
                    0.38 + 1.65 * (-t / 5.0).exp() + 0.006 * (t - 20.0).max(0.0) + wobble,
                ),
                metric: Some(0.955 - 0.8 * (-t / 4.0).exp() + wobble / 2.0),
                learning_rate: 3e-3 * (std::f64::consts::PI * t / 31.0).sin(),
            }
        })
        .collect();
    LearningCurve {
        name: "joint".to_owned(),
        epochs,
        best_epoch: Some(22),
        stopped_by: "no better for 8 epochs".to_owned(),
    }
}

fn plan() -> Vec<PlanPart> {
    let part = |expert: &str, name: &str, kind: &str, shape: &[usize], num_parameters| PlanPart {
        expert: expert.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        shape: shape.to_vec(),
        num_parameters,
    };
    vec![
        part(
            "text_ngram",
            "words and characters",
            "softmax",
            &[8],
            131_080,
        ),
        part(
            "image_feature",
            "patches, gradients, colours",
            "softmax",
            &[8],
            29_512,
        ),
        part("joint", "encoder.image", "image_conv", &[128], 707_904),
        part("joint", "encoder.text", "text_ngram", &[128], 2_097_152),
        part("joint", "fusion", "transformer", &[128], 198_272),
        part("joint", "head", "class", &[8], 1_032),
    ]
}

/// A sky, ground and a sun, so that a picture in the report is worth looking at.
fn scene(sunny: bool) -> Picture {
    let mut rgb = Vec::new();
    for y in 0..64_i32 {
        for x in 0..64_i32 {
            let sun = (x - 44).pow(2) + (y - 16).pow(2) < 70;
            let pixel: [u8; 3] = match (y > 42, sun && sunny, sunny) {
                (true, _, true) => [96, 160, 80],
                (true, _, false) => [52, 84, 48],
                (false, true, _) => [255, 226, 110],
                (false, _, true) => [120, 180, 240],
                (false, _, false) if (x * 7 + y * 3) % 23 == 0 => [190, 200, 215],
                (false, _, false) => [70, 78, 92],
            };
            rgb.extend(pixel);
        }
    }
    Picture {
        height: 64,
        width: 64,
        rgb,
    }
}

fn mistakes() -> Vec<Mistake> {
    let mistake =
        |line: usize, text: &str, picture: Option<bool>, words: [&str; 2], probability| {
            let mut columns = vec![("text".to_owned(), text.to_owned())];
            if picture.is_some() {
                columns.push(("image".to_owned(), format!("images/train_{line:05}.png")));
            }
            Mistake {
                row: line - 2,
                line,
                columns,
                pictures: picture
                    .map(|sunny| Shown {
                        column: "image".to_owned(),
                        modality: Modality::Image,
                        thumbnail: Thumbnail::of(&scene(sunny)).unwrap(),
                    })
                    .into_iter()
                    .collect(),
                truth: words[0].to_owned(),
                prediction: words[1].to_owned(),
                probability: Some(probability),
            }
        };
    vec![
        mistake(
            318,
            "what a lovely morning, so happy today #blessed",
            Some(false),
            ["weather", "irony"],
            0.982,
        ),
        mistake(
            704,
            "SO A PICTURE FROM THE TRAIN, TAKEN THIS MORNING",
            Some(false),
            ["city", "storm"],
            0.961,
        ),
        mistake(
            55,
            "hmm i hate evenings like this, simply nasty :(",
            None,
            ["weather", "rant"],
            0.874,
        ),
        mistake(
            912,
            "dad says it is awful and i am upset too",
            Some(true),
            ["weather", "irony"],
            0.71,
        ),
    ]
}

/// A price from photo and table; fusion is not shown to help.
pub(crate) fn houses() -> RunSummary {
    let metrics = [
        ("mae", interval(128_625.0, 98_200.0, 166_100.0)),
        ("r2", interval(0.747, 0.58, 0.84)),
    ];
    let mut judgement = Judgement::new(Evaluation {
        num_records: 64,
        metrics: metrics
            .map(|(name, it)| (name.to_owned(), it))
            .into_iter()
            .collect(),
        per_class: Vec::new(),
        confusion: Vec::new(),
    });
    judgement.baselines = vec![
        baseline(
            "always the median",
            BaselineKind::Constant,
            interval(323_022.0, 262_000.0, 391_000.0),
        ),
        baseline(
            "table alone",
            BaselineKind::SingleInput,
            interval(127_900.0, 97_000.0, 164_800.0),
        ),
        baseline(
            "photo alone",
            BaselineKind::SingleInput,
            interval(291_907.0, 231_000.0, 360_000.0),
        ),
    ];
    judgement.fusion = Some(FusionTest {
        single: "table alone".to_owned(),
        single_value: 127_900.0,
        paired: paired(725.0, -3_900.0, 5_200.0, 0.76),
    });
    judgement.worth = vec![
        Worth {
            input: "area".to_owned(),
            modality: Modality::Number,
            without: 183_100.0,
            paired: Some(paired(-54_475.0, -78_100.0, -33_900.0, 0.001)),
        },
        Worth {
            input: "photo".to_owned(),
            modality: Modality::Image,
            without: 127_900.0,
            paired: Some(paired(725.0, -3_900.0, 5_200.0, 0.76)),
        },
    ];
    let mut summary = RunSummary::new(Task::Regression, "price", "mae", judgement);
    summary.version = "0.1.0".to_owned();
    summary.title = "House prices".to_owned();
    summary.run_dir = "runs/houses/".to_owned();
    summary.inputs = vec![
        column("area", Modality::Number),
        column("photo", Modality::Image),
    ];
    summary.num_fit = 257;
    summary.total_secs = 34.2;
    summary
}
