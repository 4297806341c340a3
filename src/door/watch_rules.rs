//! The rule files, and those of the certificate, looked at again and again: what has changed and come to rest is put into force.
//!
//! It asks the file system twice a second, and waits for no message of the kernel's (decision 40). What is a set, and whether it is
//! good, is not known here; how long files must have been quiet is `settle`'s.

mod settle;

use std::{sync::Arc, time::Duration};

use settle::{Settle, Take};

use super::{
    gateway::{Gateway, now},
    reload::{Reloader, Taken},
};
use crate::rule_history::Stamps;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Watches until the gateway drains. The first look takes nothing for granted: what changed while the gateway started is seen.
pub async fn watch(gateway: Arc<Gateway>, reloader: Arc<Reloader>) {
    let (mut rules, mut certificate) = (Settle::default(), Settle::default());
    // The certificate is in force as its files were a moment ago; to read it once more would only say so in the log.
    if let Some(seen) = certificate_stamps(&gateway).await {
        certificate = Settle::taken(seen);
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = gateway.draining() => return,
        }
        let asked = reloader.clone();
        // A network file system may hang: then this waits, and nobody else.
        let Ok(seen) = tokio::task::spawn_blocking(move || asked.stamps()).await else { continue };
        match rules.look(seen, now().monotonic) {
            Take::Nothing => {}
            Take::AfterQuiet => settled(&mut rules, reloader.take(&gateway, Duration::ZERO)),
            Take::WithoutQuiet => settled(&mut rules, reloader.take(&gateway, settle::QUIET)),
        }
        if let Some(seen) = certificate_stamps(&gateway).await
            && certificate.look(seen, now().monotonic) != Take::Nothing
        {
            tokio::task::block_in_place(|| reloader.reload_certificate(&gateway));
            certificate.done();
        }
    }
}

fn settled(rules: &mut Settle, taken: Taken) {
    match taken {
        Taken::Settled => rules.done(),
        Taken::Changing => rules.again(now().monotonic),
    }
}

async fn certificate_stamps(gateway: &Gateway) -> Option<Stamps> {
    let files = gateway.certificate.as_ref()?.files();
    tokio::task::spawn_blocking(move || Stamps::of(files)).await.ok()
}
