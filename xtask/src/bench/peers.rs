//! The virtual environment with PyTorch and TensorFlow, and the reference files that all sides read.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::release::target_dir;

const SCRIPTS: &str = "benches/peers";

/// An environment that can run the peers.
pub(crate) struct Peers {
    pub(crate) python: PathBuf,
    references: PathBuf,
}

impl Peers {
    /// Makes the environment and the reference files unless they are there.
    pub(crate) fn prepare() -> Result<Self, String> {
        let folder = target_dir().join("peers");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let venv = folder.join("venv");
        let python = venv.join("bin/python");
        let requirements = format!("{SCRIPTS}/requirements.txt");
        if !has_packages(&python) {
            eprintln!("installing PyTorch and TensorFlow into {}", venv.display());
            let mut make = Command::new("python3");
            succeed(make.args(["-m", "venv"]).arg(&venv))?;
            let install = ["-m", "pip", "install", "--quiet", "--requirement"];
            succeed(Command::new(&python).args(install).arg(requirements))?;
        }
        let peers = Self {
            python,
            references: folder.join("references"),
        };
        if !peers.has_references() {
            eprintln!("writing weights, inputs, outputs and losses of 10 steps");
            let mut write = peers.script("references.py");
            succeed(write.arg(&peers.references))?;
        }
        Ok(peers)
    }

    /// The file of weights, inputs and expected values of a workload.
    pub(crate) fn reference(&self, workload: &str) -> PathBuf {
        self.references.join(format!("{workload}.safetensors"))
    }

    /// A script of `benches/peers`.
    pub(crate) fn script(&self, name: &str) -> Command {
        let mut command = Command::new(&self.python);
        let cache = target_dir().join("peers/compiled");
        command
            .arg(Path::new(SCRIPTS).join(name))
            .env("TORCHINDUCTOR_CACHE_DIR", absolute(&cache));
        command
    }

    /// A runner of one configuration of a workload.
    pub(crate) fn runner(
        &self,
        script: &str,
        workload: &str,
        phase: &str,
        configuration: &str,
    ) -> Command {
        let mut command = self.script(script);
        command
            .arg(self.reference(workload))
            .args([workload, phase, configuration]);
        command
    }

    /// Whether the files are there and newer than the scripts that define them.
    fn has_references(&self) -> bool {
        let time = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
        let scripts = ["models.py", "workloads.py", "references.py"];
        let newest = scripts.map(|script| time(&Path::new(SCRIPTS).join(script)));
        let newest = newest.into_iter().flatten().max();
        ["S1", "S2", "S3", "S4"]
            .iter()
            .all(|name| time(&self.reference(name)) > newest)
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn has_packages(python: &Path) -> bool {
    const LOOK: &str = "import importlib.util as u, sys; \
        sys.exit(any(u.find_spec(n) is None for n in ('torch', 'tensorflow', 'safetensors', 'PIL')))";
    let found = Command::new(python).args(["-c", LOOK]).status();
    found.is_ok_and(|status| status.success())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    // What the script prints is for people; standard output belongs to `--json`.
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{shown}: {error}"))?;
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{shown} ended with {}", output.status))
    }
}
