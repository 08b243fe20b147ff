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
        multifuse(at, &words).is_refused_with(&[near]);
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
        multifuse(at, &words).is_refused_with(&[says]);
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
        multifuse(at, words).is_refused_with(&[says]);
    }
    // Who types nothing but the name wants to know what there is.
    let told = multifuse(at, "").exits_with(2).stderr;
    assert!(told.contains("Usage: multifuse"), "{told}");
}

#[test]
fn a_broken_configuration_is_refused_with_file_and_line() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    let head = "[data]\ntarget = \"label\"\n\n";
    let network = "[[experts]]\nkind = \"network\"\nname = \"a\"\ninputs = [\"words\"]\n";
    let cases = [
        (format!("{head}[run\n"), "run.toml, line 4"),
        (format!("{head}[run]\nseed = \n"), "run.toml, line 5"),
        (format!("{head}[run]\nseed = \"x\"\n"), "run.toml, line 5"),
        (format!("{head}[run]\nsede = 1\n"), "run.toml, line 5"),
        (format!("{head}[dta]\n"), "`dta`"),
        (format!("{head}[columns]\nsize = \"numbr\"\n"), "numbr"),
        (format!("{head}[[experts]]\nname = \"a\"\n"), "`kind`"),
        (
            format!("{head}{}", network.replace("network", "netwrk")),
            "closest \"network\"",
        ),
        (
            format!("{head}{}", network.replace("words", "wrds")),
            "closest \"words\"",
        ),
        (
            format!("{head}{}", network.replace("\"a\"", "\"../a\"")),
            "../a",
        ),
        (
            format!("{head}{}", network.replace("\"a\"", "\"\"")),
            "not a name",
        ),
        (format!("{head}{network}fuson = 1\n"), "fusion"),
        (
            format!("{head}{network}[experts.encoders.words]\ntype = \"text_ngrm\"\n"),
            "text_ngram",
        ),
        (
            format!("{head}{network}[experts.encoders.words]\ntype = \"image_conv\"\n"),
            "image_conv",
        ),
        (
            format!("{head}{network}[experts.fusion]\ntype = \"gatd\"\n"),
            "gated",
        ),
        (
            format!("{head}{network}[experts.trainer]\nepochs = \"x\"\n"),
            "epochs",
        ),
        (format!("{head}{network}[experts.trainer]\nlr = -1\n"), "lr"),
        (
            format!("{head}{network}[experts.trainer]\nlr = nan\n"),
            "lr",
        ),
        (
            format!("{head}{network}[experts.trainer]\nbatch_size = 0\n"),
            "batch_size",
        ),
        (format!("{head}{network}{network}"), "two experts"),
    ];
    for (text, says) in cases {
        write(at, "run.toml", &text);
        let words = "train table.csv --config run.toml --out run";
        let told = multifuse(at, words).is_refused_with(&[says]);
        assert!(!told.contains("internal"), "{text}\n{told}");
        assert!(!at.join("run").exists(), "{text}");
    }
    write(at, "run.toml", [0xff, 0xfe, 0x00]);
    multifuse(at, "train table.csv --config run.toml").is_refused_with(&["run.toml"]);
    multifuse(at, "train table.csv --config not_there.toml")
        .is_refused_with(&["not_there.toml", "multifuse init"]);
    write(at, "no_table.toml", head);
    multifuse(at, "plan no_table.toml").is_refused_with(&["names no table", "help"]);
}

#[test]
fn several_faults_are_told_at_once() {
    let folder = fresh_folder();
    let at = folder.path();
    write(at, "table.csv", tables::binary(30));
    let config = "[data]\ntarget = \"label\"\n[[experts]]\nkind = \"network\"\nname = \"a\"\ninputs = [\"words\"]\n\
                  [experts.trainer]\nlr = -1\nbatch_size = 0\n";
    write(at, "run.toml", config);
    multifuse(at, "train table.csv --config run.toml").is_refused_with(&[
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
