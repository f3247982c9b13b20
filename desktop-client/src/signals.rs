//! The system's wish that this program ends: a clean goodbye instead of a sudden end.

/// Calls `wish` with the first such signal; further ones add nothing to it.
pub fn on_end(wish: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name("signals".into());
    let spawned = thread.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            wait().await;
            wish();
        });
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "signals end this program at once");
    }
}

#[cfg(unix)]
async fn wait() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(not(unix))]
async fn wait() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
