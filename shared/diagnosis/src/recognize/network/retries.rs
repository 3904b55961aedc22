//! Python's urllib3, which reports when it has given up, under any tool that uses it.
//!
//! ```text
//! ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='files.pythonhosted.org',
//! port=443): Max retries exceeded with url: /packages/a.whl (Caused by ResponseError('too many 503 …'))
//! ```
//!
//! A service of the job's own that does not listen is not a network failure.

use crate::contract::Category;
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::pattern;

pub(super) fn used_up(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let own = pattern!(r"host=.(?:localhost|127\.|0\.0\.0\.0|::1)");
    let in_passing = pattern!(r"WARNING|(?-u:\b)(?:DEBUG|INFO)(?-u:\b)");
    if own.is_match(content) || in_passing.is_match(content) {
        return;
    }
    found.push(Finding::new("network", Category::NetworkOrFlaky, Strength::Root, at, content));
}

#[cfg(test)]
mod tests {
    use crate::contract::Category;
    use crate::recognize::findings_in;

    #[test]
    fn giving_up_is_the_networks_before_it_is_pips() {
        let log = "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='github.com', \
                   port=443): Max retries exceeded with url: /a.zip (Caused by ResponseError('too many 502'))\n";
        assert_eq!(findings_in(&crate::log_of(log))[0].category, Category::NetworkOrFlaky);
    }

    #[test]
    fn a_service_of_ones_own_is_no_network() {
        let log = "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=80): Max retries exceeded with url: /\n";
        let found = findings_in(&crate::log_of(log));
        assert!(found.iter().all(|finding| finding.tool != "network"));
    }
}
