//! One loop, compiled for several instruction sets and chosen at run time.
#![allow(
    unsafe_code,
    reason = "calling a function compiled for an instruction set needs proof that the CPU has it"
)]

use std::sync::OnceLock;

/// Lowers the instruction set, for measurements and tests: `avx512` (without BF16), `avx2` or `portable`.
pub const SIMD_VARIABLE: &str = "MULTIFUSE_SIMD";

/// Instruction sets that kernels are written for, each including those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// What every processor of the target has: SSE2 on x86-64, NEON on aarch64.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F, VL, BW and DQ.
    Avx512,
    /// The same with products of BF16 numbers.
    Avx512Bf16,
}

impl SimdLevel {
    /// All levels, ascending.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16];

    /// How the level is written in [`SIMD_VARIABLE`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512bf16",
        }
    }
}

/// The instruction set of this process and what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimdChoice {
    /// What the kernels use.
    pub level: SimdLevel,
    /// The widest that this processor has.
    pub found: SimdLevel,
    /// A word in [`SIMD_VARIABLE`] that names no level; it is ignored.
    pub unknown_word: Option<String>,
}

/// Chooses the instruction set once for the whole process: the widest that the processor has, or the lower one that
/// [`SIMD_VARIABLE`] names. A level that the processor lacks means the widest; a word that names none is ignored.
pub fn simd_choice() -> &'static SimdChoice {
    static CHOICE: OnceLock<SimdChoice> = OnceLock::new();
    CHOICE.get_or_init(|| choose(detect(), std::env::var(SIMD_VARIABLE).ok()))
}

fn choose(found: SimdLevel, word: Option<String>) -> SimdChoice {
    let word = word.filter(|word| !word.is_empty());
    let named = SimdLevel::ALL
        .into_iter()
        .find(|level| word.as_deref() == Some(level.name()));
    SimdChoice {
        level: named.unwrap_or(found).min(found),
        found,
        unknown_word: word.filter(|_| named.is_none()),
    }
}

#[cfg(target_arch = "x86_64")]
fn detect() -> SimdLevel {
    let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    let has_avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq");
    let has_bf16 = is_x86_feature_detected!("avx512bf16");
    match (has_avx2, has_avx512, has_bf16) {
        (true, true, true) => SimdLevel::Avx512Bf16,
        (true, true, false) => SimdLevel::Avx512,
        (true, false, _) => SimdLevel::Avx2,
        (false, ..) => SimdLevel::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> SimdLevel {
    SimdLevel::Portable
}

/// The level that kernels use.
pub(crate) fn level() -> SimdLevel {
    simd_choice().level
}

/// Runs a loop in the widest form that the CPU has.
///
/// The closure must be marked `#[inline(always)]`, and so must every function that it calls in its loop: only what
/// is inlined here is compiled for the instruction set. NEON is part of the aarch64 baseline and needs no choice.
#[inline(always)]
pub(crate) fn run<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        fn avx512<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        match level() {
            // SAFETY: `detect` found these instruction sets on this CPU.
            SimdLevel::Avx512 | SimdLevel::Avx512Bf16 => return unsafe { avx512(work) },
            // SAFETY: `detect` found these instruction sets on this CPU.
            SimdLevel::Avx2 => return unsafe { avx2(work) },
            SimdLevel::Portable => {}
        }
    }
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_lowers_the_level_and_never_raises_it() {
        let level = |found, word: &str| choose(found, Some(word.to_owned())).level;
        assert_eq!(level(SimdLevel::Avx512Bf16, "avx2"), SimdLevel::Avx2);
        assert_eq!(
            level(SimdLevel::Avx512Bf16, "portable"),
            SimdLevel::Portable
        );
        assert_eq!(level(SimdLevel::Avx2, "avx512"), SimdLevel::Avx2);
        assert_eq!(choose(SimdLevel::Avx2, None).level, SimdLevel::Avx2);
    }

    #[test]
    fn an_unknown_word_is_ignored_and_reported() {
        let choice = choose(SimdLevel::Avx512, Some("avx1024".to_owned()));
        assert_eq!(choice.level, SimdLevel::Avx512);
        assert_eq!(choice.unknown_word.as_deref(), Some("avx1024"));
        assert_eq!(
            choose(SimdLevel::Avx512, Some(String::new())).unknown_word,
            None
        );
    }
}
