//! Layers against PyTorch.

use engine::{
    Activation, AttentionMask, BatchNorm, Conv2d, EngineError, ParamKind, Parameters, Pool2d, Tape,
    Tensor, Var,
};

use crate::golden::{self, Entry, assert_close, check};

fn conv(name: &str, conv: Conv2d) {
    check(name, &["w", "b"], |tape, entry| {
        let (w, b) = (entry.parameter("w"), entry.parameter("b"));
        tape.conv2d(&entry.input("x"), w, Some(b), conv, Activation::None)
    });
}

#[test]
fn conv2d_agrees_with_torch() {
    let plain = Conv2d::default();
    conv("conv2d_plain", plain);
    conv("conv2d_stride", Conv2d::square(2, 1));
    conv(
        "conv2d_dilation",
        Conv2d {
            dilation: [2, 2],
            ..Conv2d::square(1, 2)
        },
    );
    conv(
        "conv2d_groups",
        Conv2d {
            groups: 2,
            ..Conv2d::square(1, 1)
        },
    );
    let depthwise = Conv2d {
        stride: [2, 1],
        padding: [1, 2],
        groups: 4,
        ..plain
    };
    conv("conv2d_depthwise", depthwise);
    let all = Conv2d {
        stride: [2, 3],
        padding: [2, 1],
        dilation: [2, 1],
        groups: 2,
    };
    conv("conv2d_all", all);
}

#[test]
fn conv1d_is_a_conv2d_of_height_one() {
    let mut parameters = Parameters::new();
    let w = golden::tensor("conv1d.in.w")
        .reshaped(&[6, 2, 1, 3])
        .unwrap();
    let w = parameters.add("w", ParamKind::Weight, w).unwrap();
    let b = parameters
        .add("b", ParamKind::Bias, golden::tensor("conv1d.in.b"))
        .unwrap();
    let mut tape = Tape::inference(&parameters);
    let x = tape.constant(
        golden::tensor("conv1d.in.x")
            .reshaped(&[2, 4, 1, 11])
            .unwrap(),
    );
    let conv = Conv2d {
        stride: [1, 2],
        padding: [0, 1],
        groups: 2,
        ..Conv2d::default()
    };
    let y = tape.conv2d(&x, w, Some(b), conv, Activation::None).unwrap();
    assert_close(
        "conv1d",
        y.tensor().data(),
        golden::tensor("conv1d.out.y").data(),
    );
}

#[test]
fn linear_agrees_with_torch() {
    check("linear", &["w", "b"], |tape, entry| {
        let (w, b) = (entry.parameter("w"), entry.parameter("b"));
        tape.linear(&entry.input("x"), w, Some(b), Activation::None)
    });
}

#[test]
fn batch_norm_agrees_with_torch_and_updates_running_values() {
    for name in ["batch_norm2d_training", "batch_norm1d_training"] {
        let value = |part: &str| golden::tensor(&format!("{name}.{part}"));
        let mut parameters = Parameters::new();
        let mut add = |name: &str, kind, value| parameters.add(name, kind, value).unwrap();
        let norm = BatchNorm {
            weight: add("w", ParamKind::Bias, value("in.w")),
            bias: add("b", ParamKind::Bias, value("in.b")),
            mean: add("mean", ParamKind::Statistic, value("in.const_running_mean")),
            variance: add(
                "variance",
                ParamKind::Statistic,
                value("in.const_running_var"),
            ),
            eps: 1e-5,
            momentum: 0.1,
        };
        let mut tape = Tape::training(&parameters, 0);
        let x = tape.input(value("in.x"));
        let y = tape.batch_norm(&x, norm, None, false).unwrap();
        assert_close("y", y.tensor().data(), value("out.y").data());
        let seed = tape.constant(value("in.seed"));
        let loss = tape.mul(&y, &seed).unwrap();
        let loss = tape.sum(&loss).unwrap();
        let mut gradients = engine::Gradients::new(&parameters);
        tape.backward(&loss, &mut gradients).unwrap();
        let dx = tape.input_gradient(&x).unwrap().data();
        assert_close("dx", dx, value("grad.x").data());
        assert_close("dw", &gradients.to_vec(norm.weight), value("grad.w").data());
        assert_close("db", &gradients.to_vec(norm.bias), value("grad.b").data());
        let statistics = tape.take_statistics();
        parameters.apply(&statistics).unwrap();
        let mean = parameters.get(norm.mean).data();
        let variance = parameters.get(norm.variance).data();
        assert_close("running mean", mean, value("out.running_mean").data());
        assert_close(
            "running variance",
            variance,
            value("out.running_var").data(),
        );
    }
}

#[test]
fn row_norms_agree_with_torch() {
    check("layer_norm", &["w", "b"], |tape, entry| {
        let (w, b) = (entry.parameter("w"), entry.parameter("b"));
        tape.layer_norm(&entry.input("x"), w, Some(b), 1e-5)
    });
    check("rms_norm", &["w"], |tape, entry| {
        tape.rms_norm(&entry.input("x"), entry.parameter("w"), 1e-6)
    });
    check("group_norm", &["w", "b"], |tape, entry| {
        let (w, b) = (entry.parameter("w"), entry.parameter("b"));
        tape.group_norm(&entry.input("x"), 2, w, b, 1e-5)
    });
}

