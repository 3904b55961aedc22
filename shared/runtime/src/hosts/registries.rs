//! The public registries that come with the program: registries.toml, compiled in.

use std::sync::LazyLock;

use serde::Deserialize;

use super::pattern::{HostFault, HostRule};

/// The group that is all of them.
pub const REGISTRIES: &str = "registries";

/// The registries of one ecosystem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// The name of its group, without the `@`.
    pub ecosystem: String,
    /// The clients that ask these hosts.
    pub clients: Vec<String>,
    /// The hosts, as in a list of hosts.
    pub hosts: Vec<String>,
    /// Pages of the clients that name the hosts.
    pub documentation: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistriesFile {
    registry: Vec<Registry>,
}

static ALL: LazyLock<Vec<Registry>> = LazyLock::new(|| {
    // A test reads the same text.
    toml::from_str::<RegistriesFile>(include_str!("registries.toml"))
        .map_or_else(|_| vec![], |file| file.registry)
});

/// All registries of registries.toml.
#[must_use]
pub fn registries() -> &'static [Registry] {
    &ALL
}

/// The rules of a group.
pub(super) fn group(name: &str) -> Result<Vec<HostRule>, HostFault> {
    let is_meant = |registry: &&Registry| name == REGISTRIES || registry.ecosystem == name;
    let meant: Vec<&Registry> = registries().iter().filter(is_meant).collect();
    if meant.is_empty() {
        let message = format!("\"@{}\" is no group of registries", name.escape_debug());
        let names: Vec<&str> =
            registries().iter().map(|registry| registry.ecosystem.as_str()).collect();
        return Err(HostFault::new(
            message,
            format!("there are @{REGISTRIES}, @{}", names.join(", @")),
        ));
    }
    meant.into_iter().flat_map(|registry| &registry.hosts).map(|host| host.parse()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_registry_has_hosts_clients_and_a_page_that_names_them() {
        let file: RegistriesFile = toml::from_str(include_str!("registries.toml")).unwrap();
        let (mut ecosystems, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        for registry in &file.registry {
            assert!(ecosystems.insert(&registry.ecosystem), "{} twice", registry.ecosystem);
            assert!(!registry.clients.is_empty() && !registry.hosts.is_empty());
            assert!(!registry.documentation.is_empty(), "{}", registry.ecosystem);
            assert!(registry.documentation.iter().all(|page| page.starts_with("https://")));
            for host in &registry.hosts {
                assert!(hosts.insert(host), "{host} twice");
                let rule: HostRule = host.parse().unwrap();
                assert!(rule.host().address().is_none(), "{host}");
            }
        }
        assert_eq!(group(REGISTRIES).unwrap().len(), hosts.len());
    }

    #[test]
    fn an_unknown_group_names_those_that_there_are() {
        let fault = group("pyhton").unwrap_err();
        assert!(fault.hint.contains("@python"), "{fault}");
    }
}
