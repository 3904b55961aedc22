//! Places for connections: a bounded number, and room for the next one at any time.
//!
//! A newcomer always gets a place. When all are taken, one loses its own: an idle one before one
//! whose request has not come, that before one that is at work, and among these one of the client
//! that holds the most. So nobody can keep others out, `/health` least of all, by holding places;
//! and who needs a place for a moment has it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::reach::Client;

/// Hands places out. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Counts what happens, to tell older from newer.
    now: u64,
    places: HashMap<u64, Holder>,
}

struct Holder {
    client: Client,
    state: State,
    since: u64,
    lost: CancellationToken,
}

/// Those that lose their place first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// Answered, and kept alive.
    Idle,
    /// New, and its first request has not come.
    Waiting,
    /// A request is being answered.
    Busy,
}

/// A place, given back when it is dropped.
pub(super) struct Place {
    number: u64,
    lost: CancellationToken,
    places: Places,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self(Arc::new(Inner { most, held: Mutex::default() }))
    }

    /// Gives a newcomer a place. A client that has half of all loses one of its own for it, unless
    /// all of those are at work.
    pub(super) fn take(&self, client: Client) -> Place {
        let mut held = self.held();
        let share = held.places.values().filter(|holder| holder.client == client).count();
        if share >= self.0.most / 2 {
            held.end_one(|holder| holder.client == client && holder.state < State::Busy);
        }
        if held.places.len() >= self.0.most {
            held.end_one(|_| true);
        } else if held.places.len() >= self.crowd() {
            held.end_one(|holder| holder.state == State::Idle);
        }
        let lost = CancellationToken::new();
        let since = held.tick();
        let holder = Holder { client, state: State::Waiting, since, lost: lost.clone() };
        held.places.insert(since, holder);
        Place { number: since, lost, places: self.clone() }
    }

    /// Returns whether connections should end after their answer: three of four places are taken.
    pub(super) fn are_scarce(&self) -> bool {
        self.held().places.len() >= self.crowd()
    }

    fn crowd(&self) -> usize {
        self.0.most - self.0.most / 4
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Whole after every step.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn end_one(&mut self, fits: impl Fn(&Holder) -> bool) {
        let mut shares: HashMap<Client, usize> = HashMap::new();
        for holder in self.places.values() {
            *shares.entry(holder.client).or_default() += 1;
        }
        let all = self.places.iter().filter(|(_, holder)| fits(holder));
        let order = |(_, holder): &(&u64, &Holder)| {
            (holder.state, usize::MAX - shares[&holder.client], holder.since)
        };
        let Some(number) = all.min_by_key(order).map(|(number, _)| *number) else { return };
        if let Some(holder) = self.places.remove(&number) {
            holder.lost.cancel();
        }
    }
}

impl Place {
    /// A request has come, from this client.
    pub(super) fn is_busy(&self, client: Client) {
        self.becomes(State::Busy, Some(client));
    }

    /// It is answered.
    pub(super) fn is_idle(&self) {
        self.becomes(State::Idle, None);
    }

    /// Resolves when another has the place.
    pub(super) async fn is_lost(&self) {
        self.lost.cancelled().await;
    }

    fn becomes(&self, state: State, client: Option<Client>) {
        let mut held = self.places.held();
        let since = held.tick();
        if let Some(holder) = held.places.get_mut(&self.number) {
            (holder.state, holder.since) = (state, since);
            holder.client = client.unwrap_or(holder.client);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.held().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client::at(std::net::IpAddr::from([192, 0, 2, last]))
    }

    fn lost(places: &[Place]) -> Vec<usize> {
        let metrics = 0..places.len();
        metrics.filter(|number| places[*number].lost.is_cancelled()).collect()
    }

    #[test]
    fn the_idle_go_first_and_those_at_work_last() {
        let places = Places::new(8);
        let held: Vec<Place> = (0..8).map(|at| places.take(client(at))).collect();
        for busy in [0, 1, 2] {
            held[busy].is_busy(client(0));
        }
        held[2].is_idle();
        let _one = places.take(client(20));
        assert_eq!(lost(&held), [2], "the idle one");
        let _two = places.take(client(21));
        assert_eq!(lost(&held), [2, 3], "the oldest whose request has not come");
        for busy in &held[4..8] {
            busy.is_busy(client(50));
        }
        let new: Vec<Place> = (30..33).map(|at| places.take(client(at))).collect();
        assert_eq!(lost(&held), [2, 3], "newcomers lose theirs before any that is at work");
        drop(new);
    }

    #[test]
    fn who_holds_the_most_loses_first() {
        let places = Places::new(8);
        let mut held = vec![places.take(client(1))];
        held.extend((0..3).map(|_| places.take(client(2))));
        held.extend((3..7).map(|at| places.take(client(at))));
        let _new = places.take(client(9));
        assert_eq!(lost(&held), [1]);
    }

    #[test]
    fn one_client_has_no_more_than_half_unless_all_is_at_work() {
        let places = Places::new(8);
        let held: Vec<Place> = (0..5).map(|_| places.take(client(1))).collect();
        assert_eq!(lost(&held), [0]);
        for place in &held {
            place.is_busy(client(1));
        }
        let more = places.take(client(1));
        assert_eq!(lost(&held), [0], "a burst that is worked off is let in");
        drop(more);
    }

    #[test]
    fn the_idle_are_closed_when_three_of_four_are_taken() {
        let places = Places::new(8);
        let held: Vec<Place> = (0..6).map(|at| places.take(client(at))).collect();
        assert!(places.are_scarce());
        held[3].is_busy(client(3));
        held[3].is_idle();
        let _new = places.take(client(9));
        assert_eq!(lost(&held), [3]);
        drop(held);
        assert!(!places.are_scarce(), "places come back");
    }
}
