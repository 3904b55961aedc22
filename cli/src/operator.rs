//! The person at the terminal, as the queue records it.

/// Returns the person's name and their machine: `ada@laptop`.
pub(crate) fn name() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty());
    let user = user.unwrap_or_else(|| format!("uid {}", nix::unistd::getuid()));
    format!("{user}@{}", host())
}

/// Returns this machine's name.
pub(crate) fn host() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}
