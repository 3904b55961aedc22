//! YAML as a bounded tree: what a workflow holds, and nothing of what YAML can do besides.
//!
//! Built from a parser's events and not by a loader, as loaders copy what an alias names: a file of
//! a few lines could fill the memory. Here everything counts against one budget. Scalars stay the
//! texts that they are; the first of two equal keys counts.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser};

/// The largest file that is looked at, in bytes.
const LARGEST: usize = 512 * 1024;
/// The most nodes, copies of aliases included.
const MOST_NODES: usize = 50_000;
/// The deepest that nodes may stand in each other.
const DEEPEST: usize = 64;

/// One node of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum YamlNode {
    /// Any scalar, as it was written.
    Text(String),
    /// A list.
    List(Vec<YamlNode>),
    /// Keys and their values, in order.
    Map(Vec<(String, YamlNode)>),
}

impl YamlNode {
    /// The first document of a text; none if it is not YAML, or not one that anybody would write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LARGEST {
            return None;
        }
        let mut builder = TreeBuilder::default();
        for event in Parser::new_from_str(text) {
            match event.ok()?.0 {
                Event::DocumentEnd => return builder.root,
                event => builder.take(event)?,
            }
        }
        None
    }

    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    fn size(&self) -> usize {
        1 + match self {
            Self::Text(_) => 0,
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Map(entries) => entries.iter().map(|(_, node)| 1 + node.size()).sum(),
        }
    }

    fn depth(&self) -> usize {
        1 + match self {
            Self::Text(_) => 0,
            Self::List(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(entries) => entries.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
        }
    }
}

/// A document that is being built.
#[derive(Default)]
struct TreeBuilder {
    open: Vec<OpenNode>,
    anchors: HashMap<usize, YamlNode>,
    nodes: usize,
    root: Option<YamlNode>,
}

/// A list or map that has not ended, and the anchor it has (0: none).
struct OpenNode {
    node: YamlNode,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<String>,
}

impl TreeBuilder {
    fn take(&mut self, event: Event<'_>) -> Option<()> {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.close(YamlNode::Text(text.into_owned()), anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(YamlNode::List(vec![]), anchor),
            Event::MappingStart(anchor, _) => self.begin(YamlNode::Map(vec![]), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let OpenNode { node, anchor, .. } = self.open.pop()?;
                self.close(node, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor)?.clone();
                (self.open.len() + node.depth() <= DEEPEST).then_some(())?;
                self.close(node, 0)
            }
            _ => Some(()),
        }
    }

    fn begin(&mut self, node: YamlNode, anchor: usize) -> Option<()> {
        self.open.push(OpenNode { node, anchor, key: None });
        (self.open.len() <= DEEPEST).then_some(())
    }

    /// A node is whole: into what it stands in, or it is the document.
    fn close(&mut self, node: YamlNode, anchor: usize) -> Option<()> {
        self.nodes += if anchor == 0 && self.open.is_empty() { 1 } else { node.size() };
        if self.nodes > MOST_NODES {
            return None;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match (&mut open.node, open.key.take()) {
            (YamlNode::List(items), _) => items.push(node),
            (YamlNode::Map(_), None) => open.key = Some(key_of(node)),
            (YamlNode::Map(entries), Some(key)) => entries.push((key, node)),
            (YamlNode::Text(_), _) => return None,
        }
        Some(())
    }
}

/// Keys that are no texts are nothing that a workflow has.
fn key_of(node: YamlNode) -> String {
    match node {
        YamlNode::Text(text) => text,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_anchors() {
        let node = YamlNode::parse("a: &x [1, two]\nb: *x\non: push\n").unwrap();
        assert_eq!(node.get("b").unwrap().items()[1].text(), Some("two"));
        assert_eq!(node.get("on").unwrap().text(), Some("push"));
    }

    #[test]
    fn what_is_no_yaml_is_none() {
        for text in ["", "a: [", "a: *nobody", "{", "\t- a\n\t b", "%%%"] {
            assert_eq!(YamlNode::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_file_that_would_fill_the_memory_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for at in 1..12 {
            let before = at - 1;
            text.push_str(&format!("a{at}: &a{at} [{}]\n", format!("*a{before},").repeat(9)));
        }
        assert_eq!(YamlNode::parse(&text), None);
        assert_eq!(YamlNode::parse(&"[".repeat(100_000)), None);
        assert_eq!(YamlNode::parse(&"- ".repeat(3_000)), None);
    }
}
