//! Programs that run until they are dropped.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program and whatever it has started, in a process group of their own. Dropping it ends them all.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_owned();
        Self(command.process_group(0).spawn().unwrap_or_else(|error| panic!("{}: {error}", name.display())))
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}
