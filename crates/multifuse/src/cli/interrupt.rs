//! Ctrl-C: the first asks the run to save and end, the second ends the program.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The flag that Ctrl-C sets; installs the handler on first use.
pub(crate) fn flag() -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let installed = ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
            eprintln!(
                "\nstopping: the work so far is being saved; press Ctrl-C again to end at once"
            );
        });
        if let Err(error) = installed {
            eprintln!("warning: Ctrl-C will end the program without saving: {error}");
        }
        flag
    });
    Arc::clone(flag)
}
