//! Addresses that stand for names inside of a sandbox.
//!
//! They come from a network that no public host has. An address follows from its name, so that a
//! name has the same one in all commands of a run.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

/// The resolver's address in the sandbox.
pub(super) const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The prefix length of the network that holds the resolver's address and the addresses of names.
pub(super) const PREFIX: u8 = 15;

/// The most names of one command that get an address.
const MOST_NAMES: usize = 4_096;

/// The first addresses are the resolver's.
const RESERVED: u32 = 256;

/// Names and the addresses that stand for them.
#[derive(Debug, Default)]
pub(super) struct AddressBook {
    names: HashMap<Ipv4Addr, String>,
}

impl AddressBook {
    /// The address that stands for a name, or `None` if there are too many names.
    pub(super) fn address(&mut self, name: &str) -> Option<Ipv4Addr> {
        let size = (1 << (32 - PREFIX)) - RESERVED;
        let network = RESOLVER.to_bits() & (u32::MAX << (32 - PREFIX));
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let mut place = u32::try_from(hasher.finish() % u64::from(size)).unwrap_or(0);
        loop {
            let address = Ipv4Addr::from_bits(network + RESERVED + place);
            match self.names.get(&address) {
                Some(taken) if taken == name => return Some(address),
                Some(_) => place = (place + 1) % size,
                None if self.names.len() >= MOST_NAMES => return None,
                None => {
                    self.names.insert(address, name.to_owned());
                    return Some(address);
                }
            }
        }
    }

    /// The name that an address stands for.
    pub(super) fn name(&self, address: Ipv4Addr) -> Option<&str> {
        self.names.get(&address).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_an_address_of_its_own_that_stays() {
        let (mut book, mut other) = (AddressBook::default(), AddressBook::default());
        for number in 0..1_000 {
            let name = format!("{number}.example.org");
            let address = book.address(&name).unwrap();
            assert_eq!(book.name(address), Some(name.as_str()));
            assert_eq!(book.address(&name), Some(address));
            assert!(matches!(address.octets(), [198, 18 | 19, _, _]), "{address}");
            assert_ne!(address, RESOLVER);
        }
        assert_eq!(book.name(RESOLVER), None);
        assert_eq!(book.names.len(), 1_000);
        assert_eq!(book.address("0.example.org"), other.address("0.example.org"));
    }

    #[test]
    fn names_are_bounded() {
        let mut book = AddressBook::default();
        let found = (0..MOST_NAMES + 10).filter_map(|number| book.address(&number.to_string()));
        assert_eq!(found.count(), MOST_NAMES);
        assert!(book.address("0").is_some(), "those that have one keep it");
    }
}
