//! Attention with several heads.

use std::sync::Arc;

use crate::buffer::Buffer;
use crate::error::{EngineError, named_shape, require, require_setting};
use crate::kernels::{Attention, AttentionGradient, AttentionInputs, kernels};
use crate::precision::Precision;
use crate::tape::{Backward, Tape, Var};
use crate::tensor::Tensor;

/// Which keys a query may see.
#[derive(Debug, Clone, Default)]
pub struct AttentionMask {
    /// `[B, Tk]` row-major, true for a real key; `None` if all are.
    pub keys_valid: Option<Vec<bool>>,
    /// A query at place `i` sees the keys at places up to `i`.
    pub causal: bool,
}

const OP: &str = "attention";

fn check(
    (batch, num_queries, num_keys): (usize, usize, usize),
    (dim, heads): (usize, usize),
    mask: AttentionMask,
    precision: Precision,
) -> Result<Attention, EngineError> {
    let divides = heads > 0 && dim % heads == 0 && dim > 0;
    require_setting(divides, OP, "heads", heads, "a divisor of the width")?;
    if let Some(valid) = &mask.keys_valid {
        require(
            valid.len() == batch * num_keys,
            OP,
            || format!("a mask of {} keys", valid.len()),
            || format!("[B={batch}, Tk={num_keys}]"),
        )?;
    }
    Ok(Attention {
        batch,
        heads,
        head_dim: dim / heads,
        num_queries,
        num_keys,
        q_stride: dim,
        kv_stride: dim,
        keys_valid: mask.keys_valid,
        causal: mask.causal,
        precision,
    })
}

impl Tape<'_> {
    /// `softmax(q k^T / sqrt(D)) v` for every head; a query that may see no key gives zeros.
    ///
    /// # Shapes
    /// - `q`: `[B, Tq, heads * D]`, `k` and `v`: `[B, Tk, heads * D]`
    /// - returns `[B, Tq, heads * D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`].
    pub fn attention(
        &mut self,
        q: &Var,
        k: &Var,
        v: &Var,
        heads: usize,
        mask: AttentionMask,
    ) -> Result<Var, EngineError> {
        let shapes = || {
            let named =
                |name, var: &Var| format!("{name} {}", named_shape(&["B", "T", "D"], var.shape()));
            format!("{}, {}, {}", named("q", q), named("k", k), named("v", v))
        };
        let expected = || "q [B, Tq, D], k and v [B, Tk, D]".to_owned();
        let (&[batch, num_queries, dim], &[k_batch, num_keys, k_dim]) = (q.shape(), k.shape())
        else {
            return Err(EngineError::Shape {
                op: OP,
                got: shapes(),
                expected: expected(),
            });
        };
        let fits = (batch, dim) == (k_batch, k_dim) && k.shape() == v.shape();
        require(fits, OP, shapes, expected)?;
        let attention = check(
            (batch, num_queries, num_keys),
            (dim, heads),
            mask,
            self.precision(),
        )?;
        let mut out = Buffer::scratch(q.data().len());
        let mut log_sums = Buffer::scratch(batch * heads * num_queries);
        let inputs = AttentionInputs {
            q: q.data(),
            k: k.data(),
            v: v.data(),
        };
        kernels().attention(&attention, inputs, &mut out, &mut log_sums);
        let out = Tensor::from_buffer(q.shape(), out);
        let needs = q.needs_gradient() || k.needs_gradient() || v.needs_gradient();
        let (q, k, v, output) = (q.clone(), k.clone(), v.clone(), out.clone());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let gradient = AttentionGradient {
                attention: &attention,
                inputs: AttentionInputs {
                    q: q.data(),
                    k: k.data(),
                    v: v.data(),
                },
                out: output.data(),
                log_sums: &log_sums,
                dy: &dy,
            };
            let mut dq = Buffer::scratch(q.data().len());
            let mut dk = Buffer::scratch(k.data().len());
            let mut dv = Buffer::scratch(v.data().len());
            kernels().attention_backward(&gradient, &mut dq, &mut dk, &mut dv);
            backward.add(q.slot(), dq);
            backward.add(k.slot(), dk);
            backward.add(v.slot(), dv);
        };
        Ok(self.record(out, needs, back))
    }

    /// [`Tape::attention`] of tokens with themselves, on queries, keys and values as one linear layer gives them.
    ///
    /// # Shapes
    /// - `qkv`: `[B, T, 3 * heads * D]`, queries first, then keys, then values
    /// - returns `[B, T, heads * D]`
    ///
    /// # Errors
    /// [`EngineError::Shape`], [`EngineError::Setting`].
    pub fn attention_packed(
        &mut self,
        qkv: &Var,
        heads: usize,
        mask: AttentionMask,
    ) -> Result<Var, EngineError> {
        let got = || format!("qkv {}", named_shape(&["B", "T", "3D"], qkv.shape()));
        let expected = || "[B, T, 3 D]".to_owned();
        let &[batch, tokens, packed] = qkv.shape() else {
            return Err(EngineError::Shape {
                op: OP,
                got: got(),
                expected: expected(),
            });
        };
        require(packed % 3 == 0, OP, got, expected)?;
        let dim = packed / 3;
        let mut attention = check(
            (batch, tokens, tokens),
            (dim, heads),
            mask,
            self.precision(),
        )?;
        attention.q_stride = packed;
        attention.kv_stride = packed;
        let mut out = Buffer::scratch(batch * tokens * dim);
        let mut log_sums = Buffer::scratch(batch * heads * tokens);
        kernels().attention(
            &attention,
            AttentionInputs::packed(qkv.data(), dim),
            &mut out,
            &mut log_sums,
        );
        let out = Tensor::from_buffer(&[batch, tokens, dim], out);
        let (input, slot, output) = (qkv.tensor().clone(), qkv.slot(), out.clone());
        let back = move |backward: &mut Backward<'_>, dy: Arc<Buffer>| {
            let gradient = AttentionGradient {
                attention: &attention,
                inputs: AttentionInputs::packed(input.data(), dim),
                out: output.data(),
                log_sums: &log_sums,
                dy: &dy,
            };
            let mut dqkv = Buffer::scratch(input.len());
            kernels().attention_packed_backward(&gradient, dim, &mut dqkv);
            backward.add(slot, dqkv);
        };
        Ok(self.record(out, qkv.needs_gradient(), back))
    }
}
