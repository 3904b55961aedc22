//! Paginated lists.
//!
//! Each page is a separate call with credentials, limits and retries. GitHub's `Link` header names
//! the next page; it is followed only within GitHub's API.

use http::HeaderMap;
use http::header::LINK;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::call::{ApiCall, CallTarget};
use crate::client::ApiClient;
use crate::error::ForgeError;
use crate::model::Listed;
use crate::response::read;

/// Entries per page: GitHub's maximum.
pub(crate) const PER_PAGE: usize = 100;

/// A page as GitHub sends it: a list, or an object around one.
pub(crate) trait ListPage: DeserializeOwned {
    type Item;

    fn items(self) -> Vec<Self::Item>;
}

impl<T: DeserializeOwned> ListPage for Vec<T> {
    type Item = T;

    fn items(self) -> Self {
        self
    }
}

/// Names the field of an object that holds the list.
macro_rules! wrapped {
    ($($name:ident { $field:ident: $item:ty })+) => {$(
        #[derive(Deserialize)]
        pub(crate) struct $name {
            #[serde(default, deserialize_with = "crate::model::list")]
            $field: Vec<$item>,
        }

        impl ListPage for $name {
            type Item = $item;

            fn items(self) -> Vec<$item> {
                self.$field
            }
        }
    )+};
}

wrapped! {
    CheckRunsPage { check_runs: crate::model::CheckRun }
    WorkflowJobsPage { jobs: crate::model::WorkflowJob }
    WorkflowRunsPage { workflow_runs: crate::model::WorkflowRun }
    RepositoriesPage { repositories: crate::model::Repository }
}

impl ApiClient {
    /// Reads pages until there are no more, or until there are `most` entries.
    pub(crate) async fn pages<P: ListPage>(
        &self,
        first: &ApiCall,
        most: usize,
    ) -> Result<Listed<P::Item>, ForgeError> {
        let mut items = Vec::new();
        let mut call = first.clone();
        loop {
            let answer = self.send(&call).await?;
            let next = next(&answer.headers);
            items.extend(read::<P>(&call.purpose, &answer.whole())?.items());
            match next {
                Some(next) if items.len() < most => call = first.at(CallTarget::Next(next)),
                next => {
                    let complete = next.is_none() && items.len() <= most;
                    items.truncate(most);
                    return Ok(Listed { items, complete });
                }
            }
        }
    }
}

/// Returns the address of the next page from a `Link` header.
pub(crate) fn next(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok()).find_map(next_of)
}

fn next_of(link: &str) -> Option<String> {
    // An address may hold a comma, but never `>`.
    let mut rest = link;
    while let Some(start) = rest.find('<') {
        let (address, after) = rest[start + 1..].split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let is_next = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or_default();
            let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
            name.trim() == "rel" && value.split(' ').any(|word| word == "next")
        };
        if after[..end].split(';').any(is_next) {
            return Some(address.to_owned());
        }
        rest = &after[end..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_called_next() {
        let cases = [
            (
                r#"<https://a/x?page=1,2>; rel="prev", <https://a/x?page=3>; rel="next""#,
                Some("https://a/x?page=3"),
            ),
            (
                r#"<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last""#,
                Some("https://a/x?page=2"),
            ),
            (r#"<https://a/x?page=9>; rel="last""#, None),
            ("<https://a", None),
            ("", None),
        ];
        for (link, expected) in cases {
            assert_eq!(next_of(link).as_deref(), expected, "{link}");
        }
    }
}
