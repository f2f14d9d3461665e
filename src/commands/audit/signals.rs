//! Signals: the first asks to stop, the next one insists.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::commands::INCOMPLETE;
use crate::commands::log::tell;

/// Sends a stop at SIGTERM or Ctrl-C. A second one, or one when nobody listens any more, ends the process:
/// what is committed is committed, and the next audit makes the tables.
pub(super) fn listen(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        let mut asked = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if asked || stop.send(true).is_err() {
                tell("Stopped: what was read is committed. Run it again to go on.");
                std::process::exit(i32::from(INCOMPLETE));
            }
            asked = true;
        }
    });
}
