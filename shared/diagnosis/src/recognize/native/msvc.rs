//! Microsoft's compiler and linker.
//!
//! ```text
//! D:\a\store\open.cpp(12,5): error C2065: 'client': undeclared identifier [D:\a\store.vcxproj]
//! open.obj : error LNK2019: unresolved external symbol "void __cdecl close(void)" referenced in …
//! LINK : fatal error LNK1104: cannot open file 'redis.lib'
//! ```

use crate::contract::{Category, Location};
use crate::finding::{Finding, Strength};
use crate::log::Log;
use crate::recognize::{Recognizer, pattern};

pub(super) const RECOGNISER: Recognizer =
    Recognizer { name: "msvc", triggers: &["error C", "error LNK", "error D8"], look };

fn look(log: &Log, at: usize, found: &mut Vec<Finding>) {
    let content = log.content(at);
    let pattern = pattern!(
        r"^\s*(?:[0-9]+>)?(\S.*?)(?:\(([0-9]+)(?:,([0-9]+))?\))? ?: (?:fatal )?error ((?:C|LNK|D)[0-9]{4,5}): (\S.*)$"
    );
    let Some(hit) = pattern.captures(content) else { return };
    // LNK1120 counts the others; C1903 stops after them.
    let echo = matches!(&hit[4], "LNK1120" | "LNK1169" | "C1903" | "C2220");
    let strength = if echo { Strength::Echo } else { Strength::Cause };
    let number = |at| hit.get(at).map(|it| it.as_str());
    let location = hit.get(2).map(|_| Location::new(&hit[1], number(2), number(3)));
    found.push(Finding::new("msvc", Category::CompileError, strength, at, &hit[5]).at(location));
}

#[cfg(test)]
mod tests {
    use crate::recognize::found_by;

    #[test]
    fn compiler_and_linker_are_read() {
        let found = found_by(
            "msvc",
            "D:\\a\\open.cpp(12,5): error C2065: 'client': undeclared identifier\nopen.obj : error LNK2019: unresolved external symbol close\n",
        );
        assert_eq!(found[0].location.as_ref().and_then(|place| place.column), Some(5));
        assert_eq!(found.len(), 2);
        assert!(found_by("msvc", "a.cs(1,2): error CS0103: no\nerror Code 5\n").is_empty());
    }
}
