//! Access rights over HTTP. Pure: maps a request's headers to the granted right or a refusal.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method};
use greenline_runtime::settings::Secret;
use subtle::ConstantTimeEq;

/// The tokens that open the lead's doors: at least one of the two.
#[derive(Debug, Clone)]
pub enum ApiTokens {
    /// Only one that reads.
    Viewer(Secret),
    /// Only one that may do everything.
    Operator(Secret),
    /// One of each.
    Both {
        /// Lets its bearer read.
        viewer: Secret,
        /// Lets its bearer read, change and approve.
        operator: Secret,
    },
}

impl ApiTokens {
    /// The tokens that are set, unless none is.
    #[must_use]
    pub fn of(viewer: Option<Secret>, operator: Option<Secret>) -> Option<Self> {
        match (viewer, operator) {
            (Some(viewer), Some(operator)) => Some(Self::Both { viewer, operator }),
            (Some(viewer), None) => Some(Self::Viewer(viewer)),
            (None, Some(operator)) => Some(Self::Operator(operator)),
            (None, None) => None,
        }
    }

    fn viewer(&self) -> Option<&Secret> {
        match self {
            Self::Viewer(viewer) | Self::Both { viewer, .. } => Some(viewer),
            Self::Operator(_) => None,
        }
    }

    fn operator(&self) -> Option<&Secret> {
        match self {
            Self::Operator(operator) | Self::Both { operator, .. } => Some(operator),
            Self::Viewer(_) => None,
        }
    }

    /// Checks that a request with these headers may do what needs this right.
    pub(crate) fn admit(&self, headers: &HeaderMap, needed: Right) -> Result<(), AccessDenied> {
        let shown = bearer(headers)?;
        // Both are compared whole, so that the time taken tells nothing of either.
        let views = self.viewer().is_some_and(|token| same(token, shown));
        let operates = self.operator().is_some_and(|token| same(token, shown));
        match needed {
            _ if operates => Ok(()),
            Right::View if views => Ok(()),
            Right::Operate if views => Err(AccessDenied::NotAllowed),
            _ => Err(AccessDenied::WrongToken),
        }
    }
}

/// The right that a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// To read.
    View,
    /// To change something.
    Operate,
}

impl Right {
    /// Returns the right that a method needs: `Read` for safe methods, `Operate` for all others.
    pub(crate) fn for_method(method: &Method) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) { Self::View } else { Self::Operate }
    }
}

/// The reason why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessDenied {
    /// It shows no token, or not as it should be shown.
    NoToken,
    /// It shows a token that is none of ours.
    WrongToken,
    /// Its token may read, and it wants more.
    NotAllowed,
}

/// The token that a request shows. Two headers are none: which of them a proxy looked at is
/// anybody's guess.
fn bearer(headers: &HeaderMap) -> Result<&[u8], AccessDenied> {
    let mut shown = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let (Some(header), None) = (shown.next(), shown.next()) else {
        return Err(AccessDenied::NoToken);
    };
    let (scheme, token) = header.split_at_checked(7).ok_or(AccessDenied::NoToken)?;
    let token = token.trim_ascii();
    if !scheme.eq_ignore_ascii_case(b"bearer ") || token.is_empty() {
        return Err(AccessDenied::NoToken);
    }
    Ok(token)
}

fn same(token: &Secret, shown: &[u8]) -> bool {
    token.expose().as_bytes().ct_eq(shown).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> ApiTokens {
        ApiTokens::Both { viewer: "sees".to_owned().into(), operator: "does".to_owned().into() }
    }

    fn asks(values: &[&[u8]], needed: Right) -> Result<(), AccessDenied> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        tokens().admit(&headers, needed)
    }

    #[test]
    fn a_viewer_reads_and_an_operator_does_everything() {
        assert_eq!(asks(&[b"Bearer sees"], Right::View), Ok(()));
        assert_eq!(asks(&[b"Bearer does"], Right::View), Ok(()));
        assert_eq!(asks(&[b"bearer does"], Right::Operate), Ok(()));
        assert_eq!(asks(&[b"Bearer sees"], Right::Operate), Err(AccessDenied::NotAllowed));
    }

    #[test]
    fn what_is_no_token_of_ours_opens_nothing() {
        let none: [&[&[u8]]; 6] = [
            &[],
            &[b"Bearer"],
            &[b"Bearer   "],
            &[b"Basic ZG9lczo="],
            &[b"does"],
            &[b"Bearer does", b"Bearer does"],
        ];
        for values in none {
            assert_eq!(asks(values, Right::View), Err(AccessDenied::NoToken), "{values:?}");
        }
        for value in [b"Bearer doe".as_slice(), b"Bearer does2", b"Bearer DOES", b"Bearer \xff"] {
            assert_eq!(asks(&[value], Right::View), Err(AccessDenied::WrongToken), "{value:?}");
        }
    }

    #[test]
    fn a_door_without_a_lock_can_not_be_built() {
        assert!(ApiTokens::of(None, None).is_none());
        assert!(ApiTokens::of(Some("sees".to_owned().into()), None).is_some());
    }

    #[test]
    fn an_empty_token_does_not_match_an_empty_header() {
        let tokens = ApiTokens::Operator(String::new().into());
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer "));
        assert_eq!(tokens.admit(&headers, Right::View), Err(AccessDenied::NoToken));
    }
}
