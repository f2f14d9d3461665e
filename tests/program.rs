//! The halfrate binary, run in an environment of its own.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// The time that every run takes for now: 2026-11-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_793_491_200;

/// How to approve outputs that were meant to change; insta prints it with each difference.
pub(crate) const UPDATE: &str = "to approve: INSTA_UPDATE=always cargo test --test tests";

/// One run that is being prepared. It starts in an empty folder, with no variables but its own.
pub(crate) struct Run {
    command: Command,
    home: TempDir,
    stdin: Option<String>,
}

/// A run with these arguments.
pub(crate) fn halfrate<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_halfrate"));
    command
        .args(arguments)
        .current_dir(home.path())
        .env_clear()
        .env("HOME", home.path())
        .env("COLUMNS", "80")
        .env("SOURCE_DATE_EPOCH", NOW.to_string())
        .env("AWS_EC2_METADATA_DISABLED", "true");
    Run { command, home, stdin: None }
}

impl Run {
    /// Adds an argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds variables.
    pub(crate) fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Starts in this folder instead of an empty one.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Puts a file into the folder in which it starts.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        std::fs::write(self.home.path().join(name), content).unwrap();
        self
    }

    /// Pipes this text in.
    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Starts it by a shell script in a mount namespace of its own, of which this process may be refused one.
    /// The script gets these arguments and then the command line.
    pub(crate) fn in_namespace(mut self, script: &str, arguments: &[&Path]) -> Self {
        let plain = self.command;
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh"]).args(arguments);
        command.arg(plain.get_program()).args(plain.get_args());
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = plain.get_current_dir() {
            command.current_dir(folder);
        }
        self.command = command;
        self
    }

    /// The command, for tests that watch it run.
    pub(crate) fn spawn(mut self) -> (std::process::Child, TempDir) {
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (self.command.spawn().unwrap(), self.home)
    }

    /// Runs it to its end and lets `watch` look at the process, by its id, again and again. Returns what
    /// `watch` kept.
    pub(crate) fn watched(mut self, watch: impl Fn(u32, &mut u64)) -> (Done, u64) {
        let (out, err) = (self.home.path().join(".stdout"), self.home.path().join(".stderr"));
        let file = |path: &Path| File::create(path).unwrap();
        self.command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err));
        let mut child = self.command.spawn().unwrap();
        let mut kept = 0;
        let status = loop {
            watch(child.id(), &mut kept);
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        };
        let done = Done {
            code: status.code(),
            stdout: std::fs::read(out).unwrap(),
            stderr: std::fs::read_to_string(err).unwrap(),
            told: format!("{:?}", self.command.get_args().collect::<Vec<_>>()),
        };
        (done, kept)
    }

    /// Runs it to its end.
    pub(crate) fn done(mut self) -> Done {
        let stdin = match &self.stdin {
            Some(text) => {
                let file = self.home.path().join(".stdin");
                std::fs::write(&file, text).unwrap();
                File::open(file).unwrap().into()
            }
            None => Stdio::null(),
        };
        let output = self.command.stdin(stdin).output().unwrap();
        Done {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
            told: format!("{:?}", self.command.get_args().collect::<Vec<_>>()),
        }
    }

    /// Runs it and expects exit code 0.
    pub(crate) fn ok(self) -> Done {
        self.exits(0)
    }

    /// Runs it and expects this exit code.
    pub(crate) fn exits(self, code: i32) -> Done {
        let done = self.done();
        assert_eq!(
            done.code,
            Some(code),
            "{}\n--- stdout\n{}--- stderr\n{}",
            done.told,
            String::from_utf8_lossy(&done.stdout),
            done.stderr
        );
        done
    }
}

/// Why this system makes no mount namespace, if it does not: tests that need one say so and pass.
pub(crate) fn no_namespace() -> Option<String> {
    let script = "mount -t tmpfs -o size=1m none /mnt";
    match Command::new("unshare").args(["-rm", "sh", "-c", script]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// A run that ended.
pub(crate) struct Done {
    code: Option<i32>,
    /// Standard output as it came.
    pub(crate) stdout: Vec<u8>,
    /// Standard error.
    pub(crate) stderr: String,
    told: String,
}

impl Done {
    /// The exit code; none after a signal.
    pub(crate) fn code(&self) -> Option<i32> {
        self.code
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", self.told, self.text()))
    }

    /// Whether it ended by a signal.
    pub(crate) fn is_killed(&self) -> bool {
        self.code.is_none()
    }

    /// Exit code, standard output and standard error, as one text to approve.
    pub(crate) fn transcript(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let part = |name: &str, text: &str| match text {
            "" => String::new(),
            text => format!("--- {name}\n{text}"),
        };
        format!(
            "exit code: {code}\n{}{}",
            part("stdout", self.text()),
            part("stderr", &self.stderr)
        )
    }
}

/// The repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The worked example's logs.
pub(crate) fn sample_data() -> PathBuf {
    repository().join("sample-data")
}

/// Where one audit of the sample data lies, shared by all tests that only read it.
pub(crate) fn sample_audit() -> &'static Path {
    &SAMPLE.0
}

/// The JSON summary of that audit.
pub(crate) fn sample_summary() -> &'static Value {
    &SAMPLE.1
}

static SAMPLE: LazyLock<(PathBuf, Value)> = LazyLock::new(|| {
    let out = shared("sample-audit");
    let done = audit(&sample_data()).args(["--format", "json", "--out"]).arg(&out).ok();
    (out, done.json())
});

/// A folder for what several tests share, empty.
fn shared(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

/// A week of simulated callers in two accounts and two regions, every record shape among their records.
pub(crate) fn company_logs() -> &'static Path {
    static LOGS: LazyLock<PathBuf> = LazyLock::new(|| {
        let out = shared("company-logs");
        let wanted = ["--scenario", "company", "--days", "7", "--scale", "0.1"];
        halfrate(["simulate"]).arg(&out).args(wanted).ok();
        out
    });
    &LOGS
}

/// The JSON summary of an audit of these.
pub(crate) fn company_summary() -> &'static Value {
    static SUMMARY: LazyLock<Value> =
        LazyLock::new(|| audit(company_logs()).args(["--format", "json"]).ok().json());
    &SUMMARY
}

/// An audit of `logs`, not yet started.
pub(crate) fn audit(logs: &Path) -> Run {
    halfrate(["audit"]).arg(logs)
}

/// Compares with the approved output, with what differs from version to version and place to place
/// replaced.
pub(crate) fn approve(name: &str, text: &str) {
    static VERSION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"halfrate [0-9]+\.[0-9]+\.[0-9]+").unwrap());
    let text = VERSION.replace_all(text, "halfrate [version]");
    let text = text.replace(&repository().display().to_string(), "[repository]");
    let settings = {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(UPDATE);
        settings
    };
    settings.bind(|| insta::assert_snapshot!(name, text));
}
