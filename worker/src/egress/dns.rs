//! The resolver of a sandbox: an answer for each question, decided without any I/O.
//!
//! Allowed names have one IPv4 address and nothing else. All other names do not exist: that is what
//! makes clients give up at once, where a refusal would make them ask again.

use std::net::Ipv4Addr;

use simple_dns::rdata::{A, RData};
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE,
    header_buffer,
};

/// Seconds that an answer may be kept. It is true for as long as the sandbox lives.
const TTL: u32 = 60;

/// The maximum size of a DNS query in bytes: the payload size that resolvers commonly accept.
pub(super) const LARGEST_QUESTION: usize = 1_232;

/// An answer to send back.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// A name whose address was asked for and that is not allowed.
    pub(super) refused: Option<String>,
}

/// Answers a question, or nothing where it is none. `resolve` knows the allowed names, in lower
/// case and without a dot at the end.
pub(super) fn answer(
    question: &[u8],
    resolve: impl FnOnce(&str) -> Option<Ipv4Addr>,
) -> Option<Answer> {
    // The numbers of records decide how much the parser takes of memory.
    let one_question = header_buffer::questions(question).ok()? == 1
        && header_buffer::answers(question).ok()? == 0
        && header_buffer::name_servers(question).ok()? == 0
        && header_buffer::additional_records(question).ok()? <= 2;
    if question.len() > LARGEST_QUESTION || !one_question {
        return None;
    }
    if header_buffer::has_flags(question, PacketFlag::RESPONSE).ok()? {
        return None;
    }
    let Ok(packet) = Packet::parse(question) else {
        return Some(Answer { bytes: not_understood(question)?, refused: None });
    };
    let recursion = packet.has_flags(PacketFlag::RECURSION_DESIRED);
    let is_query = packet.opcode() == OPCODE::StandardQuery;
    let mut reply = packet.into_reply();
    reply.additional_records.clear();
    let flags = PacketFlag::RESPONSE | PacketFlag::RECURSION_AVAILABLE;
    reply.set_flags(flags);
    if recursion {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    let asked = reply.questions.first()?.clone();
    let refused = if !is_query || !is_internet(asked.qclass) {
        *reply.rcode_mut() = RCODE::NotImplemented;
        None
    } else {
        let name = plain(&asked.qname);
        match name.as_deref().and_then(resolve) {
            Some(address) => {
                if matches!(asked.qtype, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) {
                    let data = RData::A(A { address: address.to_bits() });
                    let record = ResourceRecord::new(asked.qname, CLASS::IN, TTL, data);
                    reply.answers.push(record);
                }
                None
            }
            None => {
                *reply.rcode_mut() = RCODE::NameError;
                let of_address = matches!(asked.qtype, QTYPE::TYPE(TYPE::A | TYPE::AAAA));
                of_address.then(|| name.unwrap_or_else(|| "a name of strange signs".to_owned()))
            }
        }
    };
    let bytes = reply.build_bytes_vec().ok()?;
    Some(Answer { bytes, refused })
}

/// An answer to what the parser does not know, such as a type of record: without one, the client
/// would wait.
fn not_understood(question: &[u8]) -> Option<Vec<u8>> {
    let mut reply = Packet::new_reply(header_buffer::id(question).ok()?);
    reply.set_flags(PacketFlag::RESPONSE);
    *reply.rcode_mut() = RCODE::NotImplemented;
    reply.build_bytes_vec().ok()
}

fn is_internet(class: QCLASS) -> bool {
    matches!(class, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY)
}

/// The name as lists have it, if it is made of what hosts are made of.
fn plain(name: &Name<'_>) -> Option<String> {
    let mut plain = String::new();
    for label in name.as_bytes() {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        if !label.iter().all(fits) {
            return None;
        }
        if !plain.is_empty() {
            plain.push('.');
        }
        plain.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
    }
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use simple_dns::Question;

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 1, 2);

    fn question(name: &str, kind: TYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new_unchecked(name);
        packet.questions.push(Question::new(name, kind.into(), CLASS::IN.into(), false));
        packet.build_bytes_vec().unwrap()
    }

    fn ask(name: &str, kind: TYPE) -> (RCODE, Vec<RData<'static>>, Option<String>) {
        let question = question(name, kind);
        let answer = answer(&question, |name| (name == "pypi.org").then_some(ADDRESS)).unwrap();
        let reply = Packet::parse(&answer.bytes).unwrap();
        assert_eq!(reply.id(), 7);
        assert!(reply.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED));
        assert_eq!(reply.questions[0].qname, Name::new_unchecked(name), "repeated as it came");
        let data = reply.answers.iter().map(|record| record.rdata.clone().into_owned()).collect();
        (reply.rcode(), data, answer.refused)
    }

    #[test]
    fn an_allowed_name_has_one_address_of_the_fourth_version() {
        let address = || RData::A(A { address: ADDRESS.to_bits() });
        assert_eq!(ask("pypi.org", TYPE::A), (RCODE::NoError, vec![address()], None));
        assert_eq!(ask("PyPi.oRg", TYPE::A), (RCODE::NoError, vec![address()], None));
        for kind in [TYPE::AAAA, TYPE::TXT, TYPE::HTTPS] {
            assert_eq!(ask("pypi.org", kind), (RCODE::NoError, vec![], None), "{kind:?}");
        }
        let unknown = answer(&question("pypi.org", TYPE::Unknown(999)), |_| Some(ADDRESS)).unwrap();
        let reply = Packet::parse(&unknown.bytes).unwrap();
        assert_eq!((reply.id(), reply.rcode()), (7, RCODE::NotImplemented));
    }

    #[test]
    fn other_names_do_not_exist_and_are_reported_when_their_address_is_wanted() {
        let refused = |name: &str| Some(name.to_owned());
        assert_eq!(ask("Evil.com", TYPE::A), (RCODE::NameError, vec![], refused("evil.com")));
        assert_eq!(ask("evil.com", TYPE::AAAA), (RCODE::NameError, vec![], refused("evil.com")));
        assert_eq!(ask("_http._tcp.pypi.org", TYPE::SRV), (RCODE::NameError, vec![], None));
        let strange = ask("a b\u{1b}.com", TYPE::A).2.unwrap();
        assert!(strange.is_ascii() && !strange.contains('\u{1b}'), "{strange}");
    }

    #[test]
    fn no_bytes_make_it_panic_or_answer_an_answer() {
        let asked = question("pypi.org", TYPE::A);
        let answered = answer(&asked, |_| Some(ADDRESS)).unwrap().bytes;
        assert!(answer(&answered, |_| Some(ADDRESS)).is_none());
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let mut bytes = asked.clone();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(0..=bytes.len()));
            let _either = answer(&bytes, |_| Some(ADDRESS));
        }
    }
}