/// `[B, H, T, D]` to the engine's `[B, T, H * D]`.
fn tokens_first(tape: &mut Tape<'_>, x: &Var) -> Result<Var, EngineError> {
    let &[batch, heads, tokens, dim] = x.shape() else {
        panic!("{:?}", x.shape())
    };
    let x = tape.transpose(x, 1, 2)?;
    tape.reshape(&x, &[batch, tokens, heads * dim])
}

fn attention(name: &str, causal: bool, has_mask: bool) {
    check(name, &[], |tape, entry| {
        let [q, k, v] = ["q", "k", "v"].map(|part| entry.input(part));
        let &[batch, heads, queries, dim] = q.shape() else {
            panic!("{:?}", q.shape())
        };
        let mask = AttentionMask {
            keys_valid: has_mask.then(|| key_mask(entry)),
            causal,
        };
        let q = tokens_first(tape, &q)?;
        let (k, v) = (tokens_first(tape, &k)?, tokens_first(tape, &v)?);
        let y = tape.attention(&q, &k, &v, heads, mask)?;
        let y = tape.reshape(&y, &[batch, queries, heads, dim])?;
        tape.transpose(&y, 1, 2)
    });
}

fn key_mask(entry: &Entry<'_>) -> Vec<bool> {
    entry
        .integers("key_mask")
        .iter()
        .map(|&valid| valid != 0)
        .collect()
}

#[test]
fn attention_agrees_with_torch() {
    attention("attention", false, false);
    attention("attention_key_padding", false, true);
    attention("attention_causal", true, false);
    attention("attention_causal_key_padding", true, true);
}

#[test]
fn packed_attention_agrees_with_torchs_multi_head_attention() {
    check(
        "multi_head_attention",
        &["in_w", "in_b", "out_w", "out_b"],
        |tape, entry| {
            let id = |name| entry.parameter(name);
            let none = Activation::None;
            let qkv = tape.linear(&entry.input("x"), id("in_w"), Some(id("in_b")), none)?;
            let mask = AttentionMask {
                keys_valid: Some(key_mask(entry)),
                causal: false,
            };
            let y = tape.attention_packed(&qkv, 2, mask)?;
            tape.linear(&y, id("out_w"), Some(id("out_b")), none)
        },
    );
}

#[test]
fn activations_agree_with_torch() {
    for (name, activation) in [
        ("gelu_erf", Activation::Gelu),
        ("gelu_tanh", Activation::GeluTanh),
        ("silu", Activation::Silu),
    ] {
        check(name, &[], |tape, entry| {
            tape.activation(&entry.input("x"), activation)
        });
    }
    check("quick_gelu", &[], |tape, entry| {
        let x = entry.input("x");
        let scaled = tape.scale(&x, 1.702)?;
        let gate = tape.activation(&scaled, Activation::Sigmoid)?;
        tape.mul(&x, &gate)
    });
}

#[test]
fn softmax_agrees_with_torch() {
    check("softmax", &[], |tape, entry| {
        tape.softmax(&entry.input("x"))
    });
    check("log_softmax", &[], |tape, entry| {
        tape.log_softmax(&entry.input("x"))
    });
}

#[test]
fn pools_agree_with_torch() {
    let pool = Pool2d {
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
    };
    check("max_pool2d", &[], |tape, entry| {
        tape.max_pool2d(&entry.input("x"), pool)
    });
    check("avg_pool2d", &[], |tape, entry| {
        tape.avg_pool2d(&entry.input("x"), pool)
    });
}

#[test]
fn embedding_agrees_with_torch_except_for_its_padding_row() {
    let mut parameters = Parameters::new();
    let table = golden::tensor("embedding.in.w");
    let table = parameters.add("table", ParamKind::Table, table).unwrap();
    let ids = golden::integers("embedding.in.ids");
    let ids: Vec<u32> = ids.into_iter().map(|id| id as u32).collect();
    let mut tape = Tape::training(&parameters, 0);
    let y = tape.embedding(table, &ids, &[2, 4]).unwrap();
    assert_close(
        "y",
        y.tensor().data(),
        golden::tensor("embedding.out.y").data(),
    );
    let seed: Tensor = golden::tensor("embedding.in.seed");
    let seed = tape.constant(seed);
    let loss = tape.mul(&y, &seed).unwrap();
    let loss = tape.sum(&loss).unwrap();
    let mut gradients = engine::Gradients::new(&parameters);
    tape.backward(&loss, &mut gradients).unwrap();
    // Torch was told that row 0 is padding; the engine leaves that to whoever makes the mask.
    let expected = golden::tensor("embedding.grad.w");
    assert_close("dw", &gradients.to_vec(table)[4..], &expected.data()[4..]);
}
