//! Names, values and configurations that are wrong: exit code 2, and what would be right.

use crate::{
    program::{fresh_folder, multifuse, write},
    shared, tables,
};

#[test]
fn a_slip_in_a_name_is_answered_with_the_nearest_one() {
    let at = &shared::binary().folder;
    let train = "train table.csv --target label --out unused";
    let slips = [
        ("trian table.csv".to_owned(), "train"),
        (format!("{train} --tarket label"), "--target"),
        (format!("{train} --metric acuracy"), "accuracy"),
        (format!("{train} --metric mae"), "accuracy"),
        (format!("{train} --experts autp"), "auto"),
        (format!("{train} --task classs"), "class"),
        (format!("{train} --column size=numbr"), "number"),
        (format!("{train} --set run.sed=1"), "seed"),
        ("list encoder".to_owned(), "encoders"),
        ("init --template sed".to_owned(), "seed"),
        ("sample post unused".to_owned(), "posts"),
    ];
    for (words, near) in slips {
        multifuse(at, &words).refuses_with(&[near]);
    }
    assert!(!at.join("unused").exists(), "nothing was begun");
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    let at = &shared::binary().folder;
    let train = "train table.csv --target label --out unused";
    let predict = "predict run table.csv";
    let cases = [
        (format!("{train} --epochs 0"), "at least 1"),
        (format!("{train} --epochs many"), "many"),
        (format!("{train} --time-limit -1"), "above 0"),
        (format!("{train} --time-limit 0"), "above 0"),
        (format!("{train} --time-limit nan"), "above 0"),
        (format!("{train} --time-limit inf"), "above 0"),
        (format!("{train} --validation 0"), "fraction"),
        (format!("{train} --validation 1"), "fraction"),
        (format!("{train} --validation -0.5"), "fraction"),
        (format!("{train} --validation nan"), "fraction"),
        (
            format!("{train} --validation not_there.csv"),
            "not_there.csv",
        ),
        (format!("{train} --require nan"), "finite"),
        (format!("{train} --threads 0"), "1 to"),
        (format!("{train} --threads 1000000000000"), "1 to"),
        (format!("{train} --threads -1"), "-1"),
        (format!("{train} --seed x"), "x"),
        (format!("{train} --set run.seed"), "KEY=VALUE"),
        (format!("{train} --set run.seed=x"), "u64"),
        (format!("{train} --set .=1"), "dotted key"),
        (
            format!("{train} --set experts.0.trainer.epochs=2"),
            "--config",
        ),
        (format!("{train} --column size"), "COLUMN=MODALITY"),
        (format!("{train} --inputs label"), "both target and input"),
        (format!("{train} --inputs words,words"), "twice"),
        (format!("{train} --resume"), "begin a new run"),
        (
            "train table.csv --target label --resume".to_owned(),
            "--out",
        ),
        ("train table.csv".to_owned(), "--target"),
        ("sample posts unused --records 0".to_owned(), "at least"),
        (format!("{predict} --shard 0/2"), "I/N"),
        (format!("{predict} --shard 3/2"), "I/N"),
        (format!("{predict} --shard two"), "I/N"),
        (format!("{predict} --out answers.xlsx"), ".parquet"),
        (format!("{predict} --out answers"), ".parquet"),
    ];
    for (words, says) in cases {
        multifuse(at, &words).refuses_with(&[says]);
    }
    assert!(!at.join("unused").exists(), "nothing was begun");
}

#[test]
fn missing_arguments_are_named() {
    let at = &shared::binary().folder;
    let cases = [
        ("train", "<DATA>"),
        ("predict run", "<DATA>"),
        ("evaluate", "<RUN>"),
        ("sample posts", "<DIR>"),
        ("init table.csv", "--target"),
        ("inspect table.csv more", "more"),
    ];
    for (words, says) in cases {
        multifuse(at, words).refuses_with(&[says]);
    }
    // Who types nothing but the name wants to know what there is.
    let told = multifuse(at, "").exits_with(2).stderr;
    assert!(told.contains("Usage: multifuse"), "{told}");
}

