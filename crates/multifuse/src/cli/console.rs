//! Progress for people: bars on a terminal, plain lines elsewhere, nothing under `--quiet`.

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use train::{Event, Observer};

use super::output::{self, Output};

/// Seconds between two plain lines of one part.
const PLAIN_LINE_SECS: u64 = 10;

/// Watches a run for the person at the other end of standard error.
pub(crate) struct Console {
    form: Form,
}

enum Form {
    Silent,
    Bars {
        all: MultiProgress,
        bars: Mutex<HashMap<String, ProgressBar>>,
    },
    Lines {
        last: Mutex<HashMap<String, Instant>>,
    },
}

impl Console {
    pub(crate) fn new(output: Output) -> Self {
        let form = if output.is_quiet() {
            Form::Silent
        } else if std::io::stderr().is_terminal() {
            let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            Form::Bars {
                all,
                bars: Mutex::default(),
            }
        } else {
            Form::Lines {
                last: Mutex::default(),
            }
        };
        Self { form }
    }
}

impl Observer for Console {
    fn event(&self, event: &Event) {
        match &self.form {
            // A warning is worth saying even to whoever wants no progress.
            Form::Silent => {
                if let Event::Warning(text) = event {
                    output::say(format!("warning: {text}"));
                }
            }
            Form::Bars { all, bars } => {
                draw(
                    all,
                    &mut bars.lock().unwrap_or_else(PoisonError::into_inner),
                    event,
                );
            }
            Form::Lines { last } => {
                say(
                    &mut last.lock().unwrap_or_else(PoisonError::into_inner),
                    event,
                );
            }
        }
    }
}

fn draw(all: &MultiProgress, bars: &mut HashMap<String, ProgressBar>, event: &Event) {
    match event {
        Event::PartStarted { name, total } => {
            let bar = all.add(ProgressBar::new(*total as u64));
            bar.set_style(style(*total > 0));
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bars.insert(name.clone(), bar);
        }
        Event::Progress { name, done, .. } => {
            if let Some(bar) = bars.get(name) {
                bar.set_position(*done as u64);
                bar.set_message(progress_text(event));
            }
        }
        Event::EpochEnded { name, .. } => {
            if let Some(bar) = bars.get(name) {
                bar.set_message(progress_text(event));
            }
        }
        Event::PartEnded { name, secs } => {
            if let Some(bar) = bars.remove(name) {
                bar.set_style(ended_style());
                bar.finish_with_message(format!("{secs:.1} s"));
            }
        }
        Event::Warning(text) => {
            // A failing standard error cannot be told to anybody.
            let _ = all.println(format!("warning: {text}"));
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix:>16} {bar:28} {percent:>3} % {eta:>4} left  {msg}"
    } else {
        "{prefix:>16} {spinner} {elapsed}  {msg}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn ended_style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:>16} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Loss, metric and speed of a progress event, as far as they are known.
fn progress_text(event: &Event) -> String {
    match event {
        Event::Progress {
            records_per_sec,
            loss,
            metric,
            ..
        } => {
            let mut parts = Vec::new();
            if let Some(loss) = loss {
                parts.push(format!("loss {loss:.3}"));
            }
            if let Some((name, value)) = metric {
                parts.push(format!("{name} {value:.3}"));
            }
            if *records_per_sec > 0.0 {
                parts.push(format!("{records_per_sec:.0} records/s"));
            }
            parts.join("  ")
        }
        Event::EpochEnded {
            num_epochs, record, ..
        } => {
            format!(
                "epoch {}/{num_epochs}  loss {:.3}",
                record.epoch, record.train_loss
            )
        }
        _ => String::new(),
    }
}

fn say(last: &mut HashMap<String, Instant>, event: &Event) {
    match event {
        Event::PartStarted { name, .. } => {
            last.insert(name.clone(), Instant::now());
            output::say(format!("{name}: started"));
        }
        Event::Progress {
            name, done, total, ..
        } => {
            let is_due = last
                .get(name)
                .is_none_or(|at| at.elapsed().as_secs() >= PLAIN_LINE_SECS);
            if is_due {
                last.insert(name.clone(), Instant::now());
                output::say(format!("{name}: {done}/{total}  {}", progress_text(event)));
            }
        }
        Event::EpochEnded { .. } => {}
        Event::PartEnded { name, secs } => output::say(format!("{name}: {secs:.1} s")),
        Event::Warning(text) => output::say(format!("warning: {text}")),
    }
}
