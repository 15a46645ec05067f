//! A process that a test started: its lines, and its end by its own id when the test ends, however that ends.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::deadline::{Deadline, PATIENCE, until};
use crate::paths;

/// A child process, killed on drop. When a test fails, it says what the process had to say.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// What it printed.
    pub stdout: Lines,
    /// What it logged.
    pub stderr: Lines,
}

/// The lines of one stream as they come, for one who reads and any who wait.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<(Mutex<Text>, Condvar)>);

#[derive(Debug, Default)]
struct Text {
    lines: Vec<String>,
    is_over: bool,
}

impl Process {
    /// Starts a program of the system or one named by its path.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start(program: &Path, arguments: &[&str]) -> Self {
        Self::start_with(program, arguments, &[])
    }

    /// The same with this on its standard input.
    ///
    /// # Panics
    /// It does not start, or does not take it.
    #[must_use]
    pub fn start_with_input(program: &Path, arguments: &[&str], input: &str) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        let mut stdin = child.stdin.take().expect("it was asked for");
        // One that needs no input may have ended before it is there; what came of it is what a test looks at.
        let written = stdin.write_all(input.as_bytes());
        let is_gone = written.as_ref().is_err_and(|e| e.kind() == ErrorKind::BrokenPipe);
        assert!(is_gone || written.is_ok(), "it takes its input: {written:?}");
        drop(stdin);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::of(name, child)
    }

    /// The same with variables in its environment.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_with(program: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Self {
        let program = if program.components().count() > 1 {
            program.to_path_buf()
        } else {
            paths::system(&program.to_string_lossy())
        };
        let mut command = Command::new(&program);
        command
            .envs(variables.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::of(name, child)
    }

    fn of(name: String, mut child: Child) -> Self {
        let stdout = Lines::of(child.stdout.take());
        let stderr = Lines::of(child.stderr.take());
        Self { name, child, stdout, stderr }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as the power going out would.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and says how it did.
    ///
    /// # Panics
    /// It does not stop in time.
    pub fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new(paths::system("kill")).args(["-TERM", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIGTERM to {} cannot be sent", self.name);
        self.wait(PATIENCE)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// It does not end in time.
    pub fn wait(&mut self, limit: Duration) -> ExitStatus {
        let (child, name) = (&mut self.child, &self.name);
        until(&format!("the end of {name}"), limit, || child.try_wait().ok().flatten())
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Memory it holds, in KiB.
    ///
    /// # Panics
    /// It is gone.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.unwrap_or_else(|| panic!("{} is gone", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let said: Vec<_> = [&self.stdout, &self.stderr].iter().flat_map(|lines| lines.all()).collect();
            let last = said.len().saturating_sub(40);
            eprintln!("── {} said:\n{}\n──", self.name, said.get(last..).unwrap_or_default().join("\n"));
        }
    }
}

impl Lines {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let lines = Self::default();
        let Some(stream) = stream else { return lines };
        let writer = lines.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                writer.lock().lines.push(String::from_utf8_lossy(&line).into_owned());
                writer.0.1.notify_all();
            }
            writer.lock().is_over = true;
            writer.0.1.notify_all();
        });
        lines
    }

    /// All that were written so far.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Waits until a line gives an answer.
    ///
    /// # Panics
    /// None does in time, or the stream ends before.
    pub fn find<T>(&self, what: &str, mut answer: impl FnMut(&str) -> Option<T>) -> T {
        let deadline = Deadline::after(PATIENCE);
        let mut text = self.lock();
        let mut read = 0;
        loop {
            if let Some(found) =
                text.lines.get(read..).unwrap_or_default().iter().find_map(|line| answer(line))
            {
                return found;
            }
            read = text.lines.len();
            let all = || text.lines.join("\n");
            assert!(!text.is_over, "{what}: the stream ended before such a line. It said:\n{}", all());
            let left = deadline
                .left()
                .unwrap_or_else(|| panic!("{what}: no such line in time. It said:\n{}", all()));
            text = self.0.1.wait_timeout(text, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a line that contains all these words, and gives it.
    ///
    /// # Panics
    /// It does not come in time.
    pub fn expect(&self, words: &[&str]) -> String {
        let has_all = |line: &str| words.iter().all(|word| line.contains(word)).then(|| line.to_owned());
        self.find(&format!("a line with {words:?}"), has_all)
    }

    fn lock(&self) -> MutexGuard<'_, Text> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