/// A configuration up to its experts: three lines.
const HEAD: &str = "[data]\ntarget = \"label\"\n\n";
/// One network.
const NETWORK: &str = "[[experts]]\nkind = \"network\"\nname = \"a\"\ninputs = [\"words\"]\n";

#[test]
fn a_broken_configuration_is_refused_with_file_and_line() {
    are_refused(&[
        (format!("{HEAD}[run\n"), "run.toml, line 4"),
        (format!("{HEAD}[run]\nseed = \n"), "run.toml, line 5"),
        (format!("{HEAD}[run]\nseed = \"x\"\n"), "run.toml, line 5"),
        (format!("{HEAD}[run]\nsede = 1\n"), "run.toml, line 5"),
        (format!("{HEAD}[dta]\n"), "`dta`"),
        (format!("{HEAD}[columns]\nsize = \"numbr\"\n"), "numbr"),
        (format!("{HEAD}[[experts]]\nname = \"a\"\n"), "`kind`"),
    ]);
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    write(at, "run.toml", [0xff, 0xfe, 0x00]);
    multifuse(at, "train table.csv --config run.toml").refuses_with(&["run.toml"]);
    multifuse(at, "train table.csv --config not_there.toml")
        .refuses_with(&["not_there.toml", "multifuse init"]);
    write(at, "no_table.toml", HEAD);
    multifuse(at, "plan no_table.toml").refuses_with(&["names no table", "help"]);
}

#[test]
fn a_slip_in_an_expert_is_refused_with_what_would_be_right() {
    let with = |from: &str, to: &str| format!("{HEAD}{}", NETWORK.replace(from, to));
    let and = |more: &str| format!("{HEAD}{NETWORK}{more}\n");
    are_refused(&[
        (with("network", "netwrk"), "closest \"network\""),
        (with("words", "wrds"), "closest \"words\""),
        (with("\"a\"", "\"../a\""), "../a"),
        (with("\"a\"", "\"\""), "not a name"),
        (and("fuson = 1"), "fusion"),
        (and("embed_dim = 0"), "1 to"),
        (and("embed_dim = 1000000000"), "1 to"),
        (
            and("[experts.encoders.words]\ntype = \"text_ngrm\""),
            "text_ngram",
        ),
        (
            and("[experts.encoders.words]\ntype = \"image_conv\""),
            "image_conv",
        ),
        (and("[experts.fusion]\ntype = \"gatd\""), "gated"),
        (and("[experts.trainer]\nepochs = \"x\""), "epochs"),
        (and("[experts.trainer]\nlr = -1"), "lr"),
        (and("[experts.trainer]\nlr = nan"), "lr"),
        (and("[experts.trainer]\nbatch_size = 0"), "batch_size"),
        (and(NETWORK), "two experts"),
    ]);
}

/// Trains by each text, which is refused with its words before anything is written.
fn are_refused(cases: &[(String, &str)]) {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    for (text, says) in cases {
        write(at, "run.toml", text);
        multifuse(at, "train table.csv --config run.toml --out run").refuses_with(&[says]);
        assert!(!at.join("run").exists(), "{text}");
    }
}

#[test]
fn several_faults_are_told_at_once() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    let config = "[data]\ntarget = \"label\"\n[[experts]]\nkind = \"network\"\nname = \"a\"\ninputs = [\"words\"]\n\
                  [experts.trainer]\nlr = -1\nbatch_size = 0\n";
    write(at, "run.toml", config);
    multifuse(at, "train table.csv --config run.toml").refuses_with(&[
        "2 problems",
        "lr",
        "batch_size",
    ]);
}

#[test]
fn an_error_under_json_is_one_object_on_standard_output() {
    let at = &shared::binary().folder;
    let outcome = multifuse(at, "train table.csv --target lable --json").exits_with(2);
    let value: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(
        value["error"]["what"].as_str().unwrap().contains("lable"),
        "{value}"
    );
    assert!(value["error"]["code"].is_string(), "{value}");
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.told());
}
