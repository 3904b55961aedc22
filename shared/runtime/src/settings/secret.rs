//! Text that must not be shown.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A password, token or key. Printing it shows `[redacted]`; its memory is wiped on drop. Only
/// [`Secret::expose`] returns the text, so every use can be found by that name.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns the text for the call that needs it, never for a log or an error.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), {
            "[redacted] [redacted] Some([redacted])"
        });
        assert_eq!(secret.expose(), "hunter2");
    }
}
