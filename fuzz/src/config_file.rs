//! `config::read`: any text is read, its faults stand in it, and there are settings exactly if none of them is an error.

use std::path::Path;

use portaria::config::read;

use crate::places::check_faults;

/// The octets are `portaria.toml`.
pub fn config_file(data: &[u8]) {
    let source = String::from_utf8_lossy(data).into_owned();
    let file = Path::new("/etc/portaria/portaria.toml");
    let (settings, faults) = read(file, &source);
    check_faults(&faults, &source);
    assert_eq!(settings.is_some(), !faults.has_errors(), "{faults:?}");
    let Some(settings) = settings else { return };
    let (_, more) = read(file, &format!("{source}\n[zz_nobody_knows]\n"));
    assert!(more.has_errors(), "an unknown key is taken");
    // What nobody behind asks again.
    assert!(!settings.listeners.is_empty() && !settings.directory.domains().is_empty());
    for domain in settings.directory.domains() {
        let known = settings.next_hops.next_hops.iter().any(|next_hop| next_hop.name == domain.next_hop);
        assert!(known, "{domain:?} leads nowhere");
    }
    let session = settings.limits.session();
    assert!(session.message_size > 0 && session.recipients >= 1, "{session:?}");
    let clients_wait = std::time::Duration::from_secs(590);
    assert!(
        settings.timeouts.verdict + settings.timeouts.next_hop_end_of_data <= clients_wait,
        "{:?}",
        settings.timeouts
    );
}
