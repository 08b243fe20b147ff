//! One loop, compiled for several instruction sets and chosen at run time.
#![allow(
    unsafe_code,
    reason = "calling a function compiled for an instruction set needs proof that the CPU has it"
)]

/// What the CPU of this run can do.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Avx512,
    Avx2,
    Baseline,
}

#[cfg(target_arch = "x86_64")]
fn level() -> Level {
    use std::sync::OnceLock;
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let has_avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        match (has_avx512, has_avx2) {
            (true, true) => Level::Avx512,
            (false, true) => Level::Avx2,
            _ => Level::Baseline,
        }
    })
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
            // SAFETY: `level` found these instruction sets on this CPU.
            Level::Avx512 => return unsafe { avx512(work) },
            // SAFETY: `level` found these instruction sets on this CPU.
            Level::Avx2 => return unsafe { avx2(work) },
            Level::Baseline => {}
        }
    }
    work()
}
