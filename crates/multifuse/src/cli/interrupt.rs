//! Ctrl-C: the first asks the run to save and end, the second ends the program.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use super::output;

/// What a shell reports for a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Whether Ctrl-C was pressed.
pub(crate) fn was_pressed() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::SeqCst))
}

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The flag that Ctrl-C sets; installs the handler on first use.
pub(crate) fn flag() -> Arc<AtomicBool> {
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let installed = ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(INTERRUPTED));
            }
            output::say(
                "\nstopping: the work so far is being saved; press Ctrl-C again to end at once",
            );
        });
        if let Err(error) = installed {
            output::say(format!(
                "warning: Ctrl-C will end the program without saving: {error}"
            ));
        }
        flag
    });
    Arc::clone(flag)
}
