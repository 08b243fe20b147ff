//! What a limit of memory means for the parts of a run.

use schema::{ByteSize, Code, Config, Problem, set_by_path};

/// Below this the program cannot keep its word: code, buffers of the kernels and a small network take as much.
const LEAST: ByteSize = ByteSize(256 << 20);
/// Part of the limit that decoded media may take: what does not fit costs time, never accuracy.
const CACHE_SHARE: usize = 8;
/// Part of the limit that the features of one expert's records may take; the features of another may lie beside them.
const FEATURE_SHARE: usize = 6;

/// Bounds what grows with the records by `data.memory_limit`, if there is one.
///
/// # Errors
/// If the limit is too small for anything.
pub(crate) fn bound(config: &mut Config) -> Result<(), Problem> {
    let Some(limit) = config.data.memory_limit else {
        return Ok(());
    };
    if limit < LEAST {
        return Err(Problem::new(Code::Config, "the memory limit is too small")
            .at("data.memory_limit")
            .got(limit.to_string())
            .expected(format!("at least {LEAST}")));
    }
    let cache_mib = (limit.bytes() / CACHE_SHARE) >> 20;
    config.data.cache_mib = config.data.cache_mib.min(cache_mib);
    for expert in &mut config.experts {
        let Some(max_rows) = expert.settings.get("max_rows") else {
            continue;
        };
        let row_bytes = expert::by_name(&expert.kind)?.row_bytes().max(1);
        let most = (limit.bytes() / FEATURE_SHARE / row_bytes) as i64;
        // 0 stands for no bound.
        let within = |rows: i64| (1..=most).contains(&rows);
        if !max_rows.as_integer().is_some_and(within) {
            set_by_path(&mut expert.settings, "max_rows", &most.to_string())?;
        }
    }
    Ok(())
}

/// Peak memory of this process so far, where the system tells.
pub fn peak() -> Option<ByteSize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize(kib << 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(limit: Option<&str>) -> Config {
        let text = "[[experts]]\nkind = 'image_feature'\nname = 'a'\ninputs = ['x']\nmax_rows = 0\n\
                    [[experts]]\nkind = 'table'\nname = 'b'\ninputs = ['y']\nmax_rows = 100\n";
        let mut config = Config::parse(text).unwrap();
        config.data.memory_limit = limit.map(|limit| limit.parse().unwrap());
        config
    }

    #[test]
    fn a_limit_bounds_the_cache_and_the_records_of_experts() {
        let mut bounded = config(Some("1GiB"));
        bound(&mut bounded).unwrap();
        assert_eq!(bounded.data.cache_mib, 128);
        let rows = |expert: usize| bounded.experts[expert].settings["max_rows"].as_integer();
        // A sixth of 1 GiB, at 36 KiB a record.
        assert_eq!((rows(0), rows(1)), (Some(4854), Some(100)));
        let again = bounded.clone();
        bound(&mut bounded).unwrap();
        assert_eq!(bounded, again);
    }

    #[test]
    fn without_a_limit_nothing_changes_and_too_small_a_one_is_refused() {
        let mut free = config(None);
        bound(&mut free).unwrap();
        assert_eq!(free, config(None));
        let problem = bound(&mut config(Some("100MiB"))).unwrap_err();
        assert_eq!(problem.expected.as_deref(), Some("at least 256MiB"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_known() {
        assert!(peak().unwrap() > ByteSize(1 << 20));
    }
}
