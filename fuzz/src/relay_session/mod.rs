//! `relay::Session`, whole: a client, next hops, scanners, a hold, a quarantine and a journal do what the input says, and the
//! promises (`docs/promises.md`) are looked at after every output. How an input is read: `script`.

pub(crate) mod dialogue;
pub(crate) mod house;
pub(crate) mod next_hop;
pub(crate) mod promises;
pub(crate) mod script;
pub(crate) mod world;

use portaria::relay::{Session, Shares};
use script::Deed;
use world::World;

/// The first octet chooses the gateway, the others are deeds; then everybody does what is good, and the session must end.
pub fn relay_session(data: &[u8]) {
    let (&first, mut rest) = data.split_first().unwrap_or((&b'@', &[]));
    let bit = |bit: u8| first >> bit & 1 == 1;
    let (antivirus, cut_through, in_any_order, silent) = (!bit(0), bit(1), bit(2), bit(3));
    let application = bit(4);
    let now = World::moment();
    let settings = house::settings(antivirus, cut_through, application);
    let seed = 0x0190_a5c1_e7b0_7a7a_8a8a_8a8a_8a8a_8a8f;
    let client = house::client(application);
    let session = Session::new(settings, house::offer(application), house::POLICY.clone(), client, seed, now);
    let session = if application { session.with_shares(Shares::default()) } else { session };
    let mut world = World::new(session, now, antivirus, !in_any_order).of_applications(application);
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        if world.finished() {
            break;
        }
        let mut next = || {
            let (&next, behind) = rest.split_first()?;
            rest = behind;
            Some(next)
        };
        let deed = script::deed(octet, &mut next);
        world.act(deed, next);
    }
    end(&mut world, silent);
    promises::check_end(&world);
}

/// The client goes, or falls silent.
fn end(world: &mut World, silent: bool) {
    world.settle(!silent);
    if !silent && !world.finished() {
        world.act(Deed::Leave, || None);
    }
    for _ in 0..200 {
        world.settle(false);
        if world.finished() {
            return;
        }
        world.pass(None);
    }
    panic!("it never ends: {:?}", world.wait);
}
